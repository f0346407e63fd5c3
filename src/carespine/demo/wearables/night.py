"""Sleep, and what the watch measures in it: oxygen, breathing, heart rate variability, resting heart rate."""

from __future__ import annotations

from collections.abc import Iterator

from carespine.demo.wearables.markup import CATEGORY, QUANTITY
from carespine.demo.wearables.shop import Workshop

SLEEP = f"{CATEGORY}SleepAnalysis"
OXYGEN, BREATHING = f"{QUANTITY}OxygenSaturation", f"{QUANTITY}RespiratoryRate"
VARIABILITY, RESTING = f"{QUANTITY}HeartRateVariabilitySDNN", f"{QUANTITY}RestingHeartRate"
NOISE = f"{QUANTITY}EnvironmentalAudioExposure"
_STAGE = "HKCategoryValueSleepAnalysis"
RESTING_LEVEL = 61
_OXYGEN_A_NIGHT, _BREATHING_A_NIGHT, _VARIABILITY_A_DAY, _NOISE_A_DAY = 4, 5, 3, 4


def sleep(shop: Workshop) -> Iterator[str]:
    """The watch's stages, with the zone; the phone's time in bed over the same night, without."""
    dice = shop.dice("sleep")
    for day in shop.days():
        plan = shop.plan(day)
        shop.truth.asleep_seconds_by_night[shop.clock.written_day(plan.awake_from)] = plan.asleep_seconds
        in_bed = plan.asleep_from - dice.between(240, 1500)
        yield shop.count(
            SLEEP,
            shop.pen.record(
                SLEEP,
                shop.sources.phone,
                start=in_bed,
                end=plan.awake_from + dice.between(30, 600),
                value=f"{_STAGE}InBed",
            ),
        )
        for stage, start, end in plan.stages:
            meta = (("HKTimeZone", shop.clock.zone_at(start)),)
            yield shop.count(
                SLEEP,
                shop.pen.record(
                    SLEEP, shop.sources.watch, start=start, end=end, value=f"{_STAGE}{stage}", meta=meta
                ),
            )


def oxygen(shop: Workshop) -> Iterator[str]:
    """Saturation as Apple writes it: a fraction, with the unit %."""
    dice = shop.dice("oxygen")
    for day in shop.days():
        plan = shop.plan(day)
        for at in _spread(plan.asleep_from, plan.awake_from, _OXYGEN_A_NIGHT):
            value = f"{dice.between(94, 99) / 100:.2g}"
            meta = (("HKMetadataKeyBarometricPressure", f"{dice.between(988, 1024)} hPa"),)
            for _ in range(2 if shop.repeats(dice, OXYGEN) else 1):
                yield shop.count(
                    OXYGEN,
                    shop.pen.record(
                        OXYGEN,
                        shop.sources.watch,
                        start=at,
                        end=at + 15,
                        value=value,
                        unit="%",
                        meta=meta,
                    ),
                )


def breathing(shop: Workshop) -> Iterator[str]:
    dice = shop.dice("breathing")
    for day in shop.days():
        plan = shop.plan(day)
        for at in _spread(plan.asleep_from, plan.awake_from, _BREATHING_A_NIGHT):
            value = dice.between(26, 35) / 2
            yield shop.count(
                BREATHING,
                shop.pen.record(
                    BREATHING,
                    shop.sources.watch,
                    start=at,
                    end=at,
                    value=f"{value:g}",
                    unit="count/min",
                ),
            )


def variability(shop: Workshop) -> Iterator[str]:
    """SDNN, with the beats it was computed from inside the record."""
    dice = shop.dice("variability")
    for day in shop.days():
        plan = shop.plan(day)
        for at in _spread(plan.asleep_from, plan.awake_from, _VARIABILITY_A_DAY):
            beats = "".join(
                f'   <InstantaneousBeatsPerMinute bpm="{dice.between(52, 66)}" time="{clock}"/>\n'
                for clock in ("3:02:11.04", "3:02:12.09", "3:02:13.11")
            )
            inside = f"  <HeartRateVariabilityMetadataList>\n{beats}  </HeartRateVariabilityMetadataList>\n"
            yield shop.count(
                VARIABILITY,
                shop.pen.record(
                    VARIABILITY,
                    shop.sources.watch,
                    start=at,
                    end=at + 60,
                    value=f"{dice.uniform(24, 58):.4f}",
                    unit="ms",
                    inside=inside,
                ),
            )


def resting(shop: Workshop) -> Iterator[str]:
    dice = shop.dice("resting")
    for day in shop.days():
        value = RESTING_LEVEL + dice.between(-3, 3)
        start = shop.clock.moment(day, 5)
        shop.truth.resting_heart_rate_by_day[shop.clock.written_day(start)] = value
        yield shop.count(
            RESTING,
            shop.pen.record(
                RESTING,
                shop.sources.watch,
                start=start,
                end=start + 22 * 3600,
                value=value,
                unit="count/min",
            ),
        )


def noise(shop: Workshop) -> Iterator[str]:
    """Sound levels: like hours stood, a kind with no clinical code."""
    dice = shop.dice("noise")
    for day in shop.days():
        for part in range(_NOISE_A_DAY):
            start = shop.clock.moment(day, 8 * 60 + part * 150)
            yield shop.count(
                NOISE,
                shop.pen.record(
                    NOISE,
                    shop.sources.watch,
                    start=start,
                    end=start + 1800,
                    value=f"{dice.uniform(48, 81):.3f}",
                    unit="dBASPL",
                ),
            )


def _spread(start: int, end: int, number: int) -> list[int]:
    return [start + (end - start) * (part + 1) // (number + 1) for part in range(number)]
