"""Moments from the texts of files: the instant, the offset in force, and how far that offset can be trusted.

A text with an offset states it. One in UTC ("Z") fixes the instant and leaves the offset open (RFC 9557). One
without any offset fixes the local clock and leaves the instant open. What is open follows from the zone that
the sender of the file named; without one it is taken to be London, and marked as ambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from carespine.devices.adapters.kit.text import tidy
from carespine.devices.samples import DAY_MS, MINUTE_MS, ZoneTrust

DateOrder = Literal["ymd", "dmy", "mdy"]
# Patients of this platform live there; only used with the mark AMBIGUOUS.
HOME_ZONE = "Europe/London"
# No zone has ever been further from UTC than 15 h 13 min (tz database).
_MAX_OFFSET = 16 * 60
_SANE_MS = 253_402_300_800_000  # the end of the year 9999
# The lengths of 2026-11-20T08:00:00+00:00, with up to six digits of fractions.
_FULL = frozenset(range(25, 33))
_FIRST_YEAR = 2
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the local clock has no offset
_TEXT = re.compile(
    r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})"
    r"(?:(?:[T ]|,\s*|\s+-\s+)\s*(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,:](\d{1,9}))?)?\s*([AaPp]\.?[Mm]\.?)?)?"
    r"\s*(Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{1,2}:?\d{2}|(?:UTC|GMT)?[+-]\d{1,2})?"
)
_WORDS = re.compile(
    r"(?:\w{3,9},?\s+)?(?:(\d{1,2})\.?\s+([A-Za-z]{3,9})\.?|([A-Za-z]{3,9})\.?\s+(\d{1,2})),?\s+(\d{4})"
    r"(?:,?\s+(?:at\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp]\.?[Mm]\.?)?)?"
    r"\s*(Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{1,2}:?\d{2})?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Moment(NamedTuple):
    """An instant (ms since 1970 in UTC), the offset in force there (minutes), and a ZoneTrust."""

    ms: int
    offset_min: int
    trust: int


class UnclearDate(ValueError):
    """A date that may have its day or its month first."""


class Clock:
    """Reads the moments of one file; `zone` as the sender named it, already known to exist."""

    def __init__(self, zone: str | None) -> None:
        self.zone = zone
        self._zone = zone or HOME_ZONE
        self._open = ZoneTrust.AMBIGUOUS if zone is None else ZoneTrust.GIVEN

    def in_zone(self, zone: str) -> Clock:
        """A clock for a file that names its own zone; this one where nobody knows that zone."""
        return self if offset_at(zone, 0) is None else _NamedClock(zone)

    def instant(self, ms: float) -> Moment | None:
        """A moment whose offset the file does not say."""
        if not abs(ms) < _SANE_MS:
            return None
        return Moment(int(ms), offset_at(self._zone, int(ms)) or 0, self._open)

    def stated(self, ms: float, offset_min: float) -> Moment | None:
        """A moment with the offset that the file states."""
        if not abs(ms) < _SANE_MS or not abs(offset_min) <= _MAX_OFFSET:
            return None
        return Moment(int(ms), int(offset_min), ZoneTrust.STATED)

    def wall(self, local: datetime, *, after: Moment | None = None) -> Moment:
        """A local clock time. In the hour that comes twice, the first that is not before `after`; it is marked."""
        at = (local - _EPOCH) // timedelta(milliseconds=1)
        around = {offset_at(self._zone, at - DAY_MS) or 0, offset_at(self._zone, at + DAY_MS) or 0}
        holding = sorted(
            (one for one in around if offset_at(self._zone, at - one * MINUTE_MS) == one), reverse=True
        )
        if len(holding) == 1:
            return Moment(at - holding[0] * MINUTE_MS, holding[0], self._open)
        candidates = holding or sorted(around)[:1]
        moments = [Moment(at - one * MINUTE_MS, one, ZoneTrust.AMBIGUOUS) for one in candidates]
        later = [one for one in moments if after is not None and one.ms > after.ms]
        return later[0] if later else moments[0]

    def day(self, when: date, *, hour: int = 0) -> Moment:
        """A local day, at its `hour`."""
        return self.wall(datetime(when.year, when.month, when.day, hour))  # noqa: DTZ001

    def read(
        self, text: object, order: DateOrder | None = None, *, after: Moment | None = None
    ) -> Moment | None:
        """The moment in a text of any common shape, None where it is none. UnclearDate where it is two."""
        if not isinstance(text, str):
            return None
        if len(text) in _FULL and text[10] == "T":
            return self._full(text) or self._general(text, order, after)
        return self._general(text, order, after)

    def _full(self, text: str) -> Moment | None:
        """A whole ISO 8601 text with its offset, the commonest by far, read by the library's own C code."""
        try:
            moment = datetime.fromisoformat(text)
            offset = moment.utcoffset()
        except ValueError:
            return None
        if offset is None or text[-1] == "Z" or moment.year < _FIRST_YEAR:
            return None
        minutes, rest = divmod(offset.total_seconds(), 60)
        at = (moment - _EPOCH_UTC) // timedelta(milliseconds=1)
        return None if rest else self.stated(at, minutes)

    def _general(self, text: str, order: DateOrder | None, after: Moment | None) -> Moment | None:
        found = parsed(text, order)
        if found is None:
            return None
        local, offset = found
        if offset is None:
            return self.wall(local, after=after)
        at = (local - _EPOCH) // timedelta(milliseconds=1)
        if offset == "Z":
            return self.instant(at)
        return self.stated(at - int(offset) * MINUTE_MS, int(offset))


class _NamedClock(Clock):
    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self._open = ZoneTrust.NAMED


def parsed(text: str, order: DateOrder | None = None) -> tuple[datetime, str | None] | None:
    """The local time in a text and its offset in minutes, "Z", or None; or None where there is no time."""
    if len(text) > 80:
        return None
    text = tidy(text)
    found = _TEXT.fullmatch(text)
    if found is None:
        return _in_words(text)
    first, second, third, hour, minute, second_of, fraction, half, zone = found.groups()
    year, month, day = _ordered(first, second, third, order)
    return _built(year, month, day, (hour, minute, second_of, fraction), half, zone)


def date_order(texts: Iterable[str]) -> DateOrder | None:
    """Whether day or month comes first in the dates of a file; None where nothing tells."""
    day_first = month_first = halves = False
    for text in texts:
        found = _TEXT.fullmatch(tidy(text)) if len(text) <= 80 else None
        if found is None:
            continue
        if len(found[1]) == 4:
            return "ymd"
        day_first |= int(found[1]) > 12 or "." in text.split(" ")[0]
        month_first |= int(found[2]) > 12
        halves |= found[8] is not None
    if day_first != month_first:
        return "dmy" if day_first else "mdy"
    # Only accounts of the United States write both a half of the day and slashes with the month first; a
    # half alone is no proof, so it is not used.
    return None


@lru_cache(maxsize=65536)
def _offset(zone: str, quarter: int) -> int | None:
    try:
        moment = datetime.fromtimestamp(quarter * 15 * 60, UTC)
        offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        return None
    return None if offset is None else int(offset.total_seconds() // 60)


def offset_at(zone: str, moment_ms: int) -> int | None:
    """The offset in minutes that a zone had at a moment; None for a zone that nobody knows."""
    return _offset(zone, moment_ms // (15 * MINUTE_MS))


def _ordered(first: str, second: str, third: str, order: DateOrder | None) -> tuple[int, int, int]:
    if len(first) >= 3:
        return int(first), int(second), int(third)
    year = int(third) + (2000 if len(third) == 2 else 0)
    one, two = int(first), int(second)
    if order == "dmy" or (order is None and one > 12):
        return year, two, one
    if order == "mdy" or two > 12 or one == two:
        return year, one, two
    raise UnclearDate(f"{first}/{second}")


def _in_words(text: str) -> tuple[datetime, str | None] | None:
    found = _WORDS.fullmatch(text)
    if found is None:
        return None
    day, word, word_first, day_second, year, hour, minute, second, half, zone = found.groups()
    name = (word or word_first)[:3].casefold()
    if name not in _MONTHS:
        return None
    month = _MONTHS.index(name) + 1
    return _built(int(year), month, int(day or day_second), (hour, minute, second, None), half, zone)


def _built(
    year: int,
    month: int,
    day: int,
    clock: tuple[str | None, str | None, str | None, str | None],
    half: str | None,
    zone: str | None,
) -> tuple[datetime, str | None] | None:
    hour, minute, second = (int(part or 0) for part in clock[:3])
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    extra = timedelta(days=1) if (hour, minute, second) == (24, 0, 0) else timedelta(0)
    micros = int((clock[3] or "0").ljust(6, "0")[:6])
    try:
        local = datetime(year, month, day, 0 if extra else hour, minute, second, micros)  # noqa: DTZ001
        return local + extra, _zone(zone)
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> str | None:
    if text is None or text in ("Z", "UTC", "GMT"):
        return None if text is None else "Z"
    digits = re.sub(r"[^\d+-]", "", text)
    hours, minutes = digits[1:3] if len(digits) != 4 else digits[1:2], digits[-2:] if len(digits) > 3 else "0"
    total = int(hours) * 60 + int(minutes)
    return str(-total if digits[0] == "-" else total)
