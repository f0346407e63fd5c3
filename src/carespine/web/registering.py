"""`POST /oauth/register`: an app registers itself with a software statement that carries its certificate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from carespine.kernel.errors import Invalid, TooMany
from carespine.security.actor import ADMINISTRATION, Actor
from carespine.security.audit_event import MINOR_FAILURE, Event
from carespine.security.fetching import fetch_json
from carespine.security.oauth.registration import Certified, Registered, Registrar
from carespine.security.token_error import TokenError
from carespine.standards.keys import SigningKey
from carespine.web import oauth_endpoints, wiring, workers
from carespine.web.rates import Rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from carespine.web.platform import Platform

PATH = "/oauth/register"
_LARGEST_BODY = 64 * 1024
# Ours: an app registers when it is installed, not more often.
_PER_MINUTE = 30
_HEADERS = {"Pragma": "no-cache", "Cache-Control": "no-store"}


def route(platform: Platform) -> Route:
    """The route, over one platform."""
    endpoint = _Registration(platform, _registrar(platform), Rates(platform.clock, per_minute=_PER_MINUTE))
    return Route(PATH, endpoint.answer, methods=["POST"])


def _registrar(platform: Platform) -> Registrar:
    async def fetch(address: str) -> Mapping[str, Any]:
        return await fetch_json(workers.egress(platform.settings), address)

    trust = SigningKey.of(platform.keys.certificates).jwks
    audience = oauth_endpoints.addresses(platform.settings.address)["registration_endpoint"]
    reader = wiring.CertificateReader(trust, platform.clock)
    return Registrar(platform.database, reader, fetch, audience)


@dataclass(frozen=True, slots=True)
class _Registration:
    platform: Platform
    registrar: Registrar
    rates: Rates

    async def answer(self, request: Request) -> Response:
        try:
            self.rates.demand(f"{request.client.host if request.client else None}")
            made = await self._register(request)
        except TooMany as error:
            told = {"error": "temporarily_unavailable", "error_description": error.message}
            return JSONResponse(told, 429, {**_HEADERS, **error.headers})
        except TokenError as error:
            return await self._refuse(request, error)
        except Invalid as error:  # text that no database can hold
            return await self._refuse(request, TokenError("invalid_client_metadata", error.message))
        return JSONResponse(made.body, 201, _HEADERS)

    async def _refuse(self, request: Request, error: TokenError) -> Response:
        await self.platform.audit.record([_refused(request, error)])
        told = {"error": error.error, "error_description": error.message}
        return JSONResponse(told, error.status, _HEADERS)

    async def _register(self, request: Request) -> Registered:
        told, now = await _body(request), self.platform.clock()
        certified, metadata = await self.registrar.examine(told, now=now)
        self.rates.demand(f"client {certified.client_id}")
        jwks = await self.registrar.keys(certified, metadata)
        async with self.platform.database.transaction() as tx:
            made = await self.registrar.register(tx, certified, metadata, jwks, now=now)
            await self.platform.audit.append(tx, [_done(request, certified, made)])
        return made


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise TokenError("invalid_client_metadata", "Send the request as application/json.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise TokenError("invalid_client_metadata", "The request is too long.", status=413)
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise TokenError("invalid_client_metadata", "The request is not JSON.") from error
    if not isinstance(tree, dict):
        raise TokenError("invalid_client_metadata", "The request is not a JSON object.")
    return tree


def _done(request: Request, certified: Certified, made: Registered) -> Event:
    actor = _actor(request, certified.client_id, certified.product, certificate=certified.certificate_id)
    detail = {"scope": " ".join(sorted(made.client.scopes)), "method": made.client.method}
    return Event(
        actor, ADMINISTRATION, "C", "register-client", what=f"clients/{made.client.client_id}", detail=detail
    )


def _refused(request: Request, error: TokenError) -> Event:
    claimed = error.client_id or "not authenticated"
    actor = _actor(request, claimed, claimed)
    return Event(
        actor, ADMINISTRATION, "C", "register-client", outcome=MINOR_FAILURE, description=error.message
    )


def _actor(request: Request, client_id: str, name: str, certificate: str | None = None) -> Actor:
    return Actor(
        "app",
        client_id,
        name,
        "client",
        certificate=certificate,
        address=request.client.host if request.client else None,
        request_id=getattr(request.state, "request_id", None),
    )
