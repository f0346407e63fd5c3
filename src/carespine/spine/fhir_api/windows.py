"""Which part of a history a request asks for: _count, _since, _at, and the place where the last page ended."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from carespine.fhir.search import moments
from carespine.kernel.errors import Invalid
from carespine.storage.history import Place, Window
from carespine.storage.instants import instant, micros

if TYPE_CHECKING:
    from carespine.spine.fhir_api.exchange import Exchange

_PAGE, _MOST = 50, 1_000
_CURSOR = "_cursor"
_LARGEST = 2**63 - 1  # of the bigint that a row id is
_KNOWN = frozenset({"_count", "_since", "_at", _CURSOR, "_format", "_pretty", "_summary", "_elements"})


def window(exchange: Exchange) -> Window:
    """The window of a request; raises Invalid for a parameter that a history does not take."""
    if unknown := sorted({name for name, _ in exchange.pairs} - _KNOWN):
        raise Invalid(f"A history takes _count, _since and _at; not {', '.join(unknown)[:100]}.")
    since, at = exchange.parameter("_since"), exchange.parameter("_at")
    return Window(
        min(_count(exchange), _MOST),
        _interval("_since", since)[0] if since is not None else None,
        _interval("_at", at) if at is not None else None,
        _place(exchange.parameter(_CURSOR)),
    )


def url(exchange: Exchange, place: Place | None, count: int) -> str:
    """The address of the page that begins after `place` (None: the first)."""
    pairs = [(name, value) for name, value in exchange.pairs if name not in (_CURSOR, "_count")]
    pairs.append(("_count", str(count)))
    if place is not None:
        pairs.append((_CURSOR, f"{micros(place.updated)}.{place.rid}.{place.version}.{place.total}"))
    return f"{exchange.base}/{'/'.join(exchange.parts)}?{urlencode(pairs)}"


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    numbers = cursor.split(".")
    if len(numbers) != 4 or not all(_is_number(text, digits=19) for text in numbers):
        raise Invalid("The page of this history is not known: begin again without _cursor.")
    updated, rid, version, total = (min(int(text), _LARGEST) for text in numbers)
    return Place(instant(updated), rid, min(version, 2**31 - 1), min(total, 2**31 - 1))


def _interval(name: str, text: str) -> tuple[datetime, datetime]:
    """The first and the last instant of a date or an instant."""
    try:
        first, after = moments.interval(text.replace(" ", "+"))
    except ValueError as error:
        raise Invalid(f"{name} must be a date or an instant, not {text[:40]!r}.") from error
    return instant(first), instant(after - 1)


def _count(exchange: Exchange) -> int:
    if exchange.parameter("_summary") == "count":
        return 0
    text = exchange.parameter("_count")
    if text is None:
        return _PAGE
    if not _is_number(text, digits=9):
        raise Invalid(f"_count must be a whole number, not {text[:40]!r}.")
    return int(text)


def _is_number(text: str, *, digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits
