"""The sections on glucose: the profile of a continuous monitor, and finger-prick readings apart from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time

import numpy as np

from carespine.devices import codes
from carespine.devices.metrics import Unit, metric
from carespine.devices.models import Coding, Figure, Point, Provenance, Result, Series, Target
from carespine.devices.naming import as_date, reading_ids
from carespine.devices.picture import Picture
from carespine.devices.resolve import separate
from carespine.devices.rules import glucose as rules
from carespine.devices.samples import MINUTE_MS, Samples, concatenate
from carespine.devices.sections.common import (
    Frame,
    chart,
    figure,
    import_ids,
    provenance,
    quality,
    shares,
    target,
    written,
)

CGM = Frame(
    "glucose-cgm", "Glucose, continuous monitor", "Glucose from your sensor", "glucose-cgm", rules.RULE
)
METER = Frame("glucose-meter", "Glucose, meter", "Finger-prick glucose", "glucose-meter", rules.METER_RULE)
# What a meter's section looks at.
METER_DAYS = 28


def continuous(picture: Picture) -> Result:
    """The consensus profile of the last 14 days, or why there is none."""
    found = picture.days.get("glucose-cgm", [])
    if not found:
        return CGM.empty(picture)
    samples = _best_sensor(picture)
    decided = _profile(samples)
    last = int(samples.local_day().max())
    first = last - rules.DAYS_NEEDED + 1
    begun = replace(
        CGM.empty(picture),
        series=(chart("glucose-cgm", "Daily mean", metric("glucose-cgm"), found),),
        quality=quality(picture, "glucose-cgm", found, first=first, last=last),
        provenance=provenance(picture, "glucose-cgm", [day for day in found if day.day >= first]),
    )
    if isinstance(decided, rules.CgmRefused):
        return replace(
            begun,
            state="not-enough",
            verdict="No profile. " + " ".join(decided.sentences),
            plain="There is not enough sensor data yet. " + " ".join(decided.sentences),
            missing=decided.sentences,
        )
    in_range = written(decided.in_range, 0)
    return replace(
        begun,
        state="ready",
        verdict=f"Time in range {in_range} %, below {written(decided.below, 1)} %, above "
        f"{written(decided.above, 0)} %; mean {written(decided.mean_mmol_l, 1)} mmol/L, GMI "
        f"{written(decided.gmi, 1)} %, CV {written(decided.cv, 0)} %.",
        plain=f"Your glucose was in range {in_range} % of the time.",
        figures=_figures(decided, picture),
        series=(*begun.series, *_ambulatory(samples, as_date(last))),
    )


def _ambulatory(samples: Samples, last: date) -> tuple[Series, ...]:
    """The ambulatory profile: the median with the middle half, and with nine tenths, by hour of the local clock."""
    shift = samples.offset_min.astype(np.int64) * MINUTE_MS
    of = metric("glucose-cgm")
    hours = rules.ambulatory(samples.start_ms + shift, samples.local_day(), samples.canonical(of))

    def point(hour: rules.AmbulatoryHour, low: float, high: float) -> Point:
        at = datetime.combine(last, time(hour.hour), tzinfo=UTC)
        return Point(last, round(hour.p50, 4), round(low, 4), round(high, 4), at)

    middle = tuple(point(hour, hour.p25, hour.p75) for hour in hours)
    most = tuple(point(hour, hour.p5, hour.p95) for hour in hours)
    return (
        Series("agp-middle", "Median by hour, with the middle half", "mmol/L", "mmol/L", "line", middle),
        Series("agp-most", "Median by hour, with nine tenths", "mmol/L", "mmol/L", "line", most),
    )


def _best_sensor(picture: Picture) -> Samples:
    """The plausible readings of the sensor with the most of them: two sensors are never mixed into one CV."""
    by_source = picture.readings["glucose-cgm"]
    # Scans repeat what the sensor's history holds, at moments that the person chose.
    history = [source for source in by_source if picture.sources[source].kind != "scan"] or list(by_source)
    samples = by_source[max(sorted(history), key=lambda source: len(by_source[source]))]
    of = metric("glucose-cgm")
    value = samples.canonical(of)
    return samples.take((value >= of.bounds[0]) & (value <= of.bounds[1]))


def _profile(samples: Samples) -> rules.CgmProfile | rules.CgmRefused:
    of = metric("glucose-cgm")
    by_mg = samples.unit == of.unit_index("mg/dL")
    mmol = samples.canonical(of)
    mg = np.where(by_mg, samples.value, mmol * rules.MG_PER_MMOL)
    return rules.profile(samples.start_ms, samples.local_day(), mmol, mg, by_mg)


def _figures(decided: rules.CgmProfile, picture: Picture) -> tuple[Figure, ...]:
    def percent(
        key: str, label: str, value: float, code: Coding, *, goal: Target | None = None, digits: int = 0
    ) -> Figure:
        return figure(key, label, value, unit=Unit("%", "%"), codes=(code,), target=goal, digits=digits)

    def under(limit: float) -> Target:
        return Target(None, limit, f"under {limit:.0f} %", rules.RULE)

    mean = figure(
        "cgm-mean",
        "Mean glucose",
        decided.mean_mmol_l,
        unit=Unit("mmol/L", "mmol/L"),
        digits=1,
        codes=(codes.CGM_MEAN,),
    )
    usual = Target(rules.TARGET_IN_RANGE, None, f"above {rules.TARGET_IN_RANGE:.0f} %", rules.RULE)
    above_range = target(picture, "cgm-in-range", usual)
    stable = Target(None, rules.TARGET_CV + 0.05, f"at most {rules.TARGET_CV:.0f} %", rules.RULE)
    low = decided.below - decided.very_low
    high = decided.above - decided.very_high
    return (
        percent(
            "cgm-in-range", "In range, 3.9 to 10.0", decided.in_range, codes.CGM_IN_RANGE,
            goal=above_range,
        ),
        percent(
            "cgm-below", "Below range, all under 3.9", decided.below, codes.CGM_BELOW_ALL,
            goal=under(rules.TARGET_BELOW), digits=1,
        ),
        percent("cgm-low", "Low, 3.0 to 3.8", low, codes.CGM_BELOW, digits=1),
        percent(
            "cgm-very-low", "Very low, under 3.0", decided.very_low, codes.CGM_VERY_LOW,
            goal=under(rules.TARGET_VERY_LOW), digits=1,
        ),
        percent(
            "cgm-above", "Above range, all over 10.0", decided.above, codes.CGM_ABOVE_ALL,
            goal=under(rules.TARGET_ABOVE),
        ),
        percent("cgm-high", "High, 10.1 to 13.9", high, codes.CGM_ABOVE),
        percent(
            "cgm-very-high", "Very high, over 13.9", decided.very_high, codes.CGM_VERY_HIGH,
            goal=under(rules.TARGET_VERY_HIGH), digits=1,
        ),
        mean,
        percent("cgm-gmi", "Glucose management indicator", decided.gmi, codes.CGM_GMI, digits=1),
        percent("cgm-cv", "Coefficient of variation", decided.cv, codes.CGM_CV, goal=stable, digits=1),
        figure(
            "cgm-days", "Days", decided.days, unit=Unit("d", "days"), codes=(codes.CGM_DAYS,)
        ),
        percent("cgm-active", "Sensor active", decided.active, codes.CGM_ACTIVE),
    )  # fmt: skip


def by_meter(picture: Picture) -> Result:
    """Finger-prick readings of four weeks: how many, their mean and their range."""
    of = metric("glucose-meter")
    separated = separate(of, picture.readings.get("glucose-meter", {}), picture.sources)
    first = picture.last_day - METER_DAYS + 1
    kept = {source: used.take(used.local_day() >= first) for source, (used, _) in separated.items()}
    together = concatenate([samples for samples in kept.values() if len(samples)])
    decided = rules.meter(together.canonical(of).tolist())
    if decided is None:
        return METER.empty(picture)
    found = picture.days["glucose-meter"]
    recent = [day for day in found if day.day >= first]
    lowest, highest = written(decided.lowest_mmol_l, 1), written(decided.highest_mmol_l, 1)
    mean = figure(
        "meter-mean",
        "Mean of 28 days",
        decided.mean_mmol_l,
        unit=Unit("mmol/L", "mmol/L"),
        digits=1,
        codes=(codes.local_result("meter-glucose-mean", "Mean of finger-prick glucose over 28 days"),),
    )
    return replace(
        METER.empty(picture),
        state="ready",
        verdict=f"{decided.readings} readings: mean {mean.text} mmol/L, {lowest} to {highest}; "
        f"{decided.below_4} below 4.0.",
        plain=f"You measured {decided.readings} times, between {lowest} and {highest} mmol/L.",
        figures=(mean,),
        series=(_points(together),),
        quality=quality(picture, "glucose-meter", found, first=first, last=picture.last_day),
        provenance=Provenance(
            sources=shares(picture, recent),
            observation_ids=tuple(
                name
                for source, samples in kept.items()
                for name in reading_ids(picture.patient_id, of, source, samples)
            ),
            import_ids=import_ids(picture, frozenset[int]().union(*(day.imports for day in recent))),
        ),
    )


def _points(samples: Samples) -> Series:
    of = metric("glucose-meter")
    order = np.argsort(samples.start_ms, kind="stable")
    days, values = samples.local_day()[order], samples.canonical(of)[order]
    points = tuple(
        Point(as_date(int(day)), round(float(value), 2)) for day, value in zip(days, values, strict=True)
    )
    return Series("glucose-meter", "Finger-prick glucose", "mmol/L", "mmol/L", "points", points)
