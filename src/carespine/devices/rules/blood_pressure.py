"""Home blood pressure: the average that NICE NG136 asks for, or what is still missing for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

RULE = "NICE NG136, sections 1.2 and 1.4 (home blood pressure monitoring), checked 2026-11"

# NICE NG136 1.2.7: for each recording two consecutive measurements at least 1 minute apart.
READINGS_PER_RECORDING = 2
MINUTES_APART = timedelta(minutes=1)
# NICE NG136 1.2.7: twice daily, for at least 4 days, ideally 7; the first day is discarded.
DAYS_NEEDED = 4
DAYS_IDEAL = 7
# "Ideally in the morning and evening" (1.2.7); Carespine: morning is before noon by the local clock.
NOON = 12
# Two measurements of one recording follow one another; Carespine: within half an hour.
RECORDING_LENGTH = timedelta(minutes=30)

# NICE NG136, definitions of hypertension, home average in mmHg.
STAGE_1 = (135, 85)
STAGE_2 = (150, 95)
# NICE NG136 section 1.4: targets by home average, under 80 years and from 80 years.
TARGET_UNDER_80 = (135, 85)
TARGET_FROM_80 = (145, 85)
AGE_OF_HIGHER_TARGET = 80
# NICE NG136 section 1.5: 180/120 mmHg or more is severe; same-day assessment if there are signs of harm.
SEVERE = (180, 120)

Band = Literal["below-stage-1", "stage-1", "stage-2", "severe"]


@dataclass(frozen=True, slots=True)
class BloodPressure:
    """One measurement. `at` is the local time on the wall where the patient was (naive on purpose)."""

    at: datetime
    systolic_mmhg: float
    diastolic_mmhg: float


@dataclass(frozen=True, slots=True)
class HomeAverage:
    """The NG136 average, rounded half up to whole mmHg; what it was made of, and what it means.

    `used` are the readings in the mean, `discarded` those of the first day. `on_target` is by age.
    """

    systolic_mmhg: int
    diastolic_mmhg: int
    band: Band
    target: tuple[int, int]
    on_target: bool
    days: int
    used: tuple[BloodPressure, ...]
    discarded: tuple[BloodPressure, ...]


@dataclass(frozen=True, slots=True)
class NotEnough:
    """No average yet, and what the patient would still have to measure."""

    days: int
    mornings_missing: int
    evenings_missing: int
    sentences: tuple[str, ...]


def protocol_days(readings: Sequence[BloodPressure]) -> tuple[BloodPressure, ...]:
    """The readings of the last seven days up to the latest one, in order of time."""
    ordered = sorted(readings, key=lambda reading: reading.at)
    if not ordered:
        return ()
    first = ordered[-1].at.date() - timedelta(days=DAYS_IDEAL - 1)
    return tuple(reading for reading in ordered if reading.at.date() >= first)


def home_average(
    readings: Sequence[BloodPressure], *, age: int | None, own_target: tuple[int, int] | None = None
) -> HomeAverage | NotEnough:
    """The average of the latest monitoring week, or what is missing for one.

    An unknown age is treated as under 80, whose target is the lower one; `own_target` is a clinician's for this
    patient, and comes before the guideline's.
    """
    week = protocol_days(readings)
    complete, mornings, evenings = _complete_days(week)
    if complete < DAYS_NEEDED:
        return _not_enough(complete, mornings, evenings)
    first_day = week[0].at.date()
    discarded = tuple(reading for reading in week if reading.at.date() == first_day)
    used = tuple(reading for reading in week if reading.at.date() != first_day)
    systolic = _half_up(sum(reading.systolic_mmhg for reading in used) / len(used))
    diastolic = _half_up(sum(reading.diastolic_mmhg for reading in used) / len(used))
    target = own_target or target_for(age)
    return HomeAverage(
        systolic_mmhg=systolic,
        diastolic_mmhg=diastolic,
        band=band_of(systolic, diastolic),
        target=target,
        on_target=systolic < target[0] and diastolic < target[1],
        days=complete,
        used=used,
        discarded=discarded,
    )


def target_for(age: int | None) -> tuple[int, int]:
    """The home target: the average should be below it."""
    return TARGET_FROM_80 if age is not None and age >= AGE_OF_HIGHER_TARGET else TARGET_UNDER_80


def band_of(systolic: float, diastolic: float) -> Band:
    """The band of a home average; the higher of the two numbers decides."""
    if systolic >= SEVERE[0] or diastolic >= SEVERE[1]:
        return "severe"
    if systolic >= STAGE_2[0] or diastolic >= STAGE_2[1]:
        return "stage-2"
    if systolic >= STAGE_1[0] or diastolic >= STAGE_1[1]:
        return "stage-1"
    return "below-stage-1"


def confirmed_severe(readings: Sequence[BloodPressure]) -> BloodPressure | None:
    """The latest reading at or above 180/120 that the next or previous one of its recording confirms.

    A single high reading never alarms: it must be repeated at least a minute and at most half an hour apart.
    """
    severe = [reading for reading in protocol_days(readings) if _is_severe(reading)]
    for earlier, later in reversed(list(pairwise(severe))):
        if MINUTES_APART <= later.at - earlier.at <= RECORDING_LENGTH:
            return later
    return None


def _is_severe(reading: BloodPressure) -> bool:
    return reading.systolic_mmhg >= SEVERE[0] or reading.diastolic_mmhg >= SEVERE[1]


def _complete_days(week: Sequence[BloodPressure]) -> tuple[int, int, int]:
    """Days with a morning and an evening recording; and mornings and evenings with a recording."""
    mornings, evenings = set[date](), set[date]()
    for day in {reading.at.date() for reading in week}:
        of_day = [reading for reading in week if reading.at.date() == day]
        if _is_recording([reading.at for reading in of_day if reading.at.hour < NOON]):
            mornings.add(day)
        if _is_recording([reading.at for reading in of_day if reading.at.hour >= NOON]):
            evenings.add(day)
    return len(mornings & evenings), len(mornings), len(evenings)


def is_complete_day(of_day: Sequence[BloodPressure]) -> bool:
    """Whether a day's readings hold a morning and an evening recording."""
    return _complete_days(of_day)[0] == 1


def _is_recording(times: Sequence[datetime]) -> bool:
    """Whether two of the times lie at least a minute apart and within one recording."""
    ordered = sorted(times)
    return any(
        MINUTES_APART <= later - earlier <= RECORDING_LENGTH
        for place, earlier in enumerate(ordered)
        for later in ordered[place + 1 :]
    )


def _not_enough(complete: int, mornings: int, evenings: int) -> NotEnough:
    missing_days = DAYS_NEEDED - complete
    missing_mornings = max(0, DAYS_NEEDED - mornings)
    missing_evenings = max(0, DAYS_NEEDED - evenings)
    wanted = [_count(missing_mornings, "more morning"), _count(missing_evenings, "more evening")]
    parts = [part for part in wanted if part]
    if parts:
        first = f"Measure on {' and '.join(parts)}: two readings each time, at least one minute apart."
    else:
        first = f"Measure morning and evening on the same day for {_count(missing_days, 'more day')}."
    return NotEnough(complete, missing_mornings, missing_evenings, (first,))


def _count(number: int, noun: str) -> str:
    return "" if not number else f"{number} {noun}{'' if number == 1 else 's'}"


def _half_up(number: float) -> int:
    return int(number + 0.5)
