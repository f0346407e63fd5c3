"""Blood pressures from two columns: a systolic and a diastolic value of one source at one moment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from carespine.devices.metrics import metric
from carespine.devices.resolve import separate
from carespine.devices.rules.blood_pressure import BloodPressure
from carespine.devices.samples import DAY_MS, MINUTE_MS, Samples, SourceIdentity

SYSTOLIC, DIASTOLIC = "blood-pressure-systolic", "blood-pressure-diastolic"


@dataclass(frozen=True, slots=True)
class Pressure:
    """One measurement with where it came from. `start_ms` is the moment, `offset_min` the offset in force."""

    source: int
    start_ms: int
    offset_min: int
    systolic_mmhg: float
    diastolic_mmhg: float
    imports: frozenset[int]

    @property
    def local_day(self) -> int:
        return (self.start_ms + self.offset_min * MINUTE_MS) // DAY_MS

    def on_the_wall(self) -> BloodPressure:
        """The measurement as the rules see it: with the patient's local time."""
        local = datetime.fromtimestamp(self.start_ms / 1000, UTC) + timedelta(minutes=self.offset_min)
        return BloodPressure(local.replace(tzinfo=None), self.systolic_mmhg, self.diastolic_mmhg)


def pair(
    readings: Mapping[str, Mapping[int, Samples]], sources: Mapping[int, SourceIdentity]
) -> tuple[list[Pressure], list[Pressure]]:
    """The measurements that count, in order of time, and those set aside (doubles, implausible numbers).

    A lone systolic or diastolic value is no measurement and appears in neither list; it stays in the store.
    """
    systolic = separate(metric(SYSTOLIC), readings.get(SYSTOLIC, {}), sources)
    diastolic = separate(metric(DIASTOLIC), readings.get(DIASTOLIC, {}), sources)
    counted, aside = list[Pressure](), list[Pressure]()
    for source in sorted(systolic.keys() & diastolic.keys()):
        good, doubted = systolic[source], diastolic[source]
        counted += _pairs(source, good[0], doubted[0])
        for upper, lower in ((1, 1), (0, 1), (1, 0)):
            aside += _pairs(source, good[upper], doubted[lower])
    return sorted(counted, key=_moment), sorted(aside, key=_moment)


def _pairs(source: int, systolic: Samples, diastolic: Samples) -> list[Pressure]:
    upper, lower = metric(SYSTOLIC), metric(DIASTOLIC)
    _, left, right = np.intersect1d(systolic.start_ms, diastolic.start_ms, return_indices=True)
    systolic, diastolic = systolic.take(left), diastolic.take(right)
    return [
        Pressure(source, int(start), int(offset), float(high), float(low), frozenset({int(one), int(two)}))
        for start, offset, high, low, one, two in zip(
            systolic.start_ms,
            systolic.offset_min,
            systolic.canonical(upper),
            diastolic.canonical(lower),
            systolic.origin,
            diastolic.origin,
            strict=True,
        )
    ]


def _moment(pressure: Pressure) -> tuple[int, int]:
    return pressure.start_ms, pressure.source
