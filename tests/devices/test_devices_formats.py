"""Every format by its own samples: what is read, in which unit and when; what is refused and why; what damage does."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import sqlite3
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from device_builders import NOW, Outcome, export, read_file, record

import carespine.devices.adapters as adapters_package
from carespine.devices import reasons
from carespine.devices.adapters.contract import HostileFile, UnknownFormat, UnreadableFile
from carespine.devices.adapters.generic_csv.adapter import GenericCsv
from carespine.devices.adapters.generic_csv.mapping import load
from carespine.devices.samples import ZoneTrust
from carespine.kernel.errors import Invalid

FOLDER = Path(adapters_package.__file__).parent
SHARED = Path(os.environ.get("CARESPINE_SHARED", Path(__file__).parents[3] / "shared"))
SAMPLES = sorted(
    path.relative_to(FOLDER).as_posix()
    for path in FOLDER.glob("*/samples/*")
    if path.suffix != ".toml" and "apple" not in path.as_posix()
)
# The long pack, and the few of it that every run of the suite reads.
LONG_PACK, MUTATIONS = 500, 4

# sample -> metric: (value in the canonical unit, start in UTC, seconds, offset in minutes)
TRUTH: dict[str, dict[str, list[tuple[float, str, int, int]]]] = {
    "dexcom_clarity/samples/clarity-mmol.csv": {
        # The hour that comes twice: the second 01:00 is an hour later, and Low and High keep Dexcom's marks.
        "glucose-cgm": [
            (7.2, "2026-10-24T23:55", 0, 60),
            (7.4, "2026-10-25T00:00", 0, 60),
            (2.1648, "2026-10-25T00:30", 0, 60),
            (7.4, "2026-10-25T01:00", 0, 0),
            (22.2585, "2026-10-25T01:30", 0, 0),
        ],
        "insulin": [(4.5, "2026-10-25T08:00", 0, 0)],
        "carbohydrate": [(45.0, "2026-10-25T08:01", 0, 0)],
        "glucose-meter": [(6.9, "2026-10-25T09:00", 0, 0)],
    },
    "dexcom_clarity/samples/clarity-de.csv": {
        "glucose-cgm": [(6.8, "2026-11-01T08:00", 0, 0), (2.1648, "2026-11-01T08:05", 0, 0)],
        "glucose-meter": [(7.1, "2026-11-01T08:10", 0, 0)],
    },
    "libreview/samples/libreview.csv": {
        "glucose-cgm": [
            (6.1, "2026-11-13T08:00", 0, 0),
            (2.1648, "2026-11-13T08:15", 0, 0),
            (6.4, "2026-11-02T08:07", 0, 0),
        ],
        "ketones": [(0.3, "2026-11-13T08:21", 0, 0)],
    },
    "nightscout/samples/entries.json": {
        "glucose-cgm": [(6.9939, "2026-11-06T09:00", 0, 0), (7.216, "2026-11-06T09:15", 0, 0)],
        "glucose-meter": [(5.4952, "2026-11-06T09:10", 0, 0), (5.5, "2026-11-06T13:00", 0, 60)],
    },
    "fitbit/samples/weight-2026-07-13.json": {
        # Pounds and kilograms in one file, told apart by the body mass index; without it the weight is refused.
        "weight": [(74.9788, "2026-07-13T06:21:33", 0, 60), (75.0, "2026-07-14T06:21:33", 0, 60)],
    },
    "fitbit/samples/sleep-2026-07-13.json": {
        "sleep": [
            (3, "2026-07-13T22:00", 600, 60),
            (3, "2026-07-13T22:11", 1140, 60),
            (4, "2026-07-13T22:30", 2400, 60),
            (1, "2026-07-13T22:10", 60, 60),
        ],
    },
    "google_fit/samples/derived_steps.json": {
        "steps": [(120.0, "2026-11-06T09:00", 60, 0)],
        "sleep": [(4, "2026-11-06T04:00", 1800, 0)],
    },
    "health_connect/samples/records.json": {
        "steps": [(230.0, "2026-11-06T10:00", 300, 60)],
        "blood-pressure-systolic": [(128.0, "2026-11-06T07:00", 0, 60)],
    },
    "garmin_json/samples/dailies.json": {
        "steps": [(4210.0, "2026-11-05T23:00", 86400, 60)],
        "heart-rate": [(75.0, "2026-11-05T23:00:15", 0, 60), (76.0, "2026-11-05T23:00:30", 0, 60)],
        "weight": [(71.6, "2026-11-06T07:00", 0, 60)],
    },
    "withings/samples/sleep.csv": {
        "sleep": [
            (4, "2026-11-05T22:00", 7200, 60),
            (3, "2026-11-06T00:00", 14400, 60),
            (5, "2026-11-06T04:00", 3600, 60),
            (1, "2026-11-06T05:00", 1800, 60),
        ],
    },
    "oura/samples/sleep.json": {
        "sleep": [
            (1, "2026-11-05T22:00", 300, 60),
            (3, "2026-11-05T22:05", 600, 60),
            (4, "2026-11-05T22:15", 600, 60),
            (5, "2026-11-05T22:25", 300, 60),
        ],
        "resting-heart-rate": [(49.0, "2026-11-05T22:30", 0, 60)],
    },
    "polar/samples/sleep_result.json": {
        "sleep": [
            (1, "2026-11-05T22:00", 600, 60),
            (3, "2026-11-05T22:10", 6600, 60),
            (5, "2026-11-06T00:00", 18000, 60),
        ],
    },
    "samsung_health/samples/com.samsung.shealth.tracker.heart_rate.20261106.csv": {
        "heart-rate": [(64.0, "2026-11-06T08:00", 0, 60), (66.0, "2026-11-06T08:10", 0, 60)],
    },
    "samsung_health/samples/com.samsung.shealth.step_daily_trend.20261106.csv": {
        "steps": [(5200.0, "2026-11-06T00:00", 86400, 0)],
    },
    "open_mhealth/samples/points.json": {
        "heart-rate": [(61.0, "2026-11-06T07:00", 0, 60)],
        "steps": [(420.0, "2026-11-06T07:00", 600, 60)],
    },
    "fhir_observations/samples/bundle.json": {
        "glucose-cgm": [(6.9939, "2026-11-06T07:00", 0, 60)],
        "weight": [(71.1233, "2026-11-06T06:00", 0, 60)],
        "heart-rate": [
            (61.0, "2026-11-06T07:00", 0, 60),
            (62.0, "2026-11-06T07:01", 0, 60),
            (64.0, "2026-11-06T07:03", 0, 60),
        ],
    },
    "cronometer/samples/servings.csv": {
        "alcohol": [(0.0, "2026-11-06T08:10", 0, 0), (2.275, "2026-11-06T00:00", 86400, 0)],
    },
    "food_diary/samples/diary.csv": {
        "dietary-energy": [(299.9522, "2026-11-06T08:10", 0, 0), (200.7648, "2026-11-13T13:00", 0, 0)],
        # 0.10 g and 1.90 g of salt are 40 and 760 mg of sodium.
        "sodium": [(40.0, "2026-11-06T08:10", 0, 0), (760.0, "2026-11-13T13:00", 0, 0)],
    },
    "generic_csv/samples/cuff.csv": {
        "blood-pressure-systolic": [(134.0, "2026-11-13T07:10", 0, 0), (131.0, "2026-11-13T07:12", 0, 0)],
    },
}  # fmt: skip
REFUSED = {
    "dexcom_clarity/samples/clarity-mmol.csv": {reasons.METRIC_NOT_SUPPORTED: 1},
    "nightscout/samples/entries.json": {reasons.NO_VALUE_MARK: 1},
    "fitbit/samples/weight-2026-07-13.json": {reasons.UNIT_UNKNOWN: 1},
    "fitbit/samples/heart_rate-2026-07-13.json": {reasons.NO_VALUE_MARK: 1},
    "open_mhealth/samples/points.json": {reasons.SCHEMA_BROKEN: 1},
    "fhir_observations/samples/bundle.json": {reasons.NO_VALUE_MARK: 1, reasons.ENTERED_IN_ERROR: 1},
    "myfitnesspal/samples/Measurement-Summary.csv": {reasons.UNIT_UNKNOWN: 1},
    "open_food_facts/samples/product.json": {reasons.PLAN_NOT_READING: 1},
    "samsung_health/samples/com.samsung.shealth.step_daily_trend.20261106.csv": {reasons.AGGREGATE: 1},
}


def sample(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def told(outcome: Outcome, key: str) -> list[tuple[float, str, int, int]]:
    samples = outcome.of(key)
    rows = zip(outcome.values(key), samples.start_ms, samples.end_ms, samples.offset_min, strict=True)
    return [
        (round(value, 4), _utc(int(start)), int(end - start) // 1000, int(o)) for value, start, end, o in rows
    ]


def _utc(ms: int) -> str:
    text = datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return text.removesuffix(":00")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_recognised_by_its_own_adapter_and_every_record_has_an_outcome(name: str) -> None:
    key, outcome = read_file(sample(name), name)
    assert key == name.partition("/")[0].replace("_", "-")
    assert outcome.read > 0
    assert outcome.accounts_for_all
    assert outcome.damage is None


@pytest.mark.parametrize("name", TRUTH)
def test_a_sample_gives_these_values_at_these_moments(name: str) -> None:
    _, outcome = read_file(sample(name), name)
    for key, rows in TRUTH[name].items():
        assert told(outcome, key) == rows


@pytest.mark.parametrize("name", REFUSED)
def test_a_sample_has_these_refusals(name: str) -> None:
    assert read_file(sample(name), name)[1].rejected == REFUSED[name]


def test_every_adapter_has_samples_of_its_own() -> None:
    with_samples = {name.partition("/")[0] for name in SAMPLES} | {"apple_health"}
    exempt = {"archive", "garmin_fit"}  # made in the tests; FIT files are binary and come from ../shared
    folders = {path.parent.name for path in FOLDER.glob("*/manifest.toml")}
    assert folders - with_samples == exempt


@pytest.mark.parametrize("name", SAMPLES)
def test_a_mutated_file_never_crashes_and_loses_nothing(name: str) -> None:
    assert read_mutated(name, MUTATIONS) == MUTATIONS


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_500_mutated_files_of_each_adapter_never_crash_and_lose_nothing(name: str) -> None:
    assert read_mutated(name, LONG_PACK) == LONG_PACK


def read_mutated(name: str, count: int) -> int:
    """Read so many files with damage: how many of them told what became of everything in them."""
    whole = sample(name)
    chance = random.Random(name)  # noqa: S311 - the same mutations in every run
    return sum(is_told(mutated(whole, chance), name) for _ in range(count))


def is_told(raw: bytes, name: str) -> bool:
    """Whether the file is refused with a sentence, or every record of it has its outcome."""
    try:
        _, outcome = read_file(raw, name)
    except (UnknownFormat, UnreadableFile, HostileFile) as refusal:
        return bool(str(refusal))
    return outcome.accounts_for_all


def mutated(whole: bytes, chance: random.Random) -> bytes:
    raw = bytearray(whole)
    kind = chance.randrange(6)
    place = chance.randrange(len(raw))
    if kind == 0:
        return bytes(raw[:place])
    if kind == 1:
        raw[place] = chance.randrange(256)
    elif kind == 2:
        del raw[place : place + chance.randrange(1, 40)]
    elif kind == 3:
        raw[place:place] = bytes(raw[: chance.randrange(1, 60)])
    elif kind == 4:
        raw[place:place] = chance.choice(
            [b"\x00", b"\xff\xfe", b'"', b"{", b"]", b";", b"\n", b"1e999", b"NaN"]
        )
    else:
        for _ in range(20):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(raw)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("name", ["dexcom_clarity/samples/clarity-de.csv", "food_diary/samples/diary.csv"])
def test_a_table_reads_the_same_in_every_encoding(name: str, encoding: str) -> None:
    text = sample(name).decode("utf-8-sig")
    expected = read_file(sample(name), name)[1]
    key, outcome = read_file(text.encode(encoding), name)
    assert key == name.partition("/")[0].replace("_", "-")
    assert (outcome.accepted, outcome.rejected) == (expected.accepted, expected.rejected)


def test_json_that_is_cut_off_is_read_up_to_the_break() -> None:
    whole = sample("nightscout/samples/entries.json")
    cut = whole[: whole.index(b'"_id": "4"') + 30]
    outcome = read_file(cut, "entries.json")[1]
    assert told(outcome, "glucose-cgm") == [(6.9939, "2026-11-06T09:00", 0, 0)]
    assert outcome.rejected == {reasons.NO_VALUE_MARK: 1, reasons.AFTER_DAMAGE: 1}
    assert "cut off or damaged" in (outcome.damage or "")


@pytest.mark.parametrize(
    ("name", "trust"),
    [
        ("generic_csv/samples/cuff.csv", ZoneTrust.GIVEN),
        ("fitbit/samples/heart_rate-2026-07-13.json", ZoneTrust.GIVEN),
        ("oura/samples/sleep.json", ZoneTrust.STATED),
    ],
)
def test_the_zone_that_the_sender_names_serves_where_the_file_has_none(name: str, trust: ZoneTrust) -> None:
    _, outcome = read_file(sample(name), name, zone="America/New_York")
    for _, _, samples in outcome.runs:
        assert set(samples.trust.tolist()) == {trust}


def test_a_zip_is_read_member_by_member_and_strangers_are_named() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("fitbit/samples/steps-2026-07-13.json", "withings/samples/bp.csv"):
            archive.writestr(f"Takeout/{Path(name).name}", sample(name))
        archive.writestr("Takeout/Photos/holiday.jpg", b"\xff\xd8\xff")
        archive.writestr("Takeout/notes.txt", b"nothing to see")
    key, outcome = read_file(buffer.getvalue(), "takeout.zip")
    assert key == "archive"
    assert outcome.accounts_for_all
    assert outcome.values("steps") == [12.0, 0.0, 40.0]
    assert outcome.values("blood-pressure-systolic") == [128.0]
    assert any(notice.startswith("Not read: 2 files") for notice in outcome.notices)


def test_an_apple_export_in_a_zip_is_still_read_as_one() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        xml = export(record("HeartRate", 60, "2026-11-01 08:00:00 +0000", unit="count/min"))
        archive.writestr("apple_health_export/export.xml", xml)
    assert read_file(buffer.getvalue(), "export.zip")[0] == "apple-health"


def test_a_mapping_file_makes_any_table_readable() -> None:
    mapping = load((FOLDER / "generic_csv/samples/clinic.toml").read_text(encoding="utf-8"))
    _, outcome = read_file(sample("generic_csv/samples/clinic.csv"), "x.csv", further=(GenericCsv(mapping),))
    assert told(outcome, "weight") == [(71.4, "2026-11-13T06:10", 0, 60)]
    assert [round(value, 2) for value in outcome.values("glucose-meter")] == [5.6, 6.66]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("time = [", "not TOML"),
        ("colour = 1", "not known: colour"),
        ('time = "a"', r"at least one \[\[column\]\]"),
        ('time = "a"\n[[column]]\nheading = "b"\nmetric = "mood"\nunit = "1"', "no metric 'mood'"),
        ('time = "a"\n[[column]]\nheading = "b"\nmetric = "weight"\nunit = "mmol/L"', "not measured in"),
        ('time = "a"\n[[column]]\nheading = "b"\nmetric = "weight"', "either `unit`"),
    ],
)
def test_a_mapping_file_with_a_fault_says_which(text: str, word: str) -> None:
    with pytest.raises(Invalid, match=word):
        load(text)


def test_a_database_of_health_connect_is_read_table_by_table(tmp_path: Path) -> None:
    path = tmp_path / "health_connect_export.db"
    database = sqlite3.connect(path)
    database.executescript(
        """
        create table application_info_table (row_id integer primary key, package_name text, app_name text);
        insert into application_info_table values (1, 'com.example.steps', 'Steps');
        create table steps_record_table (row_id integer primary key, app_info_id integer, start_time integer,
            start_zone_offset integer, end_time integer, end_zone_offset integer, count integer);
        insert into steps_record_table values (1, 1, 1793955600000, 3600, 1793955900000, 3600, 230);
        create table weight_record_table (row_id integer primary key, app_info_id integer, time integer,
            zone_offset integer, weight real);
        insert into weight_record_table values (1, 1, 1793955600000, 3600, 71400.0);
        create table heart_rate_record_table (row_id integer primary key, app_info_id integer, start_time integer,
            start_zone_offset integer, end_time integer, end_zone_offset integer);
        insert into heart_rate_record_table values (7, 1, 1793955600000, 3600, 1793955900000, 3600);
        create table heart_rate_record_series_table
            (parent_key integer, beats_per_minute integer, epoch_millis integer);
        insert into heart_rate_record_series_table values (7, 71, 1793955600000), (7, 74, 1793955660000);
        create table sexual_activity_record_table (row_id integer);
        insert into sexual_activity_record_table values (1);
        """
    )
    database.commit()
    database.close()
    key, outcome = read_file(path.read_bytes(), path.name)
    assert key == "health-connect"
    assert told(outcome, "steps") == [(230.0, "2026-11-06T09:00", 300, 60)]
    assert outcome.values("weight") == [71.4]
    assert outcome.values("heart-rate") == [71.0, 74.0]
    assert outcome.rejected == {reasons.METRIC_NOT_SUPPORTED: 1}
    damaged = bytearray(path.read_bytes())
    damaged[5000:9000] = bytes(4000)
    assert read_file(bytes(damaged), path.name)[1].accounts_for_all


def test_a_wrong_clock_is_set_right_by_the_comparison_in_the_file_and_said() -> None:
    _, outcome = read_file(sample("fhir_observations/samples/clock.json"), "clock.json")
    assert told(outcome, "heart-rate") == [(61.0, "2026-11-06T07:00", 0, 60)]
    assert outcome.of("heart-rate").trust.tolist() == [ZoneTrust.SET_RIGHT]
    assert outcome.notices == (
        "A device's clock was 3720 s slow (coincident time stamp): its readings were set right by that.",
    )


needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="../shared with the official samples is not here"
)


def shared(folder: str, pattern: str) -> list[Path]:
    return sorted((SHARED / "data" / folder).glob(pattern)) if SHARED.is_dir() else []


@needs_shared
@pytest.mark.parametrize(
    "path", shared("openmhealth", "omh/*/*/shouldPass/*.json"), ids=lambda p: "/".join(p.parts[-4:])
)
def test_an_official_open_mhealth_point_that_should_pass_is_accepted(path: Path) -> None:
    outcome = read_file(path.read_bytes(), path.name)[1]
    if "effective_time_frame" in json.loads(path.read_text(encoding="utf-8")):
        assert outcome.rejected == {}
        assert outcome.accepted > 0
    else:  # sound by schema version 1, but a point without a time belongs to no day
        assert set(outcome.rejected) == {reasons.TIME_MISSING}


@needs_shared
@pytest.mark.parametrize(
    "path", shared("openmhealth", "omh/*/*/shouldFail/*.json"), ids=lambda p: "/".join(p.parts[-4:])
)
def test_an_official_open_mhealth_point_that_should_fail_is_refused_with_a_reason(path: Path) -> None:
    try:
        outcome = read_file(path.read_bytes(), path.name)[1]
    except UnknownFormat:
        assert path.read_text(encoding="utf-8").split() in (["{}"], ["{", "}"])
        return
    assert outcome.accepted == 0
    assert set(outcome.rejected) & {reasons.SCHEMA_BROKEN, reasons.TIME_MISSING}


@needs_shared
def test_the_fit_sample_decodes_to_its_csv() -> None:
    (path,) = shared("fit", "garmin-fenix-5-walk.fit")
    (table,) = shared("fit", "garmin-fenix-5-walk-records.csv")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    outcome = read_file(path.read_bytes(), path.name)[1]
    assert outcome.values("heart-rate") == [float(row["heart_rate"]) for row in rows]
    assert sum(outcome.values("walking-distance")) == pytest.approx(float(rows[-1]["distance"]))
    # The file's own local clock: seven hours behind UTC, as the CSV writes PDT.
    assert set(outcome.of("heart-rate").offset_min.tolist()) == {-420}
    first = told(outcome, "heart-rate")[0][1]
    assert first == "2017-06-11T14:32:51"
    assert rows[0]["timestamp"] == "Sun Jun 11 07:32:51 PDT 2017"


@needs_shared
@pytest.mark.parametrize("path", shared("fit", "invalid/*.fit"), ids=lambda p: p.name)
def test_a_corrupt_fit_file_is_read_as_far_as_it_goes(path: Path) -> None:
    outcome = read_file(path.read_bytes(), path.name)[1]
    assert outcome.accepted == 14
    assert outcome.damage is not None
    assert outcome.rejected[reasons.AFTER_DAMAGE] == 1


@needs_shared
def test_a_mutated_fit_file_never_crashes_and_loses_nothing() -> None:
    (path,) = shared("fit", "WeightScaleSingleUser.fit")
    whole, chance = path.read_bytes(), random.Random(7)  # noqa: S311 - the same mutations in every run
    for _ in range(MUTATIONS * 5):
        raw = mutated(whole, chance)
        try:
            assert read_file(raw, "x.fit")[1].accounts_for_all
        except (UnknownFormat, UnreadableFile, HostileFile):
            continue


@needs_shared
@pytest.mark.parametrize("path", shared("vendor-json", "*.json"), ids=lambda p: p.name)
def test_a_recorded_answer_of_a_maker_is_read(path: Path) -> None:
    key, outcome = read_file(path.read_bytes(), path.name)
    assert key == path.name.partition("-")[0]
    assert outcome.accepted > 0
    assert outcome.accounts_for_all


def test_now_is_after_the_samples() -> None:
    assert datetime(2026, 11, 15, tzinfo=UTC) <= NOW
