"""Client authentication by signed assertion (RFC 7523, SMART Backend Services): the checks, one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from carespine.kernel.errors import Unauthenticated

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# SMART App Launch 2.2, "Authorization for backend services": RS384 and ES384; RS512 is the NHS API platform's.
ALGORITHMS = ("ES384", "RS384", "RS512")
# SMART App Launch 2.2: the assertion expires within five minutes; the NHS API platform allows 30 s of skew.
MAX_LIFE_S = 300
SKEW_S = 30
_MAX_LENGTH = 8_192
_MAX_NAME = 256
# What a text that is no JWT, or is one in an unexpected shape or depth, makes its readers raise.
_UNREADABLE = (JoseError, ValueError, TypeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion whose signature and claims hold; whether its jti is new is for the store to say."""

    client_id: str
    jti: str
    expires: datetime


def client_id_of(text: str) -> str:
    """The client that the assertion claims to come from, before anything is verified."""
    if len(text) > _MAX_LENGTH:
        raise Unauthenticated("The client assertion is longer than 8,192 characters.")
    try:
        claims = json.loads(jws.extract_compact(text.encode()).payload)
        subject = claims["sub"]
    except (*_UNREADABLE, KeyError) as error:
        raise Unauthenticated("The client assertion is not a readable JWT with a subject.") from error
    if not _is_name(subject):
        raise Unauthenticated("The client assertion's subject is not a text of 1 to 256 characters.")
    return str(subject)


def check(
    text: str,
    *,
    client_id: str,
    keys: KeySet,
    audience: str,
    now: datetime,
    algorithms: tuple[str, ...] = ALGORITHMS,
) -> Assertion:
    """Verify the signature with the client's registered keys and every claim; raises Unauthenticated."""
    header = _header(text)
    if header.get("alg") not in algorithms:
        raise Unauthenticated(f"The assertion's algorithm is not one of {', '.join(algorithms)}.")
    known = {key.kid: key for key in keys.keys}
    kid = header.get("kid")
    if not isinstance(kid, str) or kid not in known:
        raise Unauthenticated("The assertion's kid is not one of the client's registered keys.")
    if "crit" in header:
        raise Unauthenticated("The assertion demands header extensions that are not understood here.")
    try:
        claims = jwt.decode(text, known[kid], algorithms=[header["alg"]]).claims
    except _UNREADABLE as error:
        raise Unauthenticated("The assertion's signature does not fit the client's key.") from error
    return _check_claims(claims, client_id=client_id, audience=audience, now=now)


def _header(text: str) -> Mapping[str, Any]:
    try:
        return jws.extract_compact(text.encode()).headers()
    except _UNREADABLE as error:
        raise Unauthenticated("The client assertion is not a readable JWT.") from error


def _check_claims(claims: Mapping[str, Any], *, client_id: str, audience: str, now: datetime) -> Assertion:
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise Unauthenticated("The assertion's iss and sub are not both the client id.")
    if claims.get("aud") not in (audience, [audience]):
        raise Unauthenticated("The assertion's aud is not the URL of this endpoint.")
    expires = _seconds(claims, "exp")
    moment = now.timestamp()
    if expires is None or expires <= moment:
        raise Unauthenticated("The assertion has no exp, or it has expired.")
    if expires > moment + MAX_LIFE_S + SKEW_S:
        raise Unauthenticated("The assertion lives longer than five minutes.")
    for name in ("nbf", "iat"):
        since = _seconds(claims, name)
        if name in claims and (since is None or since > moment + SKEW_S):
            raise Unauthenticated(f"The assertion's {name} is not a time, or lies in the future.")
    jti = claims.get("jti")
    if not _is_name(jti):
        raise Unauthenticated("The assertion has no jti of 1 to 256 characters.")
    return Assertion(client_id, str(jti), datetime.fromtimestamp(expires, UTC))


def _is_name(value: object) -> bool:
    """A text that can be stored and shown: no control characters, no halves of characters."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 2**40
    return float(value) if usable else None  # type: ignore[arg-type]
