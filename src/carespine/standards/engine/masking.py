"""Keeping secrets out of the evidence: what is masked, and how it stays recognisable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

_MARK_LENGTH = 8
_SECRET_HEADERS = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key"})
_JWS = re.compile(r"\b(eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)")
_TOKEN = re.compile(r'"(?:access|refresh|id)_token"\s*:\s*"([^"]{8,})"')
_JSON_SECRET = re.compile(
    r'("(?:access_token|refresh_token|id_token|client_secret|password|d|k|p|q|dp|dq|qi)"\s*:\s*")([^"]+)(")'
)


def mark(secret: str) -> str:
    """A stand-in by which two uses of one secret can be seen to be the same, without showing it."""
    return f"***{sha256(secret.encode()).hexdigest()[:_MARK_LENGTH]}"


class Masker:
    """Masks what looks like a secret, and every secret it was told of or saw being given."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = {each for each in secrets if each}
        self._known: re.Pattern[str] | None = None

    def learn(self, raw: str) -> None:
        """Remember the tokens in an answer, wherever they are used or shown from now on."""
        found = {each[1] for each in _TOKEN.finditer(raw)} - self._secrets
        if found:
            self._secrets |= found
            self._known = None

    def text(self, raw: str) -> str:
        """`raw` with tokens, keys and signatures of assertions masked; an assertion's claims stay readable."""
        if self._secrets:
            if self._known is None:
                self._known = re.compile("|".join(re.escape(each) for each in self._secrets))
            raw = self._known.sub(lambda found: mark(found[0]), raw)
        raw = _JSON_SECRET.sub(lambda found: found[1] + mark(found[2]) + found[3], raw)
        return _JWS.sub(lambda found: f"{found[1]}.{mark(found[2])}", raw)

    def headers(self, pairs: Mapping[str, str]) -> dict[str, str]:
        """Headers for the evidence: credentials masked whole, the rest as text."""
        return {
            name: mark(value) if name.lower() in _SECRET_HEADERS else self.text(value)
            for name, value in pairs.items()
        }
