"""What changes for an app whose product is on its way out: what it may still do, and what its answers warn of."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from carespine.security import scopes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carespine.security.tokens import Standing

# What the standards call it where only reading and export are left.
_EXPORT = "export"
_READING = "rs"


def granted(texts: Iterable[str], standing: Standing | None) -> frozenset[str]:
    """The scopes that the standing leaves of these: all, or what only reads."""
    if standing is None or not only_reads(standing):
        return frozenset(texts)
    return frozenset(left for text in texts if (left := _reading(text)) is not None)


def only_reads(standing: Standing) -> bool:
    """Whether the product may write nothing any more."""
    return standing.reach == _EXPORT


def _reading(text: str) -> str | None:
    scope = scopes.read(text)
    if scope is None:
        return text
    letters = "".join(letter for letter in _READING if letter in scope.letters)
    if not letters:
        return None
    _, question, query = text.partition("?")
    return f"{scope.context}/{scope.type}.{letters}{question}{query}"


def notices(standing: Standing) -> tuple[tuple[str, str], ...]:
    """Headers for every answer: Deprecation (RFC 9745) and, where the day is known, Sunset (RFC 8594)."""
    if standing.deprecated_since is None:
        return ()
    told = [("Deprecation", f"@{int(standing.deprecated_since.timestamp())}")]
    if standing.sunset is not None:
        told.append(("Sunset", _http_date(standing.sunset)))
    return tuple(told)


def _http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)
