"""What every section of an export needs at hand: the wearer, the days, the pen, and the truth so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from carespine.demo.practice.chance import Dice
from carespine.demo.wearables.clock import Clock
from carespine.demo.wearables.day_plan import DayPlan, plan_day
from carespine.demo.wearables.markup import Pen
from carespine.demo.wearables.truth import ExportTruth
from carespine.demo.wearables.wearer import Sources, Wearer

# One record in so many is written twice, as a phone does that restored from a backup.
REPEAT_SHARE = 0.004
# The plans kept at once: enough for speed, so few that the number of days does not show in memory.
_PLANS_KEPT = 128


@dataclass(frozen=True, slots=True)
class Workshop:
    """`days` are those of the export, in order; plans are made again on demand, never kept for all days."""

    seed: int
    start: date
    length: int
    wearer: Wearer
    sources: Sources
    clock: Clock
    pen: Pen
    truth: ExportTruth

    def dice(self, *names: object) -> Dice:
        return Dice(self.seed, *names)

    def day(self, number: int) -> date:
        return self.start + timedelta(days=number)

    def days(self) -> Iterator[date]:
        return (self.day(number) for number in range(self.length))

    def plan(self, day: date) -> DayPlan:
        return _plan(self.seed, self.clock, day)

    def count(self, kind: str, written: str) -> str:
        """Notes a record at top level in the truth, and passes it on."""
        self.truth.records += 1
        self.truth.records_by_type[kind] += 1
        return written

    def repeats(self, dice: Dice, kind: str) -> bool:
        """Whether the record just written comes once more; noted in the truth if so."""
        again = dice.chance(REPEAT_SHARE)
        if again:
            self.truth.repeats_by_type[kind] += 1
        return again


@lru_cache(maxsize=_PLANS_KEPT)
def _plan(seed: int, clock: Clock, day: date) -> DayPlan:
    return plan_day(seed, clock, day)


def aware(moment: int) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
