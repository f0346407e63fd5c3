"""Standing orders and targets of one's own: days and readings in, what is done and what comes next out."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from test_devices_blood_pressure import MONDAY, average, week

from carespine.devices import orders, thresholds
from carespine.devices.orders import KINDS, Order, Progress
from carespine.devices.rules import oximetry
from carespine.devices.rules.blood_pressure import home_average
from carespine.devices.thresholds import SETTINGS, Threshold

FIRST = MONDAY.date()
NOW = datetime(2026, 11, 2, 9, 0).astimezone()


def order(kind: str, *, days: int = 7, times: int | None = None) -> Order:
    wanted = KINDS[kind]
    return Order("o1", wanted, times or wanted.times_a_day, FIRST, orders.until(FIRST, days), "Dr Osei, GP")


def pressures(days: int, *, today: int) -> Progress:
    return orders.of_pressures(order(orders.PRESSURE), week(days), today=FIRST + timedelta(days=today))


@pytest.mark.parametrize(
    ("days", "today", "standing", "done", "sentence"),
    [
        (0, -1, "to come", 0, "Begin on 2 November."),
        (0, 0, "going on", 0, "Measure on 4 more mornings and 4 more evenings: two readings each time, "
                              "at least one minute apart."),
        (2, 2, "going on", 2, "Measure on 2 more mornings and 2 more evenings: two readings each time, "
                              "at least one minute apart."),
        (4, 4, "going on", 4, "There are enough readings for an average. Go on for 3 more days if you can."),
        (7, 6, "done", 7, "You have done everything that was asked. Thank you."),
        (3, 9, "ended", 3, "Ended with 3 of 7 days done."),
    ],
)  # fmt: skip
def test_an_order_for_blood_pressure_counts_days_as_the_guideline_does(
    days: int, today: int, standing: str, done: int, sentence: str
) -> None:
    found = pressures(days, today=today)
    assert (found.standing, found.days_done, found.sentence) == (standing, done, sentence)


@pytest.mark.parametrize(
    ("times_on", "done", "sentence"),
    [
        ({0: 3}, 1, "Measure 3 times a day on 13 more days."),
        ({0: 2, 1: 3, 2: 4}, 2, "Measure 3 times a day on 12 more days."),
        ({-1: 3, 14: 3}, 0, "Measure 3 times a day on 14 more days."),
    ],
)
def test_a_day_counts_when_as_many_readings_were_taken_as_ordered(
    times_on: dict[int, int], done: int, sentence: str
) -> None:
    moments = [
        MONDAY + timedelta(days=day, hours=8 + one) for day, count in times_on.items() for one in range(count)
    ]
    twice = [*moments, *(moment + timedelta(seconds=20) for moment in moments)]
    found = orders.of_moments(order("oxygen-saturation", days=14), twice, today=FIRST)
    assert (found.days_done, found.sentence) == (done, sentence)


def test_an_order_survives_its_way_through_fhir() -> None:
    wished = order("peak-flow", days=14)
    tree = orders.tree(wished, "p1", by_reference="Practitioner/x", now=NOW)
    assert orders.of_tree({**tree, "id": "o1"}) == wished
    assert tree["performer"] == [{"reference": "Patient/p1"}]
    foreign = {**tree, "id": "o1", "code": {"text": "Chest X-ray"}}
    assert orders.of_tree(foreign) is None


def own(key: str, value: float) -> Threshold:
    return Threshold(SETTINGS[key], value, "Dr Osei, GP", date(2026, 11, 3))


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [("home-systolic", 145, "below 145 mmHg"), ("oxygen-usual", 90, "90 % and above")],
)
def test_a_target_survives_its_way_through_fhir_and_names_its_source(
    key: str, value: float, text: str
) -> None:
    wished = own(key, value)
    tree = thresholds.goal("p1", wished, reference_by=None, now=datetime(2026, 11, 3, 12).astimezone())
    assert thresholds.of_goals([tree]) == {key: wished}
    assert (wished.target.text, wished.target.source) == (text, "set by Dr Osei, GP on 3 November 2026")


@pytest.mark.parametrize(
    "change",
    [
        {"lifecycleStatus": "cancelled"},
        {"category": [{"text": "Something else"}]},
        {"target": [{"detailRange": {"high": {"value": 14.5, "code": "kPa"}}}]},
        {"target": [{"detailRange": {"high": {"value": 1450, "code": "mm[Hg]"}}}]},
    ],
)
def test_a_goal_that_says_nothing_usable_leaves_the_guideline_in_force(change: dict[str, Any]) -> None:
    tree = thresholds.goal("p1", own("home-systolic", 145), reference_by=None, now=NOW)
    assert thresholds.of_goals([{**tree, **change}]) == {}


def test_a_clinician_s_target_comes_before_the_guideline_s() -> None:
    readings = week(7, 140, 80)
    assert not average(readings).on_target
    decided = home_average(readings, age=60, own_target=(145, 85))
    assert decided.on_target  # type: ignore[union-attr]


def test_the_usual_saturation_that_a_clinician_wrote_down_decides_what_is_low() -> None:
    readings = [oximetry.Oxygen(MONDAY + timedelta(minutes=minute), 89.0) for minute in (0, 10)]
    usual, own_value = oximetry.assess(readings), oximetry.assess(readings, usual=89)
    assert usual is not None
    assert own_value is not None
    assert (usual.band, own_value.band) == ("low", "normal")
