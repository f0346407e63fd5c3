"""NICE NG136 home blood pressure as tables: days and readings in, the average or what is missing out."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from carespine.devices.rules.blood_pressure import (
    BloodPressure,
    HomeAverage,
    NotEnough,
    band_of,
    confirmed_severe,
    home_average,
    target_for,
)

MONDAY = datetime(2026, 11, 2)  # noqa: DTZ001 -- the time on the wall, as the rules take it


def session(day: int, hour: int, *values: tuple[int, int], apart: int = 2) -> list[BloodPressure]:
    """Readings of one recording, so many minutes apart."""
    start = MONDAY + timedelta(days=day, hours=hour)
    return [
        BloodPressure(start + timedelta(minutes=apart * place), *pair) for place, pair in enumerate(values)
    ]


def week(days: int, systolic: int = 130, diastolic: int = 80, *, first: int = 0) -> list[BloodPressure]:
    """Two readings, morning and evening, on so many days."""
    pair = (systolic, diastolic)
    return [
        reading
        for day in range(first, first + days)
        for hour in (7, 19)
        for reading in session(day, hour, pair, pair)
    ]


def average(readings: list[BloodPressure], age: int | None = 60) -> HomeAverage:
    decided = home_average(readings, age=age)
    assert isinstance(decided, HomeAverage)
    return decided


@pytest.mark.parametrize(
    ("days", "enough"),
    [(0, False), (1, False), (2, False), (3, False), (4, True), (5, True), (7, True), (14, True)],
)
def test_four_complete_days_are_needed(days: int, enough: bool) -> None:
    assert isinstance(home_average(week(days), age=60), HomeAverage) is enough


@pytest.mark.parametrize(
    ("days", "used", "discarded"), [(4, 12, 4), (5, 16, 4), (6, 20, 4), (7, 24, 4), (9, 24, 4)]
)
def test_the_first_day_is_discarded_and_all_the_rest_averaged(days: int, used: int, discarded: int) -> None:
    decided = average(week(days))
    assert (len(decided.used), len(decided.discarded)) == (used, discarded)


@pytest.mark.parametrize(
    ("first_day", "rest", "expected"),
    [((180, 110), (130, 80), (130, 80)), ((90, 50), (136, 86), (136, 86)), ((135, 85), (134, 84), (134, 84))],
)
def test_the_first_day_never_moves_the_average(
    first_day: tuple[int, int], rest: tuple[int, int], expected: tuple[int, int]
) -> None:
    decided = average(week(1, *first_day) + week(4, *rest, first=1))
    assert (decided.systolic_mmhg, decided.diastolic_mmhg) == expected


@pytest.mark.parametrize(
    ("systolic", "diastolic", "band"),
    [
        (134, 84, "below-stage-1"),
        (135, 84, "stage-1"),
        (134, 85, "stage-1"),
        (135, 85, "stage-1"),
        (149, 94, "stage-1"),
        (150, 84, "stage-2"),
        (134, 95, "stage-2"),
        (150, 95, "stage-2"),
        (179, 119, "stage-2"),
        (180, 90, "severe"),
        (150, 120, "severe"),
        (110, 70, "below-stage-1"),
    ],
)
def test_bands_of_the_home_average(systolic: int, diastolic: int, band: str) -> None:
    assert band_of(systolic, diastolic) == band
    assert average(week(5, systolic, diastolic)).band == band


@pytest.mark.parametrize(
    ("age", "systolic", "diastolic", "on_target"),
    [
        (40, 134, 84, True),
        (40, 135, 84, False),
        (40, 134, 85, False),
        (79, 134, 84, True),
        (79, 135, 80, False),
        (80, 144, 84, True),
        (80, 145, 84, False),
        (80, 144, 85, False),
        (92, 140, 80, True),
        (None, 134, 84, True),
        (None, 140, 80, False),
    ],
)
def test_the_target_depends_on_age(age: int | None, systolic: int, diastolic: int, on_target: bool) -> None:
    assert average(week(5, systolic, diastolic), age).on_target is on_target


@pytest.mark.parametrize(
    ("age", "target"),
    [(18, (135, 85)), (79, (135, 85)), (80, (145, 85)), (101, (145, 85)), (None, (135, 85))],
)
def test_the_home_target(age: int | None, target: tuple[int, int]) -> None:
    assert target_for(age) == target


@pytest.mark.parametrize(
    ("mornings", "evenings", "sentence"),
    [
        (3, 4, "Measure on 1 more morning: two readings each time, at least one minute apart."),
        (2, 4, "Measure on 2 more mornings: two readings each time, at least one minute apart."),
        (4, 3, "Measure on 1 more evening: two readings each time, at least one minute apart."),
        (
            2,
            3,
            "Measure on 2 more mornings and 1 more evening: two readings each time, at least one minute apart.",
        ),
        (
            0,
            1,
            "Measure on 4 more mornings and 3 more evenings: two readings each time, at least one minute apart.",
        ),
    ],
)
def test_what_is_missing_is_said_in_words(mornings: int, evenings: int, sentence: str) -> None:
    readings = [reading for day in range(mornings) for reading in session(day, 8, (130, 80), (128, 80))]
    readings += [reading for day in range(evenings) for reading in session(day, 20, (130, 80), (128, 80))]
    decided = home_average(readings, age=60)
    assert isinstance(decided, NotEnough)
    assert decided.sentences == (sentence,)


def test_mornings_and_evenings_on_different_days_are_not_enough() -> None:
    readings = [reading for day in range(4) for reading in session(day, 8, (130, 80), (128, 80))]
    readings += [reading for day in range(2, 6) for reading in session(day, 20, (130, 80), (128, 80))]
    decided = home_average(readings, age=60)
    assert isinstance(decided, NotEnough)
    assert decided.sentences == ("Measure morning and evening on the same day for 2 more days.",)


@pytest.mark.parametrize(
    ("seconds", "counts"),
    [(0, False), (30, False), (59, False), (60, True), (90, True), (1800, True), (1801, False)],
)
def test_two_readings_of_a_recording_lie_a_minute_apart_and_belong_together(
    seconds: int, counts: bool
) -> None:
    readings = []
    for day in range(5):
        for hour in (7, 19):
            start = MONDAY + timedelta(days=day, hours=hour)
            readings += [
                BloodPressure(start, 130, 80),
                BloodPressure(start + timedelta(seconds=seconds), 130, 80),
            ]
    assert isinstance(home_average(readings, age=60), HomeAverage) is counts


@pytest.mark.parametrize(
    ("hour", "is_morning"), [(0, True), (6, True), (11, True), (12, False), (18, False), (23, False)]
)
def test_noon_divides_morning_and_evening(hour: int, is_morning: bool) -> None:
    decided = home_average(session(0, hour, (130, 80), (130, 80)), age=60)
    assert isinstance(decided, NotEnough)
    assert (decided.mornings_missing, decided.evenings_missing) == ((3, 4) if is_morning else (4, 3))


def test_only_the_latest_seven_days_count() -> None:
    old, new = week(7, 170, 100), week(7, 130, 80, first=20)
    assert average(old + new).systolic_mmhg == 130


def test_the_order_in_which_readings_arrive_does_not_matter() -> None:
    readings = week(5, 131, 83)
    assert average(list(reversed(readings))) == average(readings)


@pytest.mark.parametrize(
    ("values", "mean"), [((134, 135), 135), ((134, 134), 134), ((135, 136), 136), ((120, 121), 121)]
)
def test_halves_are_rounded_up_before_they_are_compared(values: tuple[int, int], mean: int) -> None:
    readings = [
        r
        for day in range(5)
        for hour in (7, 19)
        for r in session(day, hour, (values[0], 80), (values[1], 80))
    ]
    assert average(readings).systolic_mmhg == mean


@pytest.mark.parametrize(
    ("pairs", "apart", "alarms"),
    [
        ([(185, 100), (182, 100)], 2, True),
        ([(150, 121), (150, 122)], 2, True),
        ([(180, 90), (150, 120)], 2, True),
        ([(185, 100), (150, 90)], 2, False),
        ([(179, 119), (179, 119)], 2, False),
        ([(185, 100)], 2, False),
        ([(185, 100), (185, 100)], 45, False),
    ],
)
def test_only_a_repeated_severe_reading_alarms(
    pairs: list[tuple[int, int]], apart: int, alarms: bool
) -> None:
    assert (confirmed_severe(session(0, 8, *pairs, apart=apart)) is not None) is alarms
