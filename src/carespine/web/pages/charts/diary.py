"""The blood-pressure diary: a row for each day, its mornings and evenings, as a practice hands it out on paper."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime

from carespine.devices.models import Result, Series
from carespine.devices.rules.blood_pressure import NOON
from carespine.web.pages.charts.words import Table
from carespine.web.pages.formats import day, tidy_number, wall_clock

_HEAD = ("Day", "Morning", "Evening", "Mean of the day")
_DAYS = 14


def diary(result: Result) -> Table | None:
    """The latest fourteen days with readings; None for a result that is no blood pressure."""
    by_key = {series.key: series for series in result.series}
    if not {"systolic", "diastolic"} <= by_key.keys():
        return None
    found = _pairs(by_key["systolic"], by_key["diastolic"])
    if not found:
        return None
    rows = tuple(_row(when, found[when]) for when in sorted(found)[-_DAYS:])
    return Table(_HEAD, rows)


Pair = tuple[datetime, float, float]


def _pairs(systolic: Series, diastolic: Series) -> dict[date, list[Pair]]:
    lower = {point.at: point.value for point in diastolic.points if point.at is not None}
    days: dict[date, list[Pair]] = defaultdict(list)
    for point in systolic.points:
        if point.at is not None and point.at in lower:
            days[point.day].append((point.at, point.value, lower[point.at]))
    return days


def _row(when: date, pairs: list[Pair]) -> tuple[str, ...]:
    highs, lows = [high for _, high, _ in pairs], [low for _, _, low in pairs]
    mean = "/".join(str(int(sum(values) / len(values) + 0.5)) for values in (highs, lows))
    return (
        day(when),
        _said([pair for pair in pairs if pair[0].hour < NOON]),
        _said([pair for pair in pairs if pair[0].hour >= NOON]),
        mean,
    )


def _said(pairs: list[Pair]) -> str:
    told = [f"{tidy_number(high)}/{tidy_number(low)} at {wall_clock(at)}" for at, high, low in sorted(pairs)]
    return ", ".join(told) or "–"
