"""Keeping secrets out of the evidence: what is masked, and how it stays recognisable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

_MARK_LENGTH = 8
_SECRET_HEADERS = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key"})
_JWS = re.compile(r"\b(eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)")
_JSON_SECRET = re.compile(
    r'("(?:access_token|refresh_token|id_token|client_secret|password|d|k|p|q|dp|dq|qi)"\s*:\s*")([^"]+)(")'
)


def mark(secret: str) -> str:
    """A stand-in by which two uses of one secret can be seen to be the same, without showing it."""
    return f"***{sha256(secret.encode()).hexdigest()[:_MARK_LENGTH]}"


def text(raw: str, secrets: Iterable[str] = ()) -> str:
    """`raw` with tokens, keys and the signatures of assertions masked; an assertion's claims stay
    readable.
    """
    for secret in secrets:
        if secret:
            raw = raw.replace(secret, mark(secret))
    raw = _JSON_SECRET.sub(lambda found: found[1] + mark(found[2]) + found[3], raw)
    return _JWS.sub(lambda found: f"{found[1]}.{mark(found[2])}", raw)


def headers(pairs: Mapping[str, str], secrets: Iterable[str] = ()) -> dict[str, str]:
    """Headers for the evidence: credentials masked whole, the rest as text."""
    kept = tuple(secrets)
    return {
        name: mark(value) if name.lower() in _SECRET_HEADERS else text(value, kept)
        for name, value in pairs.items()
    }
