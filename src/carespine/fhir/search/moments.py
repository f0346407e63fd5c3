"""FHIR dates and times as intervals: microseconds since 1970 in UTC, half-open, precision wide."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
_DAY_US = 86_400 * _SECOND_US
_SHAPE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_LAST_YEAR = 9999
# Minutes. Source: FHIR R4 datatypes.html#dateTime, the format: -14:00 to +14:00.
_MOST_OFFSET = 14 * 60


@lru_cache(maxsize=8192)
def interval(text: str) -> tuple[int, int]:
    """The interval of `2019`, `2019-03`, `2019-03-14`, `2019-03-14T09:30[:00[.000]][+01:00]`.

    A time without a zone is taken as UTC, and so is the day of a date: FHIR R4 leaves both to the server.
    Raises ValueError for anything else.
    """
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a date or date and time")
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    if match["month"] is None:
        return _midnight(year, 1), _midnight(year + 1, 1)
    if match["day"] is None:
        return _midnight(year, month), _midnight(year + month // 12, month % 12 + 1)
    start = _microseconds(datetime(year, month, day, tzinfo=UTC))
    if match["hour"] is None:
        return start, start + _DAY_US
    return _time_interval(start, match)


def _time_interval(start: int, match: re.Match[str]) -> tuple[int, int]:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if hour > 23 or minute > 59 or second > 60:  # 60: a leap second
        raise ValueError(f"{match.group()!r} is not a time of day")
    fraction = match["fraction"] or ""
    start += (hour * 60 + minute) * _MINUTE_US + second * _SECOND_US + int(fraction[:6].ljust(6, "0"))
    start -= _offset(match["zone"])
    width = _MINUTE_US if match["second"] is None else int(10 ** max(0, 6 - len(fraction)))
    return start, start + width


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if minutes > 59 or hours * 60 + minutes > _MOST_OFFSET:
        raise ValueError(f"{zone!r} is not an offset from UTC")
    size = (hours * 60 + minutes) * _MINUTE_US
    return -size if zone[0] == "-" else size


def _midnight(year: int, month: int) -> int:
    if year > _LAST_YEAR:
        return _midnight(_LAST_YEAR, 12) + 31 * _DAY_US
    return _microseconds(datetime(year, month, 1, tzinfo=UTC))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
