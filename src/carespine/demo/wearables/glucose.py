"""Glucose: a sensor's reading every five minutes in mmol/L, and a meter's a few times a day in mg/dL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from carespine.demo.practice.chance import Dice
from carespine.demo.wearables.markup import QUANTITY
from carespine.demo.wearables.shop import Workshop, aware
from carespine.demo.wearables.truth import GlucoseTruth

GLUCOSE = f"{QUANTITY}BloodGlucose"
# HealthKit names the unit by glucose's molar mass in g/mol; the brackets are escaped in XML.
MMOL = "mmol&lt;180.1558800000541&gt;/L"
MG = "mg/dL"
# Metrics page: 1 mmol/L = 18.0156 mg/dL.
MG_PER_MMOL = 18.0156
# International consensus on time in range, 2019: at least 14 days, at least 70 % active.
SENSOR_DAYS = 15
_INTERVAL = 300
_SENSOR_ENDS_BEFORE_END = 1  # days
_WARM_UP = (5 * 24 * 12, 24)  # after so many readings the sensor is changed, and so many are missing
_DROPPED = 0.02
# (hour, rise at the peak in tenths of mmol/L): breakfast, lunch, dinner.
_MEALS = ((7.8, 44), (13.0, 37), (19.0, 50))
_RISE_HOURS, _FALL_HOURS = 1.1, 2.6
_FASTING_TENTHS = 76
_METER_TIMES = ((7 * 60, 1), (20 * 60, 2))  # minute of the day, meal time: 1 before, 2 after
_METER_DAYS_IN_SEVEN = 4


def sensor(shop: Workshop) -> Iterator[str]:
    dice = shop.dice("sensor")
    first_day = shop.length - _SENSOR_ENDS_BEFORE_END - SENSOR_DAYS
    start = shop.clock.midnight(shop.day(first_day))
    end = shop.clock.midnight(shop.day(first_day + SENSOR_DAYS))
    written: list[tuple[int, int]] = []
    peaks = [0.0, 0.0, 0.0]
    for number in range((end - start) // _INTERVAL):
        at = start + number * _INTERVAL + 17
        hour = (number * _INTERVAL % 86_400) / 3600
        if number % 288 == 0:
            peaks = [rise * dice.uniform(0.6, 1.7) for _, rise in _MEALS]
            low_night = dice.chance(0.15)
        changing = 0 <= number - _WARM_UP[0] < _WARM_UP[1]
        if changing or (number and dice.chance(_DROPPED)):
            continue
        tenths = _level(dice, hour, peaks, low_night=low_night)
        written.append((at, tenths))
        for _ in range(2 if shop.repeats(dice, GLUCOSE) else 1):
            yield shop.count(
                GLUCOSE,
                shop.pen.record(
                    GLUCOSE, shop.sources.sensor, start=at, end=at, value=f"{tenths / 10:g}", unit=MMOL
                ),
            )
    shop.truth.glucose = GlucoseTruth(
        first=aware(written[0][0]),
        last=aware(written[-1][0]),
        expected=(end - start) // _INTERVAL,
        tenths=tuple(tenths for _, tenths in written),
    )


def meter(shop: Workshop) -> Iterator[str]:
    dice = shop.dice("meter")
    for day in shop.days():
        if day.toordinal() % 7 >= _METER_DAYS_IN_SEVEN:
            continue
        for minute, meal in _METER_TIMES:
            at = shop.clock.moment(day, minute + dice.between(0, 25))
            mmol = dice.normal(7.8 if meal == 1 else 10.1, 0.9)
            meta = (
                ("HKBloodGlucoseMealTime", str(meal)),
                ("HKTimeZone", shop.clock.zone_at(at)),
                ("HKWasUserEntered", "0"),
            )
            shop.truth.meter_readings += 1
            yield shop.count(
                GLUCOSE,
                shop.pen.record(
                    GLUCOSE,
                    shop.sources.meter,
                    start=at,
                    end=at,
                    value=round(mmol * MG_PER_MMOL),
                    unit=MG,
                    created=at + int(timedelta(hours=3).total_seconds()),
                    meta=meta,
                ),
            )


def _level(dice: Dice, hour: float, peaks: list[float], *, low_night: bool) -> int:
    """Tenths of mmol/L: a fasting level, three meals that rise and fall, now and then a low night."""
    level = _FASTING_TENTHS + dice.normal(0, 3)
    for (meal, _), peak in zip(_MEALS, peaks, strict=True):
        since = hour - meal
        if 0 <= since < _RISE_HOURS:
            level += peak * since / _RISE_HOURS
        elif _RISE_HOURS <= since < _RISE_HOURS + _FALL_HOURS:
            level += peak * (1 - (since - _RISE_HOURS) / _FALL_HOURS)
    if low_night and 2.5 <= hour < 3.5:
        level -= 42
    return max(round(level), 24)
