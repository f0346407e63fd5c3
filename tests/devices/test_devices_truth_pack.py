"""Many sources, one truth: generated with known steps and sleep, read back through the report. And time, and units."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from device_builders import export, read_file, record
from test_devices_report import report

from carespine.devices import reasons
from carespine.devices.samples import ZoneTrust

DAYS = 6
FIRST = datetime(2026, 11, 2, tzinfo=UTC)
Minutes = dict[int, int]


def walked(chance: random.Random) -> Minutes:
    """Steps by the minute since the first midnight: walks of 3 to 40 minutes through each day."""
    steps: Minutes = {}
    for day in range(DAYS):
        minute = 7 * 60 + chance.randrange(60)
        while minute < 22 * 60:
            for step in range(chance.randrange(3, 40)):
                steps[day * 1440 + minute + step] = chance.randrange(60, 120)
            minute += 40 + chance.randrange(120)
    return steps


def seen(
    steps: Minutes, present: set[int], pieces: tuple[int, int], chance: random.Random
) -> list[tuple[int, int, int]]:
    """What a device reports: (first minute, last minute + 1, steps) in pieces of its own lengths."""
    rows, minute = [], 0
    while minute < DAYS * 1440:
        length = chance.randrange(*pieces)
        inside = [m for m in range(minute, minute + length) if m in steps and m in present]
        if inside:
            rows.append((inside[0], inside[-1] + 1, sum(steps[m] for m in inside)))
        minute += length
    return rows


def xml(rows: list[tuple[int, int, int]], source: str) -> str:
    def at(minute: int) -> str:
        return (FIRST + timedelta(minutes=minute)).strftime("%Y-%m-%d %H:%M:%S +0000")

    return "".join(
        record("StepCount", count, at(start), at(end), unit="count", source=source)
        for start, end, count in rows
    )


def oura(night: int, *, nap: bool) -> list[dict[str, Any]]:
    start = FIRST + timedelta(days=night, hours=23)
    nights = [(start, start + timedelta(hours=7))]
    if nap:
        nights.append((start - timedelta(hours=9), start - timedelta(hours=8)))
    return [
        {"bedtime_start": begin.isoformat(), "bedtime_end": end.isoformat(), "type": "sleep", "day": "x"}
        for begin, end in nights
    ]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> tuple[Minutes, dict[str, Any], dict[str, Any]]:
    """Phone, watch and ring; a late file; then everything again."""
    folder, chance = tmp_path_factory.mktemp("pack"), random.Random(11)  # noqa: S311 - the same pack in every run
    steps = walked(chance)
    every = set(range(DAYS * 1440))
    charging = {day * 1440 + minute for day in range(DAYS) for minute in range(12 * 60, 14 * 60)}
    left_behind = {day * 1440 + minute for day in range(DAYS) for minute in range(16 * 60, 19 * 60)}
    watch = seen(steps, every - charging, (1, 12), chance)
    phone = seen(steps, every - left_behind, (5, 15), chance)
    half = len(watch) // 2
    files = {
        "phone-and-early-watch.xml": export(
            xml(phone, "Ann's iPhone") + xml(watch[:half], "Ann's Apple Watch")
        ),
        "late-watch.xml": export(xml(watch[half - 5 :], "Ann’s Apple Watch")),
        "ring.json": json.dumps(
            {"data": [one for night in range(DAYS - 1) for one in oura(night, nap=night == 2)]}
        ).encode(),
    }
    paths = []
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
        paths.append(folder / name)
    return steps, report(*paths), report(*paths, *paths)


def test_steps_of_phone_and_watch_together_are_right_within_one_percent(pack: Any) -> None:
    steps, made, _ = pack
    truth: dict[str, int] = defaultdict(int)
    for minute, count in steps.items():
        truth[(FIRST + timedelta(minutes=minute)).date().isoformat()] += count
    found = {day["day"]: day["value"] for day in made["days"] if day["metric"] == "steps"}
    assert found.keys() == truth.keys()
    errors = {day: abs(found[day] - truth[day]) / truth[day] for day in truth}
    assert max(errors.values()) <= 0.01


def test_every_sleep_session_is_kept(pack: Any) -> None:
    _, made, _ = pack
    nights = {day["day"]: day["value"] for day in made["days"] if day["metric"] == "sleep"}
    usual = {(FIRST + timedelta(days=night + 1)).date().isoformat(): 420 for night in range(DAYS - 1)}
    assert nights == usual | {"2026-11-04": 420 + 60}  # the nap of the afternoon counts for its own day


def test_files_sent_again_add_nothing(pack: Any) -> None:
    _, once, twice = pack
    assert twice["days"] == once["days"]
    assert [file["stored"] for file in twice["files"][3:]] == [0, 0, 0]
    assert once["files"][1]["duplicate"] == 5  # the rows that the late file has in common with the early one


def walk(when: datetime) -> dict[str, Any]:
    return {
        "body": {
            "step_count": {"value": 100, "unit": "steps"},
            "effective_time_frame": {
                "time_interval": {
                    "start_date_time": when.isoformat(),
                    "duration": {"value": 10, "unit": "min"},
                }
            },
        },
        "header": {"schema_id": {"name": "step-count", "version": "3.0", "namespace": "omh"}},
    }


@pytest.mark.parametrize(
    ("zones", "moment"),
    [
        (("Europe/London",), "2026-03-29T00:30"),  # the night of 23 hours
        (("Europe/London",), "2026-10-25T00:30"),  # the night of 25 hours
        (("Europe/London", "Pacific/Auckland"), "2026-11-05T20:00"),  # a flight of +13 hours
        (("Europe/London", "Pacific/Pago_Pago"), "2026-11-05T20:00"),  # a flight of -11 hours
        (
            ("Europe/London", "America/New_York", "Europe/London"),
            "2026-11-05T12:00",
        ),  # there and back in a day
    ],
)
def test_every_reading_with_an_offset_lies_on_the_day_of_its_own_clock(
    tmp_path: Path, zones: tuple[str, ...], moment: str
) -> None:
    begin = datetime.fromisoformat(moment).replace(tzinfo=UTC) - timedelta(hours=20)
    truth: dict[str, int] = defaultdict(int)
    points = []
    for place in range(90):
        zone = zones[place * len(zones) // 90]
        local = (begin + timedelta(minutes=30 * place)).astimezone(ZoneInfo(zone))
        truth[local.date().isoformat()] += 100
        points.append(walk(local))
    path = tmp_path / "walks.json"
    path.write_text(json.dumps(points), encoding="utf-8")
    made = report(path)
    assert {day["day"]: day["value"] for day in made["days"]} == truth
    assert all("zone-ambiguous" not in day["flags"] for day in made["days"])


def test_readings_without_an_offset_are_flagged_or_follow_the_zone_that_the_sender_names(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cuff.csv"
    path.write_text(
        "Date,Time,Systolic (mmHg),Diastolic (mmHg)\n2026-10-25,01:30,130,80\n2026-10-25,09:00,131,81\n"
    )
    without, named = report(path), report(path, zone="Europe/London")
    assert all("zone-ambiguous" in day["flags"] for day in without["days"])
    # The hour that comes twice stays ambiguous even in a named zone; its day is right all the same.
    assert {day["day"] for day in named["days"]} == {"2026-10-25"}
    assert named["days"][0]["trust"] == {"ambiguous": 1, "given-by-sender": 1}


@pytest.mark.parametrize(
    ("heading", "text", "key", "canonical", "refusal"),
    [
        ("Glucose (mg/dL)", "126", "glucose-meter", 6.9939, None),
        ("Glucose (mmol/L)", "7,0", "glucose-meter", 7.0, None),
        ("Glucose (mmol/L)", "126", "glucose-meter", None, reasons.VALUE_IMPOSSIBLE),
        ("Glucose (kg)", "7.0", "glucose-meter", None, "unread"),
        ("Glucose", "7.0", "glucose-meter", None, "unread"),
        ("Weight (kg)", "71.4", "weight", 71.4, None),
        ("Weight (lb)", "157.4", "weight", 71.3954, None),
        ("Weight (st)", "11.2", "weight", 71.1233, None),
        ("Weight (kg)", "1,234", "weight", None, reasons.NUMBER_UNCLEAR),
        ("Temperature (°F)", "98.6", "body-temperature", 37.0, None),
        ("Temperature (°C)", "36,8", "body-temperature", 36.8, None),
        ("Temperature (°C)", "98.6", "body-temperature", None, reasons.VALUE_IMPOSSIBLE),
        ("SpO2 (%)", "97", "oxygen-saturation", 97.0, None),
        ("Body fat (%)", "22.1", "body-fat", 22.1, None),
        ("Height (ft)", "5.9", "height", 179.832, None),
        ("Height (m)", "1,79", "height", 179.0, None),
        ("Weight (kg)", "seventy", "weight", None, reasons.VALUE_UNREADABLE),
        ("Weight (kg)", "NaN", "weight", None, reasons.VALUE_UNREADABLE),
        ("Weight (kg)", "1e400", "weight", None, reasons.VALUE_UNREADABLE),
    ],
)
def test_a_unit_is_taken_from_the_file_or_the_reading_is_refused(
    heading: str, text: str, key: str, canonical: float | None, refusal: str | None
) -> None:
    raw = f'Date,Time,"{heading}"\n2026-11-10,08:00,"{text}"\n'.encode()
    if refusal == "unread":
        with pytest.raises(Exception, match="not a file that Carespine can read"):
            read_file(raw, "x.csv")
        return
    _, outcome = read_file(raw, "x.csv")
    if canonical is None:
        assert outcome.rejected == {refusal: 1}
    else:
        assert [round(value, 4) for value in outcome.values(key)] == [canonical]


@pytest.mark.parametrize(
    ("heading", "text", "key", "canonical"),
    [
        ("Energy (kJ)", "418.4", "dietary-energy", 100.0),
        ("Energy (kcal)", "100", "dietary-energy", 100.0),
        ("Salt (g)", "6", "sodium", 2400.0),
        ("Sodium (mg)", "400", "sodium", 400.0),
        ("Sodium (g)", "0.4", "sodium", 400.0),
        ("Alcohol (g)", "16", "alcohol", 2.0),
        ("Water (g)", "250", "water", 0.25),
    ],
)
def test_a_nutrient_is_converted_by_the_unit_of_its_heading(
    heading: str, text: str, key: str, canonical: float
) -> None:
    _, outcome = read_file(f"Date,Food,{heading}\n2026-11-10,Soup,{text}\n".encode(), "x.csv")
    assert outcome.values(key) == [canonical]


@pytest.mark.parametrize("heading", ["Energy", "Salt", "Sodium"])
def test_a_nutrient_whose_unit_cannot_be_known_is_refused(heading: str) -> None:
    _, outcome = read_file(f"Date,Food,{heading},Fat (g)\n2026-11-10,Soup,100,3\n".encode(), "x.csv")
    assert outcome.rejected == {reasons.UNIT_UNKNOWN: 1}


def test_dates_that_can_be_read_in_two_ways_are_refused() -> None:
    raw = b"Date,Time,Systolic (mmHg)\n03/04/2026,08:00,130\n"
    assert read_file(raw, "x.csv")[1].rejected == {reasons.TIME_UNCLEAR: 1}
    told = b"Date,Time,Systolic (mmHg)\n03/04/2026,08:00,130\n13/04/2026,08:00,131\n"
    _, outcome = read_file(told, "x.csv")
    assert outcome.rejected == {}
    assert set(outcome.of("blood-pressure-systolic").trust.tolist()) == {ZoneTrust.AMBIGUOUS}
