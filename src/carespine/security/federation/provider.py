"""One OpenID Connect provider: where to send a browser, and what comes of the code that it brings back."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from carespine.kernel.errors import Invalid, Unauthenticated, Unavailable
from carespine.kernel.ids import new_id
from carespine.security.assertions import ASSERTION_TYPE
from carespine.security.federation import id_tokens
from carespine.security.fetching import guarded, read_json

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.kernel.clock import Clock
    from carespine.security.egress import Egress

Kind = Literal["nhs-login", "cis2"]
# NHS login demands RS512 for private_key_jwt; CIS2 takes it too.
CLIENT_ALGORITHM = "RS512"
_ASSERTION_LIFE_S = 60
# Ours: a provider changes its addresses seldom, its keys more often; an unknown key is looked up once a minute at most.
_KNOWN_FOR, _KEYS_FOR, _LOOK_AGAIN = timedelta(hours=1), timedelta(minutes=15), timedelta(minutes=1)
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A provider as a deployment names it. `ask` is what its authorisation request carries besides the usual."""

    kind: Kind
    title: str
    issuer: str
    client_id: str
    redirect_uri: str
    scope: str
    ask: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What a provider says of who signed in: `token` is signed, `more` came over its own connection."""

    token: Mapping[str, Any]
    more: Mapping[str, Any]

    def get(self, name: str) -> Any:
        return self.token[name] if name in self.token else self.more.get(name)


class Provider:
    """A provider as one process knows it. `key` signs as us (private_key_jwt); all calls go through the guard."""

    def __init__(
        self, configuration: Configuration, key: Callable[[], RSAKey], egress: Egress, clock: Clock
    ) -> None:
        self.configuration = configuration
        self._key, self._egress, self._clock = key, egress, clock
        self._described: tuple[datetime, Mapping[str, Any]] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    async def question(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where to send the browser. Raises Unavailable where the provider does not answer."""
        about, own = await self._about(), self.configuration
        asked = {
            "response_type": "code",
            "client_id": own.client_id,
            "redirect_uri": own.redirect_uri,
            "scope": own.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
            **own.ask,
        }
        address: str = about["authorization_endpoint"]
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"

    async def redeem(self, code: str, *, verifier: str, nonce: str) -> Told:
        """Who signed in. Raises Unauthenticated, in words that follow "NHS login: ", or Unavailable."""
        about = await self._about()
        async with guarded(self._egress) as client:
            answer = await self._tokens(client, about["token_endpoint"], code, verifier)
            claims = await self._identity(answer.get("id_token"), nonce)
            return Told(claims, await self._more(client, about, answer.get("access_token"), claims["sub"]))

    async def _tokens(
        self, client: httpx.AsyncClient, address: str, code: str, verifier: str
    ) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.configuration.redirect_uri,
            "client_id": self.configuration.client_id,
            "code_verifier": verifier,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(address),
        }
        try:
            return await read_json(client, httpx.Request("POST", address, data=form))
        except Invalid as error:
            raise Unauthenticated("It did not accept the sign-in; it may have been used before.") from error

    def _assertion(self, audience: str) -> str:
        """How we prove who we are to the provider (RFC 7523)."""
        key, now = self._key(), int(self._clock().timestamp())
        own = self.configuration.client_id
        claims = {
            "iss": own, "sub": own, "aud": audience, "jti": new_id(), "iat": now, "exp": now + _ASSERTION_LIFE_S,
        }  # fmt: skip
        header = {"alg": CLIENT_ALGORITHM, "kid": str(key.kid), "typ": "JWT"}
        return jwt.encode(header, claims, key, algorithms=[CLIENT_ALGORITHM])

    async def _identity(self, text: object, nonce: str) -> Mapping[str, Any]:
        own = self.configuration
        for keys in (await self._known_keys(), None):
            try:
                return id_tokens.check(
                    text,
                    keys=keys or await self._known_keys(again=True),
                    issuer=own.issuer,
                    client_id=own.client_id,
                    nonce=nonce,
                    now=self._clock(),
                )
            except id_tokens.UnknownKeyError:
                continue
        raise Unauthenticated("Its identity token is signed with a key that it does not publish.")

    async def _more(
        self, client: httpx.AsyncClient, about: Mapping[str, Any], token: object, subject: str
    ) -> Mapping[str, Any]:
        """The claims of the userinfo endpoint, which must speak of the same person."""
        if "userinfo_endpoint" not in about or not isinstance(token, str) or not token.isascii():
            return {}
        request = httpx.Request(
            "GET", about["userinfo_endpoint"], headers={"authorization": f"Bearer {token}"}
        )
        try:
            found = await read_json(client, request)
        except Invalid as error:
            raise Unauthenticated("It did not say who signed in.") from error
        if found.get("sub") != subject:
            raise Unauthenticated("It spoke of two different people.")
        return found

    async def _about(self) -> Mapping[str, Any]:
        """The provider's own description (OpenID Connect Discovery 1.0), kept for an hour."""
        now = self._clock()
        if self._described and now - self._described[0] < _KNOWN_FOR:
            return self._described[1]
        found = await self._fetch(f"{self.configuration.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.configuration.issuer:
            raise Unavailable(f"{self.configuration.title} describes itself as another issuer.")
        scheme = urlsplit(self.configuration.issuer).scheme
        for name in _ENDPOINTS:
            address = found.get(name)
            if address is None and name == "userinfo_endpoint":
                continue
            if not isinstance(address, str) or urlsplit(address).scheme not in ("https", scheme):
                raise Unavailable(f"{self.configuration.title} describes itself in a way that is not usable.")
        self._described = now, found
        return found

    async def _known_keys(self, *, again: bool = False) -> KeySet:
        now, known = self._clock(), self._keys
        if known and now - known[0] < (_LOOK_AGAIN if again else _KEYS_FOR):
            return known[1]
        found = await self._fetch((await self._about())["jwks_uri"])
        try:
            usable = [key for key in found["keys"] if key.get("kty") in ("RSA", "EC") and key.get("kid")]
            keys = KeySet.import_key_set({"keys": usable})
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unavailable(f"The keys of {self.configuration.title} cannot be read.") from error
        self._keys = now, keys
        return keys

    async def _fetch(self, address: str) -> Mapping[str, Any]:
        try:
            async with guarded(self._egress) as client:
                return await read_json(client, httpx.Request("GET", address))
        except (Invalid, httpx.InvalidURL) as error:
            raise Unavailable(f"{self.configuration.title} does not answer at the moment.") from error


def challenge(verifier: str) -> str:
    """PKCE by S256 (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def vectors(*levels: str) -> str:
    """The `vtr` parameter: the vectors of trust that will do, as a JSON list."""
    return json.dumps(levels, separators=(",", ":"))
