"""What goes wrong in real exports: values no body has, and records that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

from carespine.demo.wearables.body import WEIGHT
from carespine.demo.wearables.glucose import GLUCOSE
from carespine.demo.wearables.heart_rate import HEART_RATE
from carespine.demo.wearables.movement import STEPS
from carespine.demo.wearables.night import BREATHING, OXYGEN, SLEEP
from carespine.demo.wearables.shop import Workshop

# (type, value, unit): 255 is what some bands write for "no value"; the others are plain nonsense.
IMPLAUSIBLE: tuple[tuple[str, str, str], ...] = (
    (HEART_RATE, "255", "count/min"),
    (HEART_RATE, "255", "count/min"),
    (HEART_RATE, "0", "count/min"),
    (WEIGHT, "700", "kg"),
    (STEPS, "-40", "count"),
    (STEPS, "-3", "count"),
    (OXYGEN, "0.12", "%"),
    (BREATHING, "140", "count/min"),
)


def implausible(shop: Workshop) -> Iterator[str]:
    dice = shop.dice("implausible")
    for kind, value, unit in IMPLAUSIBLE:
        at = shop.clock.moment(shop.day(dice.between(1, shop.length - 2)), 14 * 60, dice.between(0, 59))
        shop.truth.implausible.append((kind, value))
        yield shop.count(
            kind,
            shop.pen.record(kind, shop.sources.watch, start=at, end=at + 30, value=value, unit=unit),
        )


def malformed(shop: Workshop) -> Iterator[str]:
    """Records that are well-formed XML and cannot be taken, each for its own reason."""
    at = shop.clock.moment(shop.day(shop.length // 2), 15 * 60)
    for kind, reason, written in _faulty(shop, at):
        shop.truth.malformed.append((kind, reason))
        yield shop.count(kind, written)


def _faulty(shop: Workshop, at: int) -> Iterator[tuple[str, str, str]]:
    watch, scale, sensor = shop.sources.watch, shop.sources.scale, shop.sources.sensor
    record, text = shop.pen.record, shop.clock.text
    good = record(HEART_RATE, watch, start=at, end=at, value=70, unit="count/min")
    yield HEART_RATE, "missing unit", good.replace(' unit="count/min"', "")
    yield HEART_RATE, "unparsable date", good.replace(text(at), "2026-13-45 25:61:00 +0000")
    yield HEART_RATE, "missing start", good.replace(f' startDate="{text(at)}"', "")
    steps = record(STEPS, watch, start=at, end=at + 60, value="n/a", unit="count")
    yield STEPS, "value is not a number", steps
    backwards = record(STEPS, watch, start=at + 600, end=at, value=55, unit="count")
    yield STEPS, "ends before it starts", backwards
    weight = record(WEIGHT, scale, start=at, end=at, value="", unit="kg").replace(' value=""', "")
    yield WEIGHT, "missing value", weight
    glucose = record(GLUCOSE, sensor, start=at, end=at, value=6.1, unit="furlong")
    yield GLUCOSE, "unknown unit", glucose
    stage = "HKCategoryValueSleepAnalysisDreaming"
    yield SLEEP, "unknown category value", record(SLEEP, watch, start=at, end=at + 60, value=stage)
