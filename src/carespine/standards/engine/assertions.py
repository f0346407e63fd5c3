"""Client assertions for SMART Backend Services (RFC 7523): good ones, and pieces to build bad ones."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from carespine.standards.engine.config import Identity

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# SMART App Launch 2.2, Backend Services: `exp` at most five minutes ahead; four leave room for clocks apart.
GOOD_LIFETIME = timedelta(minutes=4)
_ASYMMETRIC = ("ES256", "ES384", "RS256", "RS384")


def claims(identity: Identity, *, audience: str, now: datetime, jti: UUID | str) -> dict[str, Any]:
    """The claims of a good assertion."""
    return {
        "iss": identity.client_id,
        "sub": identity.client_id,
        "aud": audience,
        "jti": str(jti),
        "iat": int(now.timestamp()),
        "exp": int((now + GOOD_LIFETIME).timestamp()),
    }


def key_of(identity: Identity) -> ECKey | RSAKey:
    """The identity's private key."""
    kind = RSAKey if identity.jwk.get("kty") == "RSA" else ECKey
    return kind.import_key(identity.jwk)


def sign(body: Mapping[str, Any], header: Mapping[str, Any], key: ECKey | RSAKey) -> str:
    """A compact JWS with exactly this header and these claims."""
    protected = {"typ": "JWT", **header}
    return jws.serialize_compact(protected, json.dumps(body), key, algorithms=list(_ASYMMETRIC))


def good(identity: Identity, *, audience: str, now: datetime, jti: UUID | str) -> str:
    """An assertion that must be accepted."""
    header = {"alg": identity.alg, "kid": identity.jwk["kid"]}
    return sign(claims(identity, audience=audience, now=now, jti=jti), header, key_of(identity))


def form(identity: Identity, assertion: str) -> dict[str, str]:
    """The body of a token request."""
    return {
        "grant_type": "client_credentials",
        "scope": identity.scope,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }


def signature(message: bytes, key: ECKey | RSAKey, alg: str) -> bytes:
    """The bare signature over `message`, for tokens whose header no careful library would write."""
    return jws.JWSRegistry.algorithms[alg].sign(message, key)


def b64(raw: bytes) -> str:
    """base64url without padding, as JOSE writes it."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
