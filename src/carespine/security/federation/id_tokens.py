"""Identity tokens of a provider (OpenID Connect Core 1.0 section 3.1.3.7): the checks, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from carespine.kernel.errors import Unauthenticated

# Signatures by a key pair only: `none` and shared secrets are no proof that the provider spoke.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512")
_SKEW_S = 30
# Ours: the token is fetched at the very moment of signing in.
_OLDEST_S = 600
_LONGEST = 32_768
_UNREADABLE = (JoseError, ValueError, TypeError, RecursionError)


class UnknownKeyError(Exception):
    """The token names a key that is not among those at hand: the provider may have rotated its keys."""


def check(
    text: object, *, keys: KeySet, issuer: str, client_id: str, nonce: str, now: datetime
) -> Mapping[str, Any]:
    """What the token says, once everything holds. Raises Unauthenticated in words for the person at the browser,
    or UnknownKeyError.
    """
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST:
        raise Unauthenticated("It sent no identity token.")
    try:
        header = jws.extract_compact(text.encode()).headers()
    except _UNREADABLE as error:
        raise Unauthenticated("Its identity token cannot be read.") from error
    if header.get("alg") not in ALGORITHMS or "crit" in header:
        raise Unauthenticated("Its identity token is not signed in a way that is accepted here.")
    found = [key for key in keys.keys if key.kid == header.get("kid")]
    if len(found) != 1:
        raise UnknownKeyError
    try:
        claims = jwt.decode(text, found[0], algorithms=[header["alg"]]).claims
    except _UNREADABLE as error:
        raise Unauthenticated("The signature of its identity token does not hold.") from error
    _check_claims(claims, issuer=issuer, client_id=client_id, nonce=nonce, now=now)
    return claims


def _check_claims(
    claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: datetime
) -> None:
    if claims.get("iss") != issuer:
        raise Unauthenticated("Its identity token comes from another issuer.")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if client_id not in named or (len(named) > 1 and claims.get("azp") != client_id):
        raise Unauthenticated("Its identity token is meant for another service.")
    if claims.get("nonce") != nonce:
        raise Unauthenticated("Its identity token belongs to another sign-in.")
    moment = now.timestamp()
    expires, issued = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    if expires <= moment:
        raise Unauthenticated("Its identity token has expired.")
    if not moment - _OLDEST_S <= issued <= moment + _SKEW_S:
        raise Unauthenticated("Its identity token is not from now.")
    subject = claims.get("sub")
    if not (isinstance(subject, str) and 0 < len(subject) <= 255 and subject.isprintable()):
        raise Unauthenticated("Its identity token does not say who signed in.")


def _seconds(value: Any) -> float:
    """A time of a token; long ago where it is none."""
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 2**40
    return float(value) if usable else 0.0
