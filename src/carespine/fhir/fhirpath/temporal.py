"""Dates, dates with time, and times that know how precise they are."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar, TypeAlias

Part: TypeAlias = int | Decimal

_YEAR_DIGITS = 4
_CACHED = 8192
# A wall-clock time without an offset lies at most this far from the same reading in UTC.
# Source: FHIR R4 dateTime, whose pattern allows offsets up to 14:00.
_WIDEST_OFFSET = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Temporal:
    """What the three kinds share: `parts` from the largest on, as many as were given; seconds as Decimal.

    `offset` is in minutes east of UTC, None where the text gives none. Comparing goes through `compare`,
    because values of different precision have no order; `==` here is sameness of the writing.
    """

    parts: tuple[Part, ...]
    offset: int | None = None

    type_name: ClassVar[str] = ""

    def __repr__(self) -> str:
        return f"@{self}"


class Date(Temporal):
    __slots__ = ()
    type_name = "Date"

    def __str__(self) -> str:
        return _day_text(self.parts)


class DateTime(Temporal):
    __slots__ = ()
    type_name = "DateTime"

    def __str__(self) -> str:
        clock = _clock_text(self.parts[3:])
        return _day_text(self.parts) + (f"T{clock}{_offset_text(self.offset)}" if clock else "")


class Time(Temporal):
    __slots__ = ()
    type_name = "Time"

    def __str__(self) -> str:
        return _clock_text(self.parts)

    def __repr__(self) -> str:
        return f"@T{self}"


def _day_text(parts: Sequence[Part]) -> str:
    return "-".join(f"{part:0{2 if place else _YEAR_DIGITS}d}" for place, part in enumerate(parts[:3]))


def _clock_text(parts: Sequence[Part]) -> str:
    texts = [f"{part:02d}" for part in parts[:2]]
    if len(parts) > 2:
        whole, dot, fraction = f"{parts[2]:f}".partition(".")
        texts.append(whole.zfill(2) + dot + fraction)
    return ":".join(texts)


def _offset_text(offset: int | None) -> str:
    if offset is None:
        return ""
    if offset == 0:
        return "Z"
    hours, minutes = divmod(abs(offset), 60)
    return f"{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}"


_CLOCK = r"(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?"
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIME = re.compile(_CLOCK, re.ASCII)
_DATE_TIME = re.compile(rf"{_DATE.pattern}(?:T(?:{_CLOCK}(Z|[+-]\d\d:\d\d)?)?)?", re.ASCII)


@lru_cache(maxsize=_CACHED)
def parse_date(text: str) -> Date | None:
    """A Date from `2015`, `2015-02` or `2015-02-04`; None if it is none or is not in the calendar."""
    match = _DATE.fullmatch(text)
    parts = _numbers(match.groups()) if match else None
    return Date(parts) if parts and _in_calendar(parts) else None


@lru_cache(maxsize=_CACHED)
def parse_date_time(text: str) -> DateTime | None:
    """A DateTime from a date alone or with `Thh[:mm[:ss[.fff]]]` and an offset; None if it is none."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    *texts, zone = match.groups()
    # The clock only counts behind a full date.
    parts = _numbers(texts)
    if parts is None or not _in_calendar(parts[:3]) or not _on_clock(parts[3:]):
        return None
    return DateTime(parts, _offset(zone))


@lru_cache(maxsize=_CACHED)
def parse_time(text: str) -> Time | None:
    """A Time from `14`, `14:34`, `14:34:28` or `14:34:28.123`; None if it is none."""
    match = _TIME.fullmatch(text)
    parts = _numbers((None, None, None, *match.groups())) if match else None
    return Time(parts[3:]) if parts and _on_clock(parts[3:]) else None


def _numbers(texts: Sequence[str | None]) -> tuple[Part, ...] | None:
    """The parts given, or None where a larger part is missing before a smaller one (`2015T10`)."""
    is_time = texts[0] is None
    given = [text is not None for text in (texts[3:] if is_time else texts)]
    if any(later and not earlier for earlier, later in pairwise(given)):
        return None
    parts: list[Part] = [0, 0, 0] if is_time else []
    for place, text in enumerate(texts):
        if text is not None:
            parts.append(Decimal(text) if place == 5 else int(text))
    return tuple(parts)


def _in_calendar(parts: Sequence[Part]) -> bool:
    year, month, day = (*map(int, parts), 1, 1)[:3]
    return year >= 1 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _on_clock(parts: Sequence[Part]) -> bool:
    return all(part < limit for part, limit in zip(parts, (24, 60, 60), strict=False))


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:])
    return -minutes if zone[0] == "-" else minutes


def date_time(moment: datetime) -> DateTime:
    """An aware datetime of Python as a DateTime with milliseconds."""
    offset = moment.utcoffset() or timedelta()
    seconds = Decimal(moment.second) + Decimal(moment.microsecond // 1000) / 1000
    parts = (
        moment.year,
        moment.month,
        moment.day,
        moment.hour,
        moment.minute,
        seconds.quantize(Decimal("0.001")),
    )
    return DateTime(parts, int(offset.total_seconds() // 60))


def are_comparable(left: Temporal, right: Temporal) -> bool:
    """Whether the kinds have anything to do with one another: a Time only has with a Time."""
    return isinstance(left, Time) == isinstance(right, Time)


def compare(left: Temporal, right: Temporal) -> int | None:
    """-1, 0 or 1; None where the precision, or a missing offset, leaves it open."""
    if left.offset == right.offset:
        return _compare_parts(left.parts, right.parts)
    if left.offset is None or right.offset is None:
        return _compare_without_offset(left, right)
    return _compare_parts(in_utc(left), in_utc(right))


def _compare_parts(left: tuple[Part, ...], right: tuple[Part, ...]) -> int | None:
    for one, other in zip(left, right, strict=False):
        if one != other:
            return -1 if one < other else 1
    return 0 if len(left) == len(right) else None


def _compare_without_offset(left: Temporal, right: Temporal) -> int | None:
    """Only one has an offset: they compare by the calendar, unless both have a time and are near."""
    if len(left.parts) <= 3 or len(right.parts) <= 3:
        return _compare_parts(left.parts, right.parts)
    gap = _minute(left) - _minute(right)
    if abs(gap) <= 2 * _WIDEST_OFFSET:
        return None
    return -1 if gap < timedelta() else 1


def _minute(value: Temporal) -> datetime:
    year, month, day, hour, minute = (*map(int, value.parts[:5]), 0)[:5]
    return datetime(year, month, day, hour, minute)  # noqa: DTZ001 (a reading of the clock, offset unknown)


def in_utc(value: Temporal) -> tuple[Part, ...]:
    """The parts of a value with an offset, as read in UTC, in the same precision."""
    if not value.offset or len(value.parts) <= 3:
        return value.parts
    try:
        moved = _minute(value) - timedelta(minutes=value.offset)
    except OverflowError:
        return value.parts
    parts = (moved.year, moved.month, moved.day, moved.hour, moved.minute)
    return (*parts[: len(value.parts)], *value.parts[5:])
