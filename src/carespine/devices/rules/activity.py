"""Minutes of activity against the guideline for adults of the United Kingdom. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RULE = "UK Chief Medical Officers' physical activity guidelines (2019), adults"

# CMO 2019: 150 minutes of moderate activity a week, or 75 of vigorous; a vigorous minute counts as two.
WEEKLY_MINUTES, VIGOROUS_FACTOR = 150, 2
# CMO 2019: the adult guideline begins at 19 years.
ADULT_AGE = 19
# Carespine: a week with fewer than four days with readings says little about a week.
LEAST_DAYS = 4
WEEK = 7

ByDay = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class ActiveWeek:
    """Seven days: moderate and vigorous minutes, and both together in moderate minutes."""

    moderate: float
    vigorous: float
    equivalent: float
    days: int

    @property
    def meets_guideline(self) -> bool:
        return self.equivalent >= WEEKLY_MINUTES


@dataclass(frozen=True, slots=True)
class TooFewDays:
    """Too few days with readings in the week."""

    days: int

    @property
    def sentence(self) -> str:
        missing = LEAST_DAYS - self.days
        return f"Wear the device on {missing} more day{'' if missing == 1 else 's'} of the week."


def week(moderate: ByDay, vigorous: ByDay, *, last_day: int) -> ActiveWeek | TooFewDays | None:
    """The seven days up to `last_day`; None where there is no minute of either kind at all."""
    inside = [day for day in {*moderate, *vigorous} if last_day - WEEK < day <= last_day]
    if not inside:
        return None
    if len(inside) < LEAST_DAYS:
        return TooFewDays(len(inside))
    calm = sum(moderate.get(day, 0.0) for day in inside)
    hard = sum(vigorous.get(day, 0.0) for day in inside)
    return ActiveWeek(calm, hard, calm + VIGOROUS_FACTOR * hard, len(inside))
