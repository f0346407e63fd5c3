"""The token endpoint: from a signed assertion, through the certificate, to a short-lived access token."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Protocol

from joserfc import jwt
from joserfc.errors import JoseError

from carespine.kernel.clock import Clock
from carespine.kernel.errors import CarespineError, Forbidden, Unauthenticated
from carespine.security import assertions, clients, leaving, scopes
from carespine.security.actor import Actor

if TYPE_CHECKING:
    from datetime import datetime

    from joserfc.jwk import ECKey

    from carespine.security.clients import Client
    from carespine.storage.database import Connection, Database

# ../reference/lifecycle.md and issue terms: certified apps get access tokens of 300 s at most.
ACCESS_TOKEN_LIFE_S = 300
_ALGORITHM = "ES256"
_TYPE = "at+jwt"
_CACHE_SIZE = 4_096


class Standing(Protocol):
    """Where a product stands with its certificate at this moment."""

    @property
    def state(self) -> str: ...
    @property
    def certificate_id(self) -> str | None: ...
    @property
    def thumbprint(self) -> str | None: ...
    @property
    def allowed(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def suspensions(self) -> int: ...
    @property
    def reach(self) -> str: ...
    @property
    def deprecated_since(self) -> datetime | None: ...
    @property
    def sunset(self) -> datetime | None: ...


class CertificatePort(Protocol):
    """What security asks of the standards: the committed standing of a client's certificate."""

    async def standing(self, connection: Connection, client_id: str) -> Standing: ...


class TokenError(CarespineError):
    """A refusal in the shape of RFC 6749 section 5.2: `error` is its code."""

    status, code = 400, "login"

    def __init__(
        self, error: str, description: str, *, status: int = 400, client_id: str | None = None
    ) -> None:
        super().__init__(description)
        self.error, self.status, self.client_id = error, status, client_id


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token and what it grants."""

    access_token: str
    expires_in: int
    scope: str
    client: Client
    standing: Standing | None

    @property
    def certificate(self) -> str | None:
        return self.standing.certificate_id if self.standing else None


class TokenService:
    """Issues and verifies access tokens. `base_url` is the server's public address without a final slash."""

    def __init__(
        self, database: Database, key: ECKey, clock: Clock, certificates: CertificatePort, *, base_url: str
    ) -> None:
        self._database, self._key, self._clock, self._certificates = database, key, clock, certificates
        self._base_url = base_url
        self._verified: dict[str, Mapping[str, Any]] = {}

    @property
    def token_url(self) -> str:
        return f"{self._base_url}/oauth/token"

    @property
    def audience(self) -> str:
        return f"{self._base_url}/fhir"

    async def grant(self, form: Mapping[str, str]) -> Grant:
        """Answer a token request (grant type client_credentials); raises TokenError."""
        if form.get("grant_type") != "client_credentials":
            raise TokenError("unsupported_grant_type", "This endpoint grants client_credentials only.")
        if form.get("client_assertion_type") != assertions.ASSERTION_TYPE:
            raise TokenError(
                "invalid_client", "client_assertion_type must be the JWT bearer type.", status=401
            )
        text = form.get("client_assertion") or ""
        try:
            claimed = assertions.client_id_of(text)
        except Unauthenticated as refusal:
            raise TokenError("invalid_client", refusal.message, status=401) from refusal
        if form.get("client_id", claimed) != claimed:  # RFC 7521 section 4.2
            raise TokenError(
                "invalid_client", "client_id and the assertion name different clients.", status=401
            )
        async with self._database.transaction() as tx:
            client = await self._authenticate(tx, claimed, text)
        # The assertion is used up from here on, also where what follows is refused.
        async with self._database.connection() as connection:
            standing = await self._certificate(connection, client)
        granted = leaving.granted(_grantable(form.get("scope") or "", client), standing)
        return self._issue(client, granted, standing)

    async def actor(self, token: str, *, address: str | None = None, request_id: str | None = None) -> Actor:
        """Who a bearer token speaks for, now: signature, life, client and certificate all hold.

        Raises Unauthenticated for a bad or expired token, Forbidden where the client or its certificate is
        no longer in good standing, whatever the token says.
        """
        claims = self._claims(token)
        standing: Standing | None = None
        async with self._database.connection() as connection:
            client = await clients.find(connection, claims["client_id"])
            if client is None or not client.enabled or client.generation != claims.get("generation"):
                raise Unauthenticated("The client of this token is not registered, or was disabled.")
            if client.certified:
                standing = await self._certificates.standing(connection, client.client_id)
                if not standing.allowed or standing.certificate_id != claims.get("certificate"):
                    raise Forbidden(f"The certificate does not permit this: {standing.reason}")
                if standing.suspensions != claims.get("suspensions"):
                    raise Unauthenticated("The access token is from before a suspension: ask for a new one.")
        return Actor(
            "app",
            client.client_id,
            client.name,
            "certified app" if client.certified else "registered app",
            organisation=client.organisation,
            scopes=leaving.granted(claims["scope"].split(), standing),
            certificate=claims.get("certificate"),
            address=address,
            request_id=request_id,
            notices=leaving.notices(standing) if standing else (),
        )

    async def demand_standing(self, connection: Connection, actor: Actor) -> None:
        """Raise Forbidden where an app was disabled, or the certificate that it came in with is not in force.

        For work that goes on after the token was checked: a long upload must not outlive its certificate.
        """
        if actor.kind != "app":
            return
        client = await clients.find(connection, actor.id)
        if client is None or not client.enabled:
            raise Forbidden("The client is not registered any more, or was disabled.")
        if actor.certificate:
            standing = await self._certificates.standing(connection, actor.id)
            if not standing.allowed or standing.certificate_id != actor.certificate:
                raise Forbidden(f"The certificate does not permit this: {standing.reason}")

    async def _authenticate(self, tx: Connection, claimed: str, text: str) -> Client:
        client = await clients.find(tx, claimed)
        if client is None or not client.enabled or client.method != "private_key_jwt":
            raise TokenError(
                "invalid_client", "The client is not registered here, or was disabled.", status=401
            )
        try:
            assertion = assertions.check(
                text, client_id=claimed, keys=client.keys(), audience=self.token_url, now=self._clock()
            )
        except Unauthenticated as refusal:
            raise TokenError("invalid_client", refusal.message, status=401, client_id=claimed) from refusal
        fresh = await tx.fetchval(
            "insert into oauth_assertion (client_id, jti, expires) values ($1, $2, $3) "
            "on conflict do nothing returning true",
            claimed,
            assertion.jti,
            assertion.expires,
        )
        if not fresh:
            raise TokenError(
                "invalid_client", "The assertion was used before (its jti).", status=401, client_id=claimed
            )
        return client

    async def _certificate(self, connection: Connection, client: Client) -> Standing | None:
        if not client.certified:
            return None
        standing = await self._certificates.standing(connection, client.client_id)
        if not standing.allowed:
            raise TokenError(
                "unauthorized_client",
                f"No certificate in force: {standing.reason}",
                client_id=client.client_id,
            )
        thumbprints = {key.thumbprint() for key in client.keys().keys}
        if standing.thumbprint not in thumbprints:
            raise TokenError(
                "unauthorized_client",
                "The certificate is bound to another key than the client's.",
                client_id=client.client_id,
            )
        return standing

    def _issue(self, client: Client, granted: frozenset[str], standing: Standing | None) -> Grant:
        now = int(self._clock().timestamp())
        scope = " ".join(sorted(granted))
        claims: dict[str, Any] = {
            "iss": self._base_url,
            "aud": self.audience,
            "sub": client.client_id,
            "client_id": client.client_id,
            "iat": now,
            "exp": now + ACCESS_TOKEN_LIFE_S,
            "jti": token_urlsafe(16),
            "scope": scope,
            "generation": client.generation,
        }
        if standing:
            claims |= {"certificate": standing.certificate_id, "suspensions": standing.suspensions}
        token = jwt.encode({"alg": _ALGORITHM, "typ": _TYPE, "kid": self._key.kid}, claims, self._key)
        return Grant(token, ACCESS_TOKEN_LIFE_S, scope, client, standing)

    def _claims(self, token: str) -> Mapping[str, Any]:
        claims = self._verified.get(token) or self._verify(token)
        if claims["exp"] <= self._clock().timestamp():
            self._verified.pop(token, None)
            raise Unauthenticated("The access token has expired.")
        return claims

    def _verify(self, token: str) -> Mapping[str, Any]:
        try:
            decoded = jwt.decode(token, self._key, algorithms=[_ALGORITHM])
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise Unauthenticated("The access token is not one of ours.") from error
        claims = decoded.claims
        if decoded.header.get("typ") != _TYPE or claims.get("iss") != self._base_url:
            raise Unauthenticated("The access token is not one of ours.")
        if claims.get("aud") != self.audience:
            raise Unauthenticated("The access token is meant for another server.")
        if len(self._verified) >= _CACHE_SIZE:
            self._verified.clear()
        self._verified[token] = claims
        return claims


def _grantable(wanted: str, client: Client) -> frozenset[str]:
    own = frozenset(scope for scope in client.scopes if scope.startswith("system/"))
    asked = frozenset(wanted.split())
    if not asked:
        return own
    if beyond := sorted(scope for scope in asked if not scopes.within(scope, own)):
        raise TokenError(
            "invalid_scope", f"Not granted to this client: {' '.join(beyond)}.", client_id=client.client_id
        )
    return asked


async def forget_expired_assertions(tx: Connection, *, now: float | None = None) -> None:
    """Delete the assertions that would be refused as expired in any case."""
    await tx.execute(
        "delete from oauth_assertion where expires < to_timestamp($1)",
        (now or time.time()) - assertions.SKEW_S,
    )
