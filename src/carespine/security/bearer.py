"""Who an API request speaks for, by its Authorization header; a refusal here is on record too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from carespine.kernel.errors import CarespineError, Unauthenticated
from carespine.security.actor import TREATMENT, Actor, open_access
from carespine.security.audit_event import MINOR_FAILURE, Event

if TYPE_CHECKING:
    from carespine.security.dpop import Proof
    from carespine.storage.database import Connection

_ANONYMOUS = "anonymous"
_CHALLENGE = 'Bearer realm="carespine"'
_DPOP_CHALLENGE = 'DPoP realm="carespine"'


class Tokens(Protocol):
    """Who an access token speaks for (tokens.TokenService)."""

    async def actor(
        self,
        token: str,
        *,
        address: str | None = None,
        request_id: str | None = None,
        proof: Proof | None = None,
    ) -> Actor: ...

    async def demand_standing(
        self, connection: Connection, actor: Actor, *, writes: bool = False
    ) -> None: ...


class Audit(Protocol):
    """Where refusals go that happen before anyone is let in (audit_log.AuditLog)."""

    async def record(self, events: Sequence[Event]) -> None: ...


async def bearer_actor(
    authorization: str,
    *,
    tokens: Tokens,
    audit: Audit,
    is_open: bool,
    address: str | None,
    request_id: str | None,
    proof: Proof | None = None,
) -> Actor:
    """The actor of an Authorization header; the open actor where the server was started open and none is sent.

    `proof` is the DPoP proof that came with it, for a token that is bound to a key.

    Raises Unauthenticated (with WWW-Authenticate) or Forbidden, each with its audit event.
    """
    scheme, _, token = authorization.partition(" ")
    try:
        if scheme.lower() == "bearer" and token.strip():
            return await tokens.actor(token.strip(), address=address, request_id=request_id)
        if scheme.lower() == "dpop" and token.strip() and proof:
            return await tokens.actor(token.strip(), address=address, request_id=request_id, proof=proof)
        if is_open:
            return open_access(address)
        raise Unauthenticated("Sign in first: send an access token as Authorization: Bearer.")
    except CarespineError as error:
        if isinstance(error, Unauthenticated):
            wrong = ', error="invalid_token"' if token else ""
            scheme = _DPOP_CHALLENGE if scheme.lower() == "dpop" else _CHALLENGE
            error.headers["WWW-Authenticate"] = scheme + wrong
        unknown = Actor(
            "app", _ANONYMOUS, _ANONYMOUS, "not signed in", address=address, request_id=request_id
        )
        refused = Event(unknown, TREATMENT, "E", "sign-in", outcome=MINOR_FAILURE, description=error.message)
        await audit.record([refused])
        raise
