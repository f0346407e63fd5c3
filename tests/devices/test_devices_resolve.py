"""Many sources, one truth: who counts for which stretch of a local day, and who was set aside and why."""

from __future__ import annotations

import numpy as np
import pytest
from device_builders import PHONE, SCALE, SOURCES, WATCH, reading, readings
from hypothesis import given, settings
from hypothesis import strategies as st

from carespine.devices.intervals import union
from carespine.devices.metrics import SleepStage, metric
from carespine.devices.naming import as_date
from carespine.devices.resolve import (
    BETTER_PRESENT,
    DAY_COVERED,
    IMPLAUSIBLE,
    ONE_A_DAY,
    SAME_READING,
    days,
    separate,
)
from carespine.devices.samples import Samples, ZoneTrust
from carespine.devices.sleep import nights
from carespine.devices.zones import in_force

Row = tuple[str, str, float]
STEPS, RATE, WEIGHT = metric("steps"), metric("heart-rate"), metric("weight")


def walk(start: str, end: str, value: float) -> tuple[str, str, float]:
    return f"2026-11-01T{start}+00:00", f"2026-11-01T{end}+00:00", value


def one_day(watch: list[Row], phone: list[Row]) -> tuple[float | None, dict[str, int]]:
    """The steps of the day, and how many of the phone's readings were set aside why."""
    by_source = {source.key: readings(rows) for source, rows in ((WATCH, watch), (PHONE, phone)) if rows}
    (day,) = days(STEPS, by_source, SOURCES)
    phones = [dict(share.set_aside) for share in day.shares if share.source == PHONE.key]
    return day.value, phones[0] if phones else {}


@pytest.mark.parametrize(
    ("watch", "phone", "steps", "aside"),
    [
        ([walk("08:00", "08:10", 1000)], [], 1000, {}),
        ([], [walk("08:00", "08:10", 950)], 950, {}),
        ([walk("08:00", "08:10", 1000)], [walk("08:00", "08:10", 950)], 1000, {BETTER_PRESENT: 1}),
        ([walk("08:00", "08:10", 1000)], [walk("08:01", "08:11", 950)], 1000, {BETTER_PRESENT: 1}),
        ([walk("08:00", "08:10", 1000)], [walk("12:00", "12:10", 950)], 1950, {}),
        ([walk("08:00", "08:10", 1000)], [walk("08:02", "08:22", 2000)], 2000, {}),
        (
            [walk("08:00", "08:10", 100), walk("08:30", "08:40", 100)],
            [walk("08:15", "08:25", 90)],
            200,
            {BETTER_PRESENT: 1},
        ),
        ([walk("08:00", "08:10", 100), walk("09:00", "09:10", 100)], [walk("08:30", "08:40", 90)], 290, {}),
    ],
    ids=["watch only", "phone only", "same walk", "same walk, phone late", "another walk", "phone walks on",
         "a short gap is presence", "a long gap is absence"],
)  # fmt: skip
def test_the_phone_counts_where_the_watch_was_not(
    watch: list[tuple[str, str, float]],
    phone: list[tuple[str, str, float]],
    steps: float,
    aside: dict[str, int],
) -> None:
    value, found = one_day(watch, phone)
    assert value == pytest.approx(steps)
    assert found == aside


def test_a_source_that_covers_80_percent_of_a_day_serves_it_alone() -> None:
    every_quarter = [(f"2026-11-01T{n // 4:02d}:{n % 4 * 15:02d}+00:00",) * 2 + (60.0,) for n in range(80)]
    late = [("2026-11-01T22:00+00:00", "2026-11-01T22:00+00:00", 90.0)]
    (day,) = days(RATE, {WATCH.key: readings(every_quarter), PHONE.key: readings(late)}, SOURCES)
    assert day.value == 60
    assert {share.source: dict(share.set_aside) for share in day.shares}[PHONE.key] == {DAY_COVERED: 1}


def test_a_source_that_covers_less_lets_the_next_serve_the_rest() -> None:
    morning = [(f"2026-11-01T{n:02d}:{m:02d}+00:00",) * 2 + (60.0,) for n in range(12) for m in (0, 20, 40)]
    late = [("2026-11-01T22:00+00:00", "2026-11-01T22:00+00:00", 97.0)]
    (day,) = days(RATE, {WATCH.key: readings(morning), PHONE.key: readings(late)}, SOURCES)
    assert day.value == pytest.approx((36 * 60 + 97) / 37)


def test_an_implausible_reading_is_set_aside_and_not_deleted() -> None:
    rows = readings([walk("08:00", "08:00", 60.0), walk("09:00", "09:00", 250.0)])
    (day,) = days(RATE, {WATCH.key: rows}, SOURCES)
    assert day.value == 60
    assert dict(day.shares[0].set_aside) == {IMPLAUSIBLE: 1}


def test_a_day_of_implausible_readings_has_no_value() -> None:
    (day,) = days(RATE, {WATCH.key: readings([walk("09:00", "09:00", 250.0)])}, SOURCES)
    assert day.value is None
    assert day.main_source is None


def test_of_values_made_once_a_day_the_best_source_gives_it() -> None:
    row = [("2026-11-01T00:05+00:00", "2026-11-01T22:00+00:00", 61.0)]
    other = [("2026-11-01T00:05+00:00", "2026-11-01T22:00+00:00", 70.0)]
    found = days(
        metric("resting-heart-rate"), {PHONE.key: readings(other), WATCH.key: readings(row)}, SOURCES
    )
    assert [day.value for day in found] == [61]
    assert dict(found[0].shares[1].set_aside) == {ONE_A_DAY: 1}


@pytest.mark.parametrize(
    ("when", "value", "kept"),
    [("07:00:30", 80.0, False), ("07:01:59", 80.1, False), ("07:05", 80.0, True), ("07:00:30", 82.0, True)],
)
def test_one_weighing_through_two_apps_counts_once(when: str, value: float, kept: bool) -> None:
    by_source = {
        SCALE.key: readings([walk("07:00", "07:00", 80.0)]),
        PHONE.key: readings([walk(when, when, value)]),
    }
    separated = separate(WEIGHT, by_source, SOURCES)
    assert len(separated[SCALE.key][0]) == 1
    assert (len(separated[PHONE.key][0]), len(separated[PHONE.key][1])) == ((1, 0) if kept else (0, 1))
    (day,) = days(WEIGHT, by_source, SOURCES)
    assert (SAME_READING in {reason for share in day.shares for reason in share.set_aside}) is not kept


@pytest.mark.parametrize(
    ("start", "day"),
    [
        ("2026-11-01T23:30+00:00", "2026-11-01"),
        ("2026-11-01T23:30-05:00", "2026-11-01"),
        ("2026-11-01T00:30+13:00", "2026-11-01"),
        ("2026-11-02T00:10+00:00", "2026-11-02"),
        ("2026-10-25T00:30+01:00", "2026-10-25"),
        ("2026-10-25T23:59+00:00", "2026-10-25"),
        ("2026-03-29T23:30+01:00", "2026-03-29"),
    ],
)
def test_a_reading_belongs_to_the_day_on_the_clock_of_the_place(start: str, day: str) -> None:
    (found,) = days(STEPS, {WATCH.key: reading(start, value=5)}, SOURCES)
    assert as_date(found.day).isoformat() == day


_WALK = st.tuples(st.integers(0, 23 * 60), st.integers(1, 30), st.integers(1, 3000))


@given(st.lists(_WALK, max_size=12), st.lists(_WALK, max_size=12))
@settings(max_examples=100, deadline=None)
def test_two_sources_never_count_more_than_both_and_never_less_than_the_best(
    watch: list[tuple[int, int, int]], phone: list[tuple[int, int, int]]
) -> None:
    def rows(walks: list[tuple[int, int, int]]) -> list[tuple[str, str, float]]:
        minute = "2026-11-01T{:02d}:{:02d}+00:00"
        return [
            (minute.format(*divmod(start, 60)), minute.format(*divmod(start + length, 60)), float(steps))
            for start, length, steps in walks
        ]

    by_source: dict[int, Samples] = {}
    for source, walks in ((WATCH, watch), (PHONE, phone)):
        if walks:
            by_source[source.key] = readings(rows(walks))
    total = sum(day.value or 0 for day in days(STEPS, by_source, SOURCES))
    best, both = sum(row[2] for row in watch), sum(row[2] for row in watch) + sum(row[2] for row in phone)
    assert best - 1e-6 <= total <= both + 1e-6


# -- sleep ---------------------------------------------------------------------------------------------------


def stage(start: str, end: str, kind: SleepStage) -> tuple[str, str, float]:
    return start, end, float(kind)


NIGHT = [
    stage("2026-11-01T23:00+00:00", "2026-11-02T01:00+00:00", SleepStage.LIGHT),
    stage("2026-11-02T01:00+00:00", "2026-11-02T02:00+00:00", SleepStage.DEEP),
    stage("2026-11-02T02:00+00:00", "2026-11-02T02:10+00:00", SleepStage.AWAKE),
    stage("2026-11-02T02:10+00:00", "2026-11-02T06:10+00:00", SleepStage.REM),
]


def test_a_night_belongs_to_the_day_on_which_it_ends_and_its_stages_add_up() -> None:
    (night,) = nights({WATCH.key: readings(NIGHT)}, SOURCES)
    assert as_date(night.day).isoformat() == "2026-11-02"
    assert night.value == 7 * 60
    assert dict(night.parts) == {"light": 120, "deep": 60, "rem": 240, "awake": 10}


def test_time_in_bed_is_no_sleep() -> None:
    bed = readings([stage("2026-11-01T22:30+00:00", "2026-11-02T07:00+00:00", SleepStage.IN_BED)])
    assert nights({PHONE.key: bed}, SOURCES) == []
    (night,) = nights({PHONE.key: bed, WATCH.key: readings(NIGHT)}, SOURCES)
    assert night.value == 7 * 60


def test_a_second_source_adds_the_session_that_the_first_missed_and_doubles_none() -> None:
    phone = readings(
        [
            stage("2026-11-01T23:05+00:00", "2026-11-02T06:00+00:00", SleepStage.ASLEEP),
            stage("2026-11-02T13:00+00:00", "2026-11-02T13:45+00:00", SleepStage.ASLEEP),
        ]
    )
    (night,) = nights({WATCH.key: readings(NIGHT), PHONE.key: phone}, SOURCES)
    assert night.value == 7 * 60 + 45


def test_the_hour_that_the_clocks_give_back_is_slept_too() -> None:
    row = [stage("2026-10-24T23:00+01:00", "2026-10-25T06:00+00:00", SleepStage.LIGHT)]
    (night,) = nights({WATCH.key: readings(row)}, SOURCES)
    assert night.value == 8 * 60


# -- zones ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "start", "offset", "certain"),
    [
        ("2026-10-01T07:00-04:00", "2026-10-02T07:00-04:00", "2026-10-01T22:00+01:00", -240, True),
        ("2026-10-01T07:00+01:00", "2026-10-02T07:00+01:00", "2026-10-01T22:00+01:00", 60, True),
        ("2026-10-24T23:00+01:00", "2026-10-25T07:00+00:00", "2026-10-25T04:00+00:00", 0, True),
        ("2026-10-01T07:00+01:00", "2026-10-01T22:00-04:00", "2026-10-01T10:00+01:00", 60, False),
        ("2026-10-01T07:00+01:00", "2026-10-01T22:00-04:00", "2026-10-02T02:00+01:00", -240, False),
        ("2026-09-01T07:00-04:00", "2026-10-09T07:00-04:00", "2026-10-01T22:00+01:00", 60, True),
    ],
    ids=["away", "at home", "clocks change", "before a flight", "after a flight", "witnesses too far"],
)
def test_readings_that_name_their_zone_bear_witness_for_those_that_do_not(
    before: str, after: str, start: str, offset: int, certain: bool
) -> None:
    sleep = readings([(before, before, 3.0), (after, after, 3.0)], trust=2)
    steps = readings([(start, start, 100.0)], trust=3)
    found = in_force({"sleep": {WATCH.key: sleep}, "steps": {PHONE.key: steps}})["steps"][PHONE.key]
    assert found.offset_min.tolist() == [offset]
    assert bool(found.trust[0] != ZoneTrust.AMBIGUOUS) is certain


def test_an_offset_that_was_in_force_is_never_changed() -> None:
    sleep = readings(
        [("2026-10-01T07:00-04:00",) * 2 + (3.0,), ("2026-10-02T07:00-04:00",) * 2 + (3.0,)], trust=2
    )
    steps = readings([("2026-10-01T22:00+01:00",) * 2 + (100.0,)], trust=1)
    found = in_force({"sleep": {WATCH.key: sleep}, "steps": {PHONE.key: steps}})["steps"][PHONE.key]
    assert found.offset_min.tolist() == [60]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 20)), max_size=15))
def test_stretches_cover_exactly_what_their_parts_cover(parts: list[tuple[int, int]]) -> None:
    starts = np.array([start for start, _ in parts], dtype=np.int64)
    ends = np.array([start + length for start, length in parts], dtype=np.int64)
    covered = {moment for start, length in parts for moment in range(start, start + length)}
    assert union(starts, ends).total == len(covered)
