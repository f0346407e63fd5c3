"""The OAuth endpoints that apps call themselves: token, introspection, revocation. Each answer is on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from carespine.kernel.errors import CarespineError, Invalid, TooMany
from carespine.security.actor import ADMINISTRATION, Actor
from carespine.security.audit_event import MINOR_FAILURE, SUCCESS, Event
from carespine.security.dpop import Proof
from carespine.security.token_error import TokenError
from carespine.spine.fhir_api.pairs import query_pairs
from carespine.web.rates import Rates

if TYPE_CHECKING:
    from starlette.requests import Request

    from carespine.security.clients import Client
    from carespine.security.tokens import Grant
    from carespine.web.platform import Platform

_FORM = "application/x-www-form-urlencoded"
_MAX_FORM = 16_384
_HEADERS = {"Pragma": "no-cache", "Cache-Control": "no-store"}
Form = dict[str, str]
Endpoint = Callable[["Request", Form], Awaitable[tuple[Any, Event]]]


def addresses(base_url: str) -> dict[str, str]:
    """Where each endpoint is, by its name in the discovery documents (RFC 8414)."""
    return {
        "authorization_endpoint": f"{base_url}/oauth/authorize",
        "token_endpoint": f"{base_url}/oauth/token",
        "introspection_endpoint": f"{base_url}/oauth/introspect",
        "revocation_endpoint": f"{base_url}/oauth/revoke",
        "registration_endpoint": f"{base_url}/oauth/register",
        "management_endpoint": f"{base_url}/me/sharing",
    }


def routes(platform: Platform) -> list[Route]:
    """The routes, over one platform."""
    rates = Rates(platform.clock)

    async def token(request: Request, form: Form) -> tuple[Any, Event]:
        grant = await platform.tokens.grant(
            form,
            authorization=request.headers.get("authorization", ""),
            proof=proof_of(request, platform.tokens.token_url),
        )
        return grant.body, _granted(request, grant)

    async def introspect(request: Request, form: Form) -> tuple[Any, Event]:
        client = await _client(platform, request, form, public=False)
        told = await platform.tokens.introspect(form, client)
        return told, _asked(request, client, "introspect", active=str(told["active"]).lower())

    async def revoke(request: Request, form: Form) -> tuple[Any, Event]:
        client = await _client(platform, request, form, public=True)
        await platform.tokens.revoke(form, client)
        return {}, _asked(request, client, "revoke")

    return [
        Route("/oauth/token", _endpoint(platform, rates, "token", token), methods=["POST"]),
        Route("/oauth/introspect", _endpoint(platform, rates, "introspect", introspect), methods=["POST"]),
        Route("/oauth/revoke", _endpoint(platform, rates, "revoke", revoke), methods=["POST"]),
    ]


def proof_of(request: Request, url: str) -> Proof | None:
    """The DPoP proof of a request to `url`; two of them are one that fits nothing."""
    given = request.headers.getlist("dpop")
    return Proof(",".join(given), request.method, url) if given else None


def _endpoint(
    platform: Platform, rates: Rates, name: str, endpoint: Endpoint
) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            rates.demand(f"{_address(request)}")
            form = await _form(request)
            if client_id := form.get("client_id"):
                rates.demand(f"client {client_id[:128]}")
            body, event = await endpoint(request, form)
        except TooMany as error:
            told = {"error": "temporarily_unavailable", "error_description": error.message}
            return JSONResponse(told, 429, {**_HEADERS, **error.headers})
        except TokenError as error:
            await platform.audit.record([_refused(request, name, error)])
            told = {"error": error.error, "error_description": error.message}
            headers = dict(_HEADERS)
            if error.status == 401 and "authorization" in request.headers:
                headers["WWW-Authenticate"] = 'Basic realm="carespine"'  # RFC 6749 section 5.2
            return JSONResponse(told, error.status, headers)
        except Invalid as error:  # text that no database can hold
            told = {"error": "invalid_request", "error_description": error.message}
            await platform.audit.record([_refused(request, name, error)])
            return JSONResponse(told, 400, _HEADERS)
        await platform.audit.record([event])
        return JSONResponse(body, headers=_HEADERS)

    return respond


async def _client(platform: Platform, request: Request, form: Form, *, public: bool) -> Client:
    if not form.get("token"):
        raise TokenError("invalid_request", "The parameter token is missing.")
    return await platform.tokens.authenticate(form, request.headers.get("authorization", ""), public=public)


def _granted(request: Request, grant: Grant) -> Event:
    detail = {"scope": grant.scope, "on-behalf-of": grant.username or ""}
    actor = _actor(request, grant.client, certificate=grant.certificate)
    return Event(actor, ADMINISTRATION, "E", "token", outcome=SUCCESS, detail=detail)


def _asked(request: Request, client: Client, what: str, **detail: str) -> Event:
    return Event(_actor(request, client), ADMINISTRATION, "E", what, detail=detail)


def _refused(request: Request, what: str, error: CarespineError) -> Event:
    claimed = getattr(error, "client_id", None) or "not authenticated"
    unknown = Actor("app", claimed, claimed, "client", address=_address(request), request_id=_id(request))
    return Event(unknown, ADMINISTRATION, "E", what, outcome=MINOR_FAILURE, description=error.message)


def _actor(request: Request, client: Client, certificate: str | None = None) -> Actor:
    return Actor(
        "app",
        client.client_id,
        client.name,
        "client",
        organisation=client.organisation,
        certificate=certificate,
        address=_address(request),
        request_id=_id(request),
    )


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


def _id(request: Request) -> str | None:
    return getattr(request.state, "request_id", None)


async def _form(request: Request) -> Form:
    """The form as RFC 6749 section 3.2 has it: each parameter once."""
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
