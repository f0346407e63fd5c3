"""Peak flow against the person's best: the zone, and how much it varies within a day. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

RULE = "BTS/SIGN 158 and Asthma + Lung UK action plan (shares of personal best); NICE NG245 (variability)"

# Asthma + Lung UK action plan as BTS/SIGN 158 uses it: below 75 % of the best asthma is getting worse.
WORSE = 75.0
# BTS/SIGN 158, acute asthma: 33 to 50 % of best is severe, below 33 % is life-threatening.
SEVERE, LIFE_THREATENING = 50.0, 33.0
# NICE NG245 1.2: variability over 20 %, from readings twice a day for two weeks.
VARIABLE, VARIABILITY_DAYS = 20.0, 14
# Carespine: a best needs seven days of readings, as long as a reading twice a day takes to show good and bad days.
DAYS_FOR_A_BEST = 7
# Carespine: the best of the last two years; older ones belong to another body.
BEST_OF_DAYS = 730
# Carespine: a variability is told from seven days with two readings, half of the two weeks that NICE asks for.
VARIABILITY_LEAST = 7

Zone = Literal["good", "worse", "severe", "life-threatening"]


@dataclass(frozen=True, slots=True)
class PeakFlow:
    """The latest day's best in L/min, its share of the personal best, and the mean daily variability in percent."""

    latest_l_min: float
    best_l_min: float
    share: float
    zone: Zone
    variability: float | None
    days: int


@dataclass(frozen=True, slots=True)
class NoBest:
    """Too few days for a personal best."""

    days: int

    @property
    def sentence(self) -> str:
        missing = DAYS_FOR_A_BEST - self.days
        return f"Measure on {missing} more day{'' if missing == 1 else 's'}, morning and evening, the best of three."


def zone(share: float) -> Zone:
    """The zone of a share (percent) of the personal best."""
    if share < LIFE_THREATENING:
        return "life-threatening"
    if share < SEVERE:
        return "severe"
    return "worse" if share < WORSE else "good"


def variability(days: Mapping[int, Sequence[float]], *, last_day: int) -> float | None:
    """The mean over two weeks of (highest - lowest) / mean of each day, in percent; None on too few days."""
    shares = [
        (max(found) - min(found)) / (sum(found) / len(found)) * 100
        for day, found in days.items()
        if last_day - VARIABILITY_DAYS < day <= last_day and len(found) > 1
    ]
    return sum(shares) / len(shares) if len(shares) >= VARIABILITY_LEAST else None


def assess(
    days: Mapping[int, Sequence[float]], *, given_best: float | None = None
) -> PeakFlow | NoBest | None:
    """By local day (days since 1970) the day's readings in L/min; `given_best` is one that a clinician wrote down."""
    found = {day: values for day, values in days.items() if values}
    if not found:
        return None
    last = max(found)
    recent = {day: values for day, values in found.items() if day > last - BEST_OF_DAYS}
    if given_best is None and len(recent) < DAYS_FOR_A_BEST:
        return NoBest(len(recent))
    best = given_best or max(max(values) for values in recent.values())
    share = max(found[last]) / best * 100
    return PeakFlow(
        max(found[last]), best, share, zone(share), variability(found, last_day=last), len(recent)
    )
