"""Heart rate every few minutes: the bulk of an export, made to fill it up to the number of records asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from carespine.demo.practice.chance import Dice
from carespine.demo.wearables.day_plan import DayPlan
from carespine.demo.wearables.markup import QUANTITY
from carespine.demo.wearables.night import RESTING_LEVEL
from carespine.demo.wearables.shop import Workshop

HEART_RATE = f"{QUANTITY}HeartRate"
FEWEST_A_DAY = 24
_CONTEXT = "HKMetadataKeyHeartRateMotionContext"
_SEDENTARY, _ACTIVE = ((_CONTEXT, "1"),), ((_CONTEXT, "2"),)


def heart_rates(shop: Workshop, total: int) -> Iterator[str]:
    """Exactly `total` records over all days, each day as many as any other to within one."""
    dice = shop.dice("heart rate")
    written = 0
    for number, day in enumerate(shop.days(), start=1):
        until = total * number // shop.length
        for line in _day(shop, dice, day, until - written):
            yield shop.count(HEART_RATE, line)
        written = until


def _day(shop: Workshop, dice: Dice, day: date, wanted: int) -> Iterator[str]:
    """So many records over a day of 23, 24 or 25 hours, repeats among them."""
    start, end = shop.clock.midnight(day), shop.clock.midnight(day + timedelta(days=1))
    plan = shop.plan(day)
    busy = iter([*((walk.start, walk.end) for walk in plan.walks), (end, end)])
    walk_from, walk_until = next(busy)
    left, place = wanted, 0
    while left:
        at = start + (end - start) * place // wanted
        place += 1
        while at > walk_until:
            walk_from, walk_until = next(busy)
        line = _record(shop, dice, plan, at, walking=walk_from <= at)
        left -= 1
        yield line
        if left and shop.repeats(dice, HEART_RATE):
            left -= 1
            yield line


def _record(shop: Workshop, dice: Dice, plan: DayPlan, at: int, *, walking: bool) -> str:
    asleep = plan.asleep_from <= at < plan.awake_from
    level = 101 if walking else RESTING_LEVEL - 4 if asleep else RESTING_LEVEL + 13
    meta = _ACTIVE if walking else _SEDENTARY if dice.chance(0.4) else ()
    value = level + dice.between(-6, 9)
    return shop.pen.record(
        HEART_RATE, shop.sources.watch, start=at, end=at, value=value, unit="count/min", meta=meta
    )
