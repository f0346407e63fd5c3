"""What is known about a generated export, for tests of the code that reads it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class PressureReading:
    """One home reading, mmHg; `at` is aware, UTC."""

    at: datetime
    systolic: int
    diastolic: int


@dataclass(frozen=True, slots=True)
class PressureTruth:
    """Home blood pressure as NICE NG136 averages it: one week, its first day discarded.

    `readings` are all distinct plausible ones, strays outside the week included; `used` are those averaged.
    """

    first_day: date
    last_day: date
    readings: tuple[PressureReading, ...]
    used: tuple[PressureReading, ...]

    @property
    def systolic(self) -> Fraction:
        return Fraction(sum(reading.systolic for reading in self.used), len(self.used))

    @property
    def diastolic(self) -> Fraction:
        return Fraction(sum(reading.diastolic for reading in self.used), len(self.used))


@dataclass(frozen=True, slots=True)
class GlucoseTruth:
    """The sensor's readings, in tenths of mmol/L, repeats not counted.

    `expected` is the number a sensor that never paused would have given between the first reading and the
    end of the last day.
    """

    first: datetime
    last: datetime
    expected: int
    tenths: tuple[int, ...]

    def share(self, low: int, high: int) -> Fraction:
        """The share of readings from `low` to `high` tenths, both included (3.9 to 10.0: 39, 100)."""
        return Fraction(sum(low <= each <= high for each in self.tenths), len(self.tenths))

    @property
    def mean(self) -> Fraction:
        """mmol/L."""
        return Fraction(sum(self.tenths), 10 * len(self.tenths))

    @property
    def active(self) -> Fraction:
        return Fraction(len(self.tenths), self.expected)


@dataclass(slots=True)
class ExportTruth:
    """What `write_export` wrote and what a careful reader must find in it.

    `records` counts Record elements at top level, all of them: good, repeated, implausible and malformed;
    `records_in_correlations` are the same blood pressures once more inside Correlation elements.

    Steps: where both watch and phone counted a walk, the watch's count is the truth; where only the phone
    did, the phone's. `steps_by_written_day` uses the calendar day of each record's startDate as written (what
    a reader finds without asking where the wearer was); `steps_by_day_walked` the wearer's own day. The
    phone's intervals stick out of the watch's by seconds; `step_slack_by_written_day` bounds what a reader
    that keeps those edges may count on top.
    """

    first_day: date
    last_day: date
    trip: tuple[date, date] | None
    clock_changes: tuple[date, ...]
    records: int = 0
    records_in_correlations: int = 0
    correlations: int = 0
    workouts: int = 0
    activity_summaries: int = 0
    records_by_type: Counter[str] = field(default_factory=Counter)
    repeats_by_type: Counter[str] = field(default_factory=Counter)
    malformed: list[tuple[str, str]] = field(default_factory=list)
    implausible: list[tuple[str, str]] = field(default_factory=list)
    steps_by_written_day: Counter[date] = field(default_factory=Counter)
    steps_by_day_walked: Counter[date] = field(default_factory=Counter)
    step_slack_by_written_day: Counter[date] = field(default_factory=Counter)
    asleep_seconds_by_night: dict[date, int] = field(default_factory=dict)
    resting_heart_rate_by_day: dict[date, int] = field(default_factory=dict)
    weights_kg: list[tuple[datetime, float]] = field(default_factory=list)
    meter_readings: int = 0
    pressure: PressureTruth | None = None
    glucose: GlucoseTruth | None = None
    xml_bytes: int = 0
