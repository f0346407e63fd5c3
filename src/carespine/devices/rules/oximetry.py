"""Oxygen at home: what a reading means, and when a low one counts because it was repeated. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Literal

RULE = "NHS England, pulse oximetry to detect early deterioration at home; personal baseline and repeats: Carespine"

# NHS England: 95 and above is fine; 93 or 94: again within an hour, then GP or 111; 92 or below: again, then 999.
NORMAL, RECHECK = 95, 93
# NHS England: three readings a day.
READINGS_A_DAY = 3
# NHS England: the second reading of a pair follows within the hour.
REPEAT_WITHIN = timedelta(hours=1)
# Carespine: a finger clip needs half a minute to settle; a second number sooner is the same reading.
REPEAT_AFTER = timedelta(seconds=30)
# Carespine: a person with lung disease is measured against their own median of four weeks, over at least 7 days.
BASELINE_DAYS, BASELINE_LEAST_DAYS = 28, 7
# Carespine: with a baseline below 95, one or two points under it ask for a repeat, three or more are low.
BASELINE_LOW = 3

Band = Literal["normal", "recheck", "low"]


@dataclass(frozen=True, slots=True)
class Oxygen:
    """One reading of an oximeter in percent. `at` is the local time on the wall (naive on purpose)."""

    at: datetime
    percent: float


@dataclass(frozen=True, slots=True)
class HomeOximetry:
    """The latest week: its median and lowest, the band of the latest pair, and what to do next.

    `confirmed` is the later reading of a pair that are both in the latest one's band or lower; None where the
    latest reading stands alone, so that a single reading never alarms.
    """

    latest: Oxygen
    band: Band
    confirmed: Oxygen | None
    median_percent: float
    lowest_percent: float
    baseline_percent: float | None
    days: int
    readings: int
    advice: str


def band(percent: float, baseline: float | None = None) -> Band:
    """What one reading means; against the person's own baseline where that is below the normal range."""
    shown = int(percent + 0.5)
    if baseline is None or baseline >= NORMAL:
        return "normal" if shown >= NORMAL else "recheck" if shown >= RECHECK else "low"
    own = int(baseline + 0.5)
    return "normal" if shown >= own else "recheck" if shown > own - BASELINE_LOW else "low"


def baseline(readings: Sequence[Oxygen], *, before: datetime) -> float | None:
    """The median of the four weeks up to `before`; None on fewer than seven days with readings."""
    first = before - timedelta(days=BASELINE_DAYS)
    earlier = [one for one in readings if first <= one.at < before]
    if len({one.at.date() for one in earlier}) < BASELINE_LEAST_DAYS:
        return None
    return median(one.percent for one in earlier)


def repeated(readings: Sequence[Oxygen], wanted: Band, own: float | None = None) -> Oxygen | None:
    """The later of two readings, half a minute to an hour apart and next to each other, both in the band or lower."""
    order: tuple[Band, ...] = ("normal", "recheck", "low")
    worst = order[order.index(wanted) :]
    ordered = sorted(readings, key=lambda one: one.at)
    for earlier, later in reversed(list(pairwise(ordered))):
        apart = later.at - earlier.at
        both = band(earlier.percent, own) in worst and band(later.percent, own) in worst
        if REPEAT_AFTER <= apart <= REPEAT_WITHIN and both:
            return later
    return None


def assess(
    readings: Sequence[Oxygen], *, lung_disease: bool = False, usual: float | None = None
) -> HomeOximetry | None:
    """The latest week of readings; None without any. Only a person with lung disease has a baseline of their own.

    `usual` is what a clinician wrote down as the person's usual value; it comes before one worked out.
    """
    ordered = sorted(readings, key=lambda one: one.at)
    if not ordered:
        return None
    latest = ordered[-1]
    week_begins = latest.at - timedelta(days=7)
    week = [one for one in ordered if one.at > week_begins]
    own = usual
    if own is None and lung_disease:
        own = baseline(ordered, before=week_begins)
    found = band(latest.percent, own)
    near = [one for one in week if latest.at - one.at <= REPEAT_WITHIN]
    confirmed = None if found == "normal" else repeated(near, found, own)
    return HomeOximetry(
        latest=latest,
        band=found,
        confirmed=confirmed,
        median_percent=median(one.percent for one in week),
        lowest_percent=min(one.percent for one in week),
        baseline_percent=own,
        days=len({one.at.date() for one in week}),
        readings=len(week),
        advice=_advice(found, confirmed=confirmed is not None),
    )


def _advice(found: Band, *, confirmed: bool) -> str:
    if found == "normal":
        return "Go on measuring three times a day."
    if not confirmed:
        when = "within the hour" if found == "recheck" else "at once"
        return f"Measure again {when}: warm hand, no nail varnish, sitting still."
    if found == "recheck":
        return "Two readings are below your usual range: contact your GP practice or NHS 111."
    return "Two readings are low: call 999."
