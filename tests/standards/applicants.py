"""How an applicant shows at the tests' register that a key is its own."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey


def proof_of(client_id: str, key: ECKey, *, at: float, **over: Any) -> str:
    """What shows at the tests' register that a key is the applicant's."""
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": "https://carespine.example/standards/applications",
        "jti": uuid4().hex,
        "exp": int(at) + 120,
        **over,
    }
    return jwt.encode({"alg": "ES384", "kid": key.kid}, claims, key, algorithms=["ES384"])
