"""Who an API request speaks for; a refusal before anyone is let in is on record too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carespine.kernel.errors import CarespineError, Unauthenticated
from carespine.security.actor import TREATMENT, Actor, open_access
from carespine.security.audit_event import MINOR_FAILURE, Event

if TYPE_CHECKING:
    from starlette.requests import Request

    from carespine.web.platform import Platform

_ANONYMOUS = "anonymous"
_CHALLENGE = 'Bearer realm="carespine"'


async def request_actor(platform: Platform, request: Request) -> Actor:
    """The actor of a Starlette request."""
    address = request.client.host if request.client else None
    authorization = request.headers.get("authorization", "")
    return await bearer_actor(platform, authorization, address=address, request_id=request.state.request_id)


async def bearer_actor(
    platform: Platform, authorization: str, *, address: str | None, request_id: str | None
) -> Actor:
    """The actor of an Authorization header; the open actor where the server was started open."""
    try:
        return await _actor(platform, authorization, address, request_id)
    except CarespineError as error:
        unknown = Actor(
            "app", _ANONYMOUS, _ANONYMOUS, "not signed in", address=address, request_id=request_id
        )
        refused = Event(unknown, TREATMENT, "E", "sign-in", outcome=MINOR_FAILURE, description=error.message)
        await platform.audit.record([refused])
        raise


async def _actor(
    platform: Platform, authorization: str, address: str | None, request_id: str | None
) -> Actor:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        try:
            return await platform.tokens.actor(token.strip(), address=address, request_id=request_id)
        except Unauthenticated as error:
            error.headers["WWW-Authenticate"] = f'{_CHALLENGE}, error="invalid_token"'
            raise
    if platform.settings.open:
        return open_access(address)
    raise Unauthenticated(
        "Sign in first: send an access token as Authorization: Bearer.",
        headers={"WWW-Authenticate": _CHALLENGE},
    )
