"""Each protocol from files to its sentence: a result with figures, or what is still missing for one."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_devices_report import report

FIRST = date(2026, 11, 1)


def days(count: int) -> list[str]:
    return [(FIRST + timedelta(days=place)).isoformat() for place in range(count)]


def protocol(folder: Path, name: str, lines: list[str], key: str) -> dict[str, Any]:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = report(path, zone="Europe/London")
    return next(one for one in made["protocols"] if one["key"] == key)


def figure(found: dict[str, Any], key: str) -> float:
    return next(one["value"] for one in found["figures"] if one["key"] == key)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("readings", "urgent", "word"),
    [
        (["08:00,97", "08:10,96"], False, "In the usual range."),
        (["08:00,97", "12:00,91"], False, "not repeated"),
        (["08:00,91", "08:10,90"], True, "repeated within the hour"),
        (["08:00,91", "10:10,90"], False, "not repeated"),
    ],
)
def test_home_oximetry_alarms_only_when_a_low_reading_was_repeated(
    tmp_path: Path, readings: list[str], urgent: bool, word: str
) -> None:
    lines = ["Date,Time,SpO2 (%)", *(f"2026-11-10,{one}" for one in readings)]
    found = protocol(tmp_path, "oximeter.csv", lines, "home-oximetry")
    assert found["state"] == "ready"
    assert bool(found["urgent"]) is urgent
    assert word in found["verdict"]


def test_a_watch_that_measures_all_night_is_no_home_oximetry(tmp_path: Path) -> None:
    rows = [f"2026-11-10,{hour:02d}:{minute:02d},89" for hour in range(6) for minute in range(0, 60, 10)]
    found = protocol(tmp_path, "watch.csv", ["Date,Time,SpO2 (%)", *rows], "home-oximetry")
    assert found["state"] == "not-enough"
    assert found["urgent"] is None


@pytest.mark.parametrize(
    ("values", "state", "share"),
    [
        ([480] * 6, "not-enough", None),
        ([480, 500, 490, 480, 500, 490, 370], "ready", 74),
        ([500] * 7 + [240], "ready", 48),
    ],
)
def test_peak_flow_is_held_against_the_personal_best(
    tmp_path: Path, values: list[int], state: str, share: int | None
) -> None:
    rows = [f"{day},08:00,{value}" for day, value in zip(days(len(values)), values, strict=True)]
    found = protocol(tmp_path, "meter.csv", ["Date,Time,Peak flow (L/min)", *rows], "peak-flow")
    assert found["state"] == state
    if share is None:
        assert found["missing"] == ["Measure on 1 more day, morning and evening, the best of three."]
    else:
        assert figure(found, "peak-flow-share") == share
        assert bool(found["urgent"]) == (share < 50)


def test_a_diary_is_held_against_the_recommendations_and_doubtful_days_are_left_out(tmp_path: Path) -> None:
    header = "Date,Food,Energy (kcal),Fat (g),Saturates (g),Carbohydrate (g),Fibre (g),Protein (g),Salt (g)"
    rows = [f"{day},all,2000,70,30,260,20,75,7.5" for day in days(3)]
    wrong = f"{days(4)[3]},all,8368,70,30,260,20,75,7.5"
    found = protocol(tmp_path, "diary.csv", [header, *rows, wrong], "diet")
    assert found["state"] == "ready"
    assert figure(found, "diet-energy") == 2000
    assert figure(found, "diet-salt") == 7.5
    assert figure(found, "diet-saturates") == 14
    standing = {one["key"]: one["standing"] for one in found["figures"]}
    assert (standing["diet-salt"], standing["diet-fibre"], standing["diet-fat"]) == (
        "above",
        "below",
        "within",
    )
    assert "The energy is in kilojoules, though it says kilocalories." in found["quality"]["flags"]


def test_two_days_of_a_diary_are_not_enough(tmp_path: Path) -> None:
    lines = ["Date,Food,Energy (kcal),Fat (g),Protein (g)", *(f"{day},all,2000,70,70" for day in days(2))]
    found = protocol(tmp_path, "diary.csv", lines, "diet")
    assert found["missing"] == ["Write down everything you eat and drink on 1 more day."]


def nights(start: str, count: int) -> str:
    """Sleep sessions of eight hours, as a Withings export writes them."""
    rows = []
    for place in range(count):
        evening = (FIRST + timedelta(days=place)).isoformat()
        morning = (FIRST + timedelta(days=place + 1)).isoformat()
        shift = place % 2 * 3 if start == "wandering" else 0
        late = 20 + shift
        rows.append(f"{evening}T{late:02d}:00:00+00:00,{morning}T{late - 16:02d}:00:00+00:00,28800,0,0,0")
    return "\n".join(["from,to,light (s),deep (s),rem (s),awake (s)", *rows])


@pytest.mark.parametrize(
    ("habit", "count", "index"), [("steady", 14, 100), ("wandering", 14, 50), ("steady", 5, None)]
)
def test_sleep_regularity_is_the_share_of_moments_spent_as_the_day_before(
    tmp_path: Path, habit: str, count: int, index: int | None
) -> None:
    found = protocol(tmp_path, "sleep.csv", nights(habit, count).splitlines(), "sleep-regularity")
    if index is None:
        assert found["missing"] == ["Sleep with the device on 2 more nights."]
    else:
        assert figure(found, "sleep-regularity-index") == index


def test_a_sensor_s_profile_has_the_hours_of_the_day(tmp_path: Path) -> None:
    header = (
        "Index,Timestamp (YYYY-MM-DDThh:mm:ss),Event Type,Event Subtype,Device Info,Glucose Value (mmol/L)"
    )
    rows = [
        f"1,{day}T{hour:02d}:{minute:02d}:00,EGV,,Sensor,{4 + hour / 4}"
        for day in days(14)
        for hour in range(24)
        for minute in range(0, 60, 5)
    ]
    found = protocol(tmp_path, "clarity.csv", [header, *rows], "glucose-cgm")
    assert found["state"] == "ready"
    middle = next(series for series in found["series"] if series["key"] == "agp-middle")
    assert [point["value"] for point in middle["points"]] == [4 + hour / 4 for hour in range(24)]


def minutes(day: str, count: int) -> str:
    """A day of moderate minutes as the Physical Activity guide writes it."""
    coding = {"system": "http://loinc.org", "code": "77592-4"}
    return json.dumps(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [coding]},
            "effectivePeriod": {"start": f"{day}T08:00:00+00:00", "end": f"{day}T22:30:00+00:00"},
            "valueQuantity": {"value": count, "system": "http://unitsofmeasure.org", "code": "min"},
        }
    )


def test_active_weeks_are_drawn_against_the_guideline(tmp_path: Path) -> None:
    rows = [minutes(day, 20 if place < 7 else 30) for place, day in enumerate(days(14))]
    found = protocol(tmp_path, "active.ndjson", rows, "activity-minutes")
    weeks = next(series for series in found["series"] if series["key"] == "activity-weeks")
    assert [point["value"] for point in weeks["points"]] == [140, 210]
