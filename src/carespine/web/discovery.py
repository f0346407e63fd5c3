"""How others find their way in: SMART configuration, token endpoint, keys, security contact, health."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, get_args

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import Unavailable
from carespine.security.access_tokens import IDENTITY_ALGORITHM
from carespine.security.assertions import ALGORITHMS
from carespine.security.clients import Method
from carespine.security.dpop import ALGORITHMS as DPOP_ALGORITHMS
from carespine.security.keys import public_set
from carespine.security.scopes import FLAGS
from carespine.security.tokens import GRANT_TYPES
from carespine.web import oauth_endpoints, registering

if TYPE_CHECKING:
    from starlette.requests import Request

    from carespine.web.platform import Platform

# What the capabilities mean: SMART App Launch 2.2, conformance.html.
_CAPABILITIES = [
    "authorize-post",
    "client-confidential-asymmetric",
    "client-confidential-symmetric",
    "client-public",
    "context-banner",
    "context-ehr-patient",
    "context-standalone-patient",
    "launch-ehr",
    "launch-standalone",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
    "sso-openid-connect",
]
_SCOPES = [
    *sorted(FLAGS),
    *(f"{context}/*.{letters}" for context in ("patient", "user", "system") for letters in ("cruds", "rs")),
    "patient/Observation.rs?category=laboratory",
]


def routes(platform: Platform) -> list[Route]:
    """The routes, over one platform."""
    address = platform.settings.address
    endpoints = oauth_endpoints.addresses(address)
    configuration = {
        "issuer": address,
        **endpoints,
        "jwks_uri": f"{address}/oauth/jwks.json",
        "grant_types_supported": list(GRANT_TYPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(get_args(Method)),
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
        "revocation_endpoint_auth_methods_supported": list(get_args(Method)),
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "id_token_signing_alg_values_supported": [IDENTITY_ALGORITHM],
        "subject_types_supported": ["public"],
        "scopes_supported": _SCOPES,
        "capabilities": _CAPABILITIES,
        "udap_certifications_required": [f"{address}/standards"],
    }

    async def smart_configuration(_request: Request) -> Response:
        return JSONResponse(configuration)

    async def jwks(_request: Request) -> Response:
        keys = public_set(*platform.keys.tokens.keys, platform.keys.identity())
        return JSONResponse(keys.as_dict(private=False))

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
        Route("/.well-known/openid-configuration", smart_configuration),
        *oauth_endpoints.routes(platform),
        registering.route(platform),
        Route("/oauth/jwks.json", jwks),
        Route("/health", health),
        Route("/ready", ready),
    ]
