"""Daily values over weeks: resting heart rate, steps, sleep and weight, each against the time before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

RESTING_RULE = "Mean of 7 days against the 28 days before; at least 3 and 7 days with a value (Carespine)"
STEPS_RULE = "Mean of the days with readings over 7 and 28 days; at least 3 days (Carespine)"
SLEEP_RULE = "Mean of the nights with readings over 7 and 28 nights; at least 3 nights (Carespine)"
WEIGHT_RULE = "Least-squares slope over 28 days and means of 7 days four weeks apart (Carespine)"

WEEK, FOUR_WEEKS = 7, 28
# Carespine: fewer days than this say little about a week, or about four.
DAYS_FOR_A_WEEK, DAYS_FOR_FOUR_WEEKS = 3, 7
# Carespine: a slope needs three weighings over at least two weeks.
WEIGHINGS_FOR_A_SLOPE, DAYS_FOR_A_SLOPE = 3, 14

ByDay = Mapping[int, float]
"""A value for each local day (days since 1970) that has one. A day without readings is absent, not zero."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over a window, and over how many of its days."""

    value: float
    days: int


@dataclass(frozen=True, slots=True)
class Trend:
    """The mean of the latest week and of four weeks, and of the same lengths before; None on too few days."""

    week: Mean | None
    four_weeks: Mean | None
    week_before: Mean | None
    four_weeks_before: Mean | None


@dataclass(frozen=True, slots=True)
class WeightTrend:
    """The latest weight; the mean of the last 7 days; kg a week over 28 days; the change of the 7-day mean in
    four weeks. None where there is too little."""

    latest_kg: float
    latest_day: int
    week_kg: float | None
    slope_kg_per_week: float | None
    change_kg: float | None
    weighings: int


def mean(values: ByDay, *, last_day: int, days: int, least: int) -> Mean | None:
    """The mean of the values in the `days` days up to `last_day`; None with fewer than `least` of them."""
    found = [value for day, value in values.items() if last_day - days < day <= last_day]
    return Mean(sum(found) / len(found), len(found)) if len(found) >= least else None


def trend(values: ByDay, *, last_day: int) -> Trend:
    """Week and four weeks up to `last_day`, and the same lengths before them."""
    return Trend(
        week=mean(values, last_day=last_day, days=WEEK, least=DAYS_FOR_A_WEEK),
        four_weeks=mean(values, last_day=last_day, days=FOUR_WEEKS, least=DAYS_FOR_FOUR_WEEKS),
        week_before=mean(values, last_day=last_day - WEEK, days=WEEK, least=DAYS_FOR_A_WEEK),
        four_weeks_before=mean(
            values, last_day=last_day - FOUR_WEEKS, days=FOUR_WEEKS, least=DAYS_FOR_FOUR_WEEKS
        ),
    )


def baseline_change(values: ByDay, *, last_day: int) -> tuple[Mean, Mean] | None:
    """The latest week and the four weeks before it; None where either has too few days."""
    week = mean(values, last_day=last_day, days=WEEK, least=DAYS_FOR_A_WEEK)
    before = mean(values, last_day=last_day - WEEK, days=FOUR_WEEKS, least=DAYS_FOR_FOUR_WEEKS)
    return (week, before) if week is not None and before is not None else None


def weight(values: ByDay, *, last_day: int) -> WeightTrend | None:
    """The trend of weight (kg for each day weighed) up to `last_day`; None where there is no weight."""
    past = {day: value for day, value in values.items() if day <= last_day}
    if not past:
        return None
    latest = max(past)
    recent = {day: value for day, value in past.items() if day > last_day - FOUR_WEEKS}
    now = mean(past, last_day=last_day, days=WEEK, least=1)
    then = mean(past, last_day=last_day - FOUR_WEEKS, days=WEEK, least=1)
    return WeightTrend(
        latest_kg=past[latest],
        latest_day=latest,
        week_kg=None if now is None else now.value,
        slope_kg_per_week=_slope(recent),
        change_kg=now.value - then.value if now is not None and then is not None else None,
        weighings=len(recent),
    )


def _slope(values: ByDay) -> float | None:
    if len(values) < WEIGHINGS_FOR_A_SLOPE or max(values) - min(values) < DAYS_FOR_A_SLOPE:
        return None
    days = np.array(sorted(values), dtype=np.float64)
    kilograms = np.array([values[int(day)] for day in days])
    days -= days.mean()
    return float((days * (kilograms - kilograms.mean())).sum() / (days**2).sum() * WEEK)
