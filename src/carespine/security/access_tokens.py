"""Access tokens and identity tokens: signing them, and reading them back."""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from carespine.kernel.clock import Clock
from carespine.kernel.errors import Unauthenticated

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

    from carespine.security.keys import KeyRing

# ../reference/lifecycle.md and issue terms: certified apps get access tokens of 300 s at most. We give all the same.
ACCESS_TOKEN_LIFE_S = 300
_ALGORITHM = "ES256"
# OpenID Connect Discovery 1.0 section 3: RS256 must be among those for identity tokens.
IDENTITY_ALGORITHM = "RS256"
_TYPE = "at+jwt"
_CACHE_SIZE = 4_096
_LONGEST = 8_192


class AccessTokens:
    """Signs with the current key, and reads what any key of the ring has signed."""

    def __init__(self, keys: KeyRing | ECKey, clock: Clock, *, base_url: str) -> None:
        self._keys, self._clock, self._base_url = keys, clock, base_url
        self._verified: dict[str, Mapping[str, Any]] = {}

    @property
    def audience(self) -> str:
        return f"{self._base_url}/fhir"

    def issue(self, **claims: Any) -> str:
        """A token with these claims (None: left out), for ACCESS_TOKEN_LIFE_S seconds from now."""
        now = int(self._clock().timestamp())
        key = self._current()
        standard = {
            "iss": self._base_url,
            "aud": self.audience,
            "iat": now,
            "exp": now + ACCESS_TOKEN_LIFE_S,
            "jti": token_urlsafe(16),
        }
        told = {name: value for name, value in {**standard, **claims}.items() if value is not None}
        return jwt.encode({"alg": _ALGORITHM, "typ": _TYPE, "kid": key.kid}, told, key)

    def read(self, token: str) -> Mapping[str, Any]:
        """The claims of a token of ours that has not expired; raises Unauthenticated for any other."""
        claims = self._verified.get(token) or self._verify(token)
        if claims["exp"] <= self._clock().timestamp():
            self._verified.pop(token, None)
            raise Unauthenticated("The access token has expired.")
        return claims

    def _verify(self, token: str) -> Mapping[str, Any]:
        try:
            if len(token) > _LONGEST:
                raise ValueError("too long")
            key = self._key_of(token)
            decoded = jwt.decode(token, key, algorithms=[_ALGORITHM])
        except (JoseError, ValueError, TypeError, RecursionError, KeyError) as error:
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

    def _current(self) -> ECKey:
        return self._keys.current if hasattr(self._keys, "current") else self._keys

    def _key_of(self, token: str) -> ECKey:
        if not hasattr(self._keys, "find"):
            return self._keys
        kid = jws.extract_compact(token.encode()).headers().get("kid")
        return self._keys.find(kid if isinstance(kid, str) else "")


def identity_token(key: RSAKey, *, issuer: str, client_id: str, subject: str, now: int, **claims: Any) -> str:
    """An OpenID Connect identity token (RS256) for a client; None among the claims is left out."""
    standard = {"iss": issuer, "aud": client_id, "sub": subject, "iat": now, "exp": now + ACCESS_TOKEN_LIFE_S}
    told = {name: value for name, value in {**standard, **claims}.items() if value is not None}
    return jwt.encode({"alg": IDENTITY_ALGORITHM, "typ": "JWT", "kid": key.kid}, told, key)
