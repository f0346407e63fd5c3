"""Proofs that the sender of a token holds the key it is bound to (DPoP, RFC 9449)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from carespine.kernel.errors import Unauthenticated
from carespine.security.client_proof import use_once

if TYPE_CHECKING:
    from carespine.storage.database import Connection

ALGORITHMS = ("ES256", "ES384", "RS256", "PS256")
# RFC 9449 section 11.1 leaves the window to the server, "on the order of seconds or minutes". Ours: a minute.
_WINDOW = timedelta(seconds=60)
_LONGEST, _LONGEST_NAME = 4_096, 256
_UNREADABLE = (JoseError, ValueError, TypeError, RecursionError, KeyError)
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof as it came, with the request that it must fit. `url` is without query and fragment."""

    text: str
    method: str
    url: str


async def thumbprint(connection: Connection, proof: Proof, *, now: datetime, token: str | None = None) -> str:
    """The thumbprint of the key that a valid proof was signed with; raises Unauthenticated.

    `token` is the access token that it must speak of, None at the token endpoint. A proof works once.
    """
    key, claims = _read(proof.text)
    _check(claims, proof, now=now, token=token)
    print_ = str(key.thumbprint())
    if not await use_once(connection, f"dpop:{print_}", str(claims["jti"]), now + 2 * _WINDOW):
        raise Unauthenticated("The DPoP proof was used before (its jti).")
    return print_


def _read(text: str) -> tuple[ECKey | RSAKey, Mapping[str, Any]]:
    """The key and the claims of a proof whose signature holds."""
    try:
        if len(text) > _LONGEST:
            raise ValueError("too long")
        header = jws.extract_compact(text.encode()).headers()
    except _UNREADABLE as error:
        raise Unauthenticated("The DPoP proof is not a readable JWT.") from error
    key = _key(header)
    try:
        return key, jwt.decode(text, key, algorithms=[str(header["alg"])]).claims
    except _UNREADABLE as error:
        raise Unauthenticated("The DPoP proof's signature does not fit its key.") from error


def _key(header: Mapping[str, Any]) -> ECKey | RSAKey:
    jwk = header.get("jwk")
    if header.get("typ") != "dpop+jwt" or header.get("alg") not in ALGORITHMS or "crit" in header:
        raise Unauthenticated(f"A DPoP proof has the type dpop+jwt and one of {', '.join(ALGORITHMS)}.")
    if not isinstance(jwk, dict) or _PRIVATE & jwk.keys() or jwk.get("kty") not in ("EC", "RSA"):
        raise Unauthenticated("A DPoP proof brings its public key, and no private one.")
    try:
        return ECKey.import_key(jwk) if jwk["kty"] == "EC" else RSAKey.import_key(jwk)
    except _UNREADABLE as error:
        raise Unauthenticated("The DPoP proof's key cannot be read.") from error


def _check(claims: Mapping[str, Any], proof: Proof, *, now: datetime, token: str | None) -> None:
    if claims.get("htm") != proof.method:
        raise Unauthenticated("The DPoP proof is for another method (htm).")
    if str(claims.get("htu", "")).split("?")[0].split("#")[0] != proof.url:
        raise Unauthenticated("The DPoP proof is for another address (htu).")
    issued = claims.get("iat")
    if not isinstance(issued, (int, float)) or isinstance(issued, bool) or not 0 < issued < 2**40:
        raise Unauthenticated("The DPoP proof does not say when it was made (iat).")
    if abs(datetime.fromtimestamp(issued, UTC) - now) > _WINDOW:
        raise Unauthenticated("The DPoP proof is not of this minute (iat).")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_NAME or not jti.isprintable():
        raise Unauthenticated("The DPoP proof has no usable jti.")
    if token is not None and claims.get("ath") != _digest(token):
        raise Unauthenticated("The DPoP proof speaks of another token (ath).")


def _digest(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
