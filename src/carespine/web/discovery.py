"""How others find their way in: SMART configuration, token endpoint, keys, security contact, health."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import Invalid, Unavailable
from carespine.security.actor import ADMINISTRATION, Actor
from carespine.security.assertions import ALGORITHMS
from carespine.security.audit_event import Event
from carespine.security.keys import public_set
from carespine.security.tokens import ACCESS_TOKEN_LIFE_S, TokenError
from carespine.spine.fhir_api.pairs import query_pairs

if TYPE_CHECKING:
    from starlette.requests import Request

    from carespine.web.platform import Platform

_FORM = "application/x-www-form-urlencoded"
_MAX_FORM = 16_384


def routes(platform: Platform) -> list[Route]:
    """The routes, over one platform."""
    address = platform.settings.address
    configuration = {
        "issuer": address,
        "token_endpoint": platform.tokens.token_url,
        "jwks_uri": f"{address}/oauth/jwks.json",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "scopes_supported": ["system/*.cruds", "system/*.rs", "system/Observation.c", "system/Patient.rs"],
        "capabilities": ["client-confidential-asymmetric", "permission-v2"],
        "udap_certifications_required": [f"{address}/standards"],
    }

    async def smart_configuration(_request: Request) -> Response:
        return JSONResponse(configuration)

    async def token(request: Request) -> Response:
        return await _token(platform, request)

    async def jwks(_request: Request) -> Response:
        return JSONResponse(public_set(platform.keys.tokens).as_dict(private=False))

    async def security_txt(_request: Request) -> Response:
        expires = fhir_instant(platform.clock() + timedelta(days=180))
        lines = [f"Contact: {platform.settings.security_contact}", f"Expires: {expires}"]
        lines += [f"Canonical: {address}/.well-known/security.txt", "Preferred-Languages: en"]
        return PlainTextResponse("\n".join(lines) + "\n")

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        try:
            async with platform.database.connection() as connection:
                await connection.fetchval("select 1")
        except Unavailable as error:
            return JSONResponse({"status": "not ready", "reason": error.message}, 503)
        return JSONResponse({"status": "ready"})

    return [
        Route("/.well-known/smart-configuration", smart_configuration),
        Route("/fhir/.well-known/smart-configuration", smart_configuration),
        Route("/.well-known/oauth-authorization-server", smart_configuration),
        Route("/.well-known/security.txt", security_txt),
        Route("/oauth/token", token, methods=["POST"]),
        Route("/oauth/jwks.json", jwks),
        Route("/health", health),
        Route("/ready", ready),
    ]


async def _token(platform: Platform, request: Request) -> Response:
    """RFC 6749 section 4.4 with a signed assertion; both the grant and the refusal are on record."""
    address = request.client.host if request.client else None
    request_id = request.state.request_id
    try:
        form = await _form(request)
        grant = await platform.tokens.grant(form)
    except TokenError as error:
        claimed = error.client_id or "not authenticated"
        unknown = Actor("app", claimed, claimed, "client", address=address, request_id=request_id)
        refused = Event(unknown, ADMINISTRATION, "E", "token", outcome="4", description=error.message)
        await platform.audit.record([refused])
        body = {"error": error.error, "error_description": error.message}
        return JSONResponse(body, error.status, {"Pragma": "no-cache"})
    client = grant.client
    actor = Actor(
        "app",
        client.client_id,
        client.name,
        "client",
        organisation=client.organisation,
        certificate=grant.certificate,
        address=address,
        request_id=request_id,
    )
    await platform.audit.record([Event(actor, ADMINISTRATION, "E", "token", detail={"scope": grant.scope})])
    return JSONResponse(
        {
            "access_token": grant.access_token,
            "token_type": "bearer",
            "expires_in": ACCESS_TOKEN_LIFE_S,
            "scope": grant.scope,
        },
        headers={"Pragma": "no-cache"},
    )


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        raise TokenError("invalid_request", f"Send the request as {_FORM}.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            raise TokenError("invalid_request", "The request is too long.")
    try:
        pairs = query_pairs(body.decode())
    except (UnicodeDecodeError, Invalid) as error:
        raise TokenError("invalid_request", "The form is not UTF-8, or has too many parameters.") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenError("invalid_request", "A parameter is given twice.")
    return form
