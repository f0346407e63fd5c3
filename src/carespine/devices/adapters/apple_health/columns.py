"""Turns Apple's texts into columns: many times and values at once, with a reason for each that cannot be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from carespine.devices.samples import MINUTE_MS, Bool, Float64, Int16, Int64

# Apple writes times as in: 2026-03-29 01:30:00 +0100
_WIDTH = 25
_DIGITS = np.array([0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 21, 22, 23, 24])
_MARKS = ((4, ord("-")), (7, ord("-")), (10, ord(" ")), (13, ord(":")), (16, ord(":")), (19, ord(" ")))
# No part of this can match one text in two ways: a value of a million digits costs no more than reading it.
_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
# No zone has ever been further from UTC than 15 h 13 min (tz database).
_MAX_OFFSET = 16 * 60


def times(texts: Sequence[bytes]) -> tuple[Int64, Int16, Bool]:
    """UTC milliseconds, offsets in minutes, and which texts could be read (the others are 0)."""
    joined = b"".join(texts)
    if set(map(len, texts)) - {_WIDTH}:
        texts = [text if len(text) == _WIDTH else b" " * _WIDTH for text in texts]
        joined = b"".join(texts)
    raw = np.frombuffer(joined, dtype=np.uint8).reshape(-1, _WIDTH)
    digits = raw[:, _DIGITS].astype(np.int32) - ord("0")
    good: Bool = np.logical_and(digits >= 0, digits <= 9).min(axis=1, initial=True)
    for place, mark in _MARKS:
        good &= raw[:, place] == mark
    sign = raw[:, 20]
    good &= (sign == ord("+")) | (sign == ord("-"))
    year = digits[:, 0] * 1000 + digits[:, 1] * 100 + digits[:, 2] * 10 + digits[:, 3]
    month, day, hour, minute, second, zone_hour, zone_minute = (
        digits[:, 4 + 2 * pair] * 10 + digits[:, 5 + 2 * pair] for pair in range(7)
    )
    good &= _is_calendar(year, month, day) & (hour < 24) & (minute < 60) & (second < 60) & (zone_minute < 60)
    offset = (zone_hour * 60 + zone_minute) * np.where(sign == ord("-"), -1, 1)
    good &= np.abs(offset) <= _MAX_OFFSET
    days = _days_since_1970(year.astype(np.int64), month.astype(np.int64), day.astype(np.int64))
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
    moment = seconds * 1000 - offset.astype(np.int64) * MINUTE_MS
    return np.where(good, moment, 0), np.where(good, offset, 0).astype(np.int16), good


def values(texts: Sequence[bytes]) -> tuple[Float64, Bool]:
    """The numbers, and which texts were numbers as XML Schema writes decimals and doubles (others are 0)."""
    plain = _plain_numbers(texts)
    if plain is not None:
        return plain, np.isfinite(plain)
    good = np.fromiter((_NUMBER.fullmatch(text) is not None for text in texts), np.bool_, len(texts))
    if good.all():
        numbers = np.array([float(text) for text in texts], dtype=np.float64)
    else:
        pairs = zip(texts, good, strict=True)
        numbers = np.array([float(text) if sound else 0.0 for text, sound in pairs], dtype=np.float64)
    return numbers, good & np.isfinite(numbers)


def _plain_numbers(texts: Sequence[bytes]) -> Float64 | None:
    """The numbers where every text is digits with at most one point, as nearly all are; None otherwise.

    Of such texts Python reads as a number what `_NUMBER` does: nothing empty, no second point, no space.
    """
    if b"".join(texts).translate(None, b"0123456789."):
        return None
    try:
        return np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        return None


def offset_in_zone(zone: str, moment_ms: int) -> int | None:
    """The offset from UTC in minutes that a named zone had at a moment; None for a name nobody knows.

    Offsets change on quarters of an hour at most, so the answer is the same within one.
    """
    return _offset(zone, moment_ms // (15 * MINUTE_MS))


@lru_cache(maxsize=4096)
def _offset(zone: str, quarter: int) -> int | None:
    try:
        moment = datetime.fromtimestamp(quarter * 15 * 60, UTC)
        offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        return None  # no such zone, or a moment before the calendar begins or after it ends
    return None if offset is None else int(offset.total_seconds() // 60)


def _is_calendar(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> Bool:
    known = (month >= 1) & (month <= 12)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = _MONTH_DAYS[np.where(known, month, 1)] + ((month == 2) & leap)
    result: Bool = known & (year >= 1) & (day >= 1) & (day <= longest)
    return result


def _days_since_1970(year: Int64, month: Int64, day: Int64) -> Int64:
    """Days of the proleptic Gregorian calendar, counting years from March so that leap days come last."""
    years = year - (month <= 2)
    since_march = (month + 9) % 12
    of_year = (153 * since_march + 2) // 5 + day - 1
    result: Int64 = years * 365 + years // 4 - years // 100 + years // 400 + of_year - 719_468
    return result
