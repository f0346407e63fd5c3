"""The generated Apple Health export: what is in the file, and that its truth can be found again from it."""

from __future__ import annotations

import tracemalloc
import zipfile
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element, iterparse

import pytest

from carespine.demo.apple_export import ExportTruth, Wearer, wearer_of, write_export
from carespine.demo.practice.story_people import CONSENTING_PATIENT
from carespine.demo.wearables import glucose, heart_rate, movement, night, pressure

WEARER = wearer_of(CONSENTING_PATIENT)
RECORDS = 32_000
Export = tuple[Path, ExportTruth, list[Element]]


def top_level(path: Path) -> Iterator[Element]:
    """The elements directly under HealthData."""
    with zipfile.ZipFile(path) as archive, archive.open("apple_health_export/export.xml") as file:
        depth = 0
        # The file was generated a moment ago by the code under test.
        for event, element in iterparse(file, ("start", "end")):  # noqa: S314
            depth += 1 if event == "start" else -1
            if event == "end" and depth == 1:
                yield element


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    path = tmp_path_factory.mktemp("export") / "export.zip"
    truth = write_export(path, person=WEARER, records=RECORDS)
    return path, truth, list(top_level(path))


def moment(element: Element, name: str = "startDate") -> datetime:
    return datetime.strptime(element.attrib[name], "%Y-%m-%d %H:%M:%S %z")


def readable(element: Element) -> bool:
    """Whether a record has all it needs, of the right form."""
    try:
        moment(element), moment(element, "endDate")
    except (KeyError, ValueError):
        return False
    if element.attrib["type"].startswith("HKCategory"):
        return "Dreaming" not in element.attrib["value"]
    try:
        float(element.attrib["value"])
    except (KeyError, ValueError):
        return False
    known_unit = element.attrib.get("unit", "furlong") != "furlong"
    return known_unit and moment(element) <= moment(element, "endDate")


def distinct(elements: list[Element], kind: str) -> list[Element]:
    """The readable records of a type, each once."""
    found = {
        (each.get("sourceName"), each.get("startDate"), each.get("endDate"), each.get("value")): each
        for each in elements
        if each.tag == "Record" and each.get("type") == kind and readable(each)
    }
    return list(found.values())


def test_the_archive_has_the_members_that_apple_writes(export: Export) -> None:
    with zipfile.ZipFile(export[0]) as archive:
        assert archive.namelist() == [
            "apple_health_export/export.xml",
            "apple_health_export/export_cda.xml",
        ]
        with archive.open("apple_health_export/export.xml") as file:
            head = file.read(400).decode()
    assert head.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [')


def test_there_are_exactly_as_many_records_as_asked(export: Export) -> None:
    _, truth, elements = export
    records = [each for each in elements if each.tag == "Record"]
    assert len(records) == truth.records == RECORDS
    assert Counter(each.get("type") for each in records) == truth.records_by_type


def test_the_other_elements_are_counted_too(export: Export) -> None:
    _, truth, elements = export
    tags = Counter(each.tag for each in elements)
    assert tags["Correlation"] == truth.correlations > 0
    assert tags["Workout"] == truth.workouts > 0
    assert tags["ActivitySummary"] == truth.activity_summaries == 60
    inner = sum(len(each.findall("Record")) for each in elements if each.tag == "Correlation")
    assert inner == truth.records_in_correlations == 2 * truth.correlations


def test_each_malformed_record_is_unreadable_and_no_other_is(export: Export) -> None:
    _, truth, elements = export
    unreadable = Counter(each.get("type") for each in elements if each.tag == "Record" and not readable(each))
    assert unreadable == Counter(kind for kind, _ in truth.malformed)
    assert len({reason for _, reason in truth.malformed}) == len(truth.malformed) == 8


def test_implausible_values_stand_where_the_truth_says(export: Export) -> None:
    _, truth, elements = export
    written = {(each.get("type"), each.get("value")) for each in elements}
    assert set(truth.implausible) <= written


def test_no_two_records_of_one_device_share_its_description(export: Export) -> None:
    devices = Counter(each.get("device") for each in export[2] if each.get("device"))
    repeated = sum(export[1].repeats_by_type.values())
    assert sum(number - 1 for number in devices.values()) <= repeated
    assert len({str(device).split(">", 1)[1] for device in devices}) == 6


def test_source_names_have_the_curly_apostrophe_and_the_no_break_space(export: Export) -> None:
    names = {each.get("sourceName") for each in export[2] if each.get("sourceName")}
    assert {"Helen’s iPhone", "Helen’s Apple\u00a0Watch"} <= names


def test_moments_carry_the_offset_of_home_in_summer_and_winter_even_while_away(export: Export) -> None:
    _, truth, elements = export
    assert truth.clock_changes == (date(2026, 10, 25),)
    for each in elements:
        if each.tag == "Record" and readable(each):
            summer = each.attrib["startDate"] < "2026-10-25 01"
            ambiguous = each.attrib["startDate"].startswith("2026-10-25 01")
            assert ambiguous or each.attrib["startDate"].endswith("+0100" if summer else "+0000")


def test_the_zone_of_the_trip_stands_on_some_records_only(export: Export) -> None:
    zones = Counter(
        entry.get("value")
        for each in export[2]
        for entry in each.findall("MetadataEntry")
        if entry.get("key") == "HKTimeZone"
    )
    assert set(zones) == {"Europe/London", "America/New_York"}
    assert sum(zones.values()) < RECORDS / 10


def test_written_as_taken_the_trip_has_the_offset_of_its_place(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    write_export(path, person=WEARER, days=28, records=18_000, as_taken=True)
    offsets = {each.attrib["startDate"][-5:] for each in top_level(path) if "startDate" in each.attrib}
    assert offsets == {"+0100", "-0400", "+0000"}


def _near(worn: list[tuple[datetime, datetime]], walk: Element) -> bool:
    """Whether the watch counted within a minute of the walk; `worn` is in order and does not overlap."""
    minute = timedelta(minutes=1)
    before = bisect_left(worn, (moment(walk, "endDate") + minute,)) - 1
    return before >= 0 and worn[before][1] > moment(walk) - minute


def test_steps_without_the_walks_counted_twice_are_the_truth_of_each_day(export: Export) -> None:
    _, truth, elements = export
    by_source: dict[str, list[Element]] = defaultdict(list)
    for each in distinct(elements, movement.STEPS):
        if float(each.attrib["value"]) > 0:
            by_source[each.attrib["sourceName"]].append(each)
    watch = by_source["Helen’s Apple\u00a0Watch"]
    worn = sorted((moment(each), moment(each, "endDate")) for each in watch)
    alone = [each for each in by_source["Helen’s iPhone"] if not _near(worn, each)]
    found: Counter[date] = Counter()
    for each in watch + alone:
        found[moment(each).date()] += int(each.attrib["value"])
    assert found == truth.steps_by_written_day
    naive = sum(int(each.attrib["value"]) for each in watch + by_source["Helen’s iPhone"])
    assert naive > 1.4 * truth.steps_by_written_day.total()


def test_the_days_walked_and_the_days_written_hold_the_same_steps(export: Export) -> None:
    _, truth, _ = export
    assert truth.steps_by_day_walked.total() == truth.steps_by_written_day.total()
    assert truth.steps_by_day_walked != truth.steps_by_written_day
    assert 3_000 < min(truth.steps_by_day_walked.values()) < max(truth.steps_by_day_walked.values()) < 20_000
    assert all(
        slack <= 0.06 * truth.steps_by_written_day[day]
        for day, slack in truth.step_slack_by_written_day.items()
    )


def test_the_home_average_of_the_week_without_its_first_day_is_the_truth(export: Export) -> None:
    _, truth, elements = export
    assert truth.pressure is not None
    week = truth.pressure
    averages = []
    for kind in (pressure.SYSTOLIC, pressure.DIASTOLIC):
        values = [
            int(each.attrib["value"])
            for each in distinct(elements, kind)
            if week.first_day < moment(each).date() <= week.last_day
        ]
        assert len(values) == 24
        averages.append(Fraction(sum(values), len(values)))
    assert averages == [week.systolic, week.diastolic]
    # The story needs her above the home threshold of NICE NG136, and below stage 2.
    assert 135 < week.systolic < 150


def test_readings_are_taken_twice_at_least_a_minute_apart_morning_and_evening(export: Export) -> None:
    week = export[1].pressure
    assert week is not None
    assert (week.last_day - week.first_day).days == 6
    assert len(week.readings) == 31
    pairs = list(zip(week.used[::2], week.used[1::2], strict=True))
    assert all(timedelta(minutes=1) <= second.at - first.at < timedelta(minutes=5) for first, second in pairs)


def test_time_in_range_counted_from_the_file_is_the_truth(export: Export) -> None:
    _, truth, elements = export
    assert truth.glucose is not None
    sensor = [
        each
        for each in distinct(elements, glucose.GLUCOSE)
        if each.get("unit") == "mmol<180.1558800000541>/L" and each.get("sourceName") == "GlucoTrail"
    ]
    tenths = [round(float(each.attrib["value"]) * 10) for each in sensor]
    assert len(tenths) == len(truth.glucose.tenths)
    assert Fraction(sum(39 <= each <= 100 for each in tenths), len(tenths)) == truth.glucose.share(39, 100)
    assert Fraction(sum(tenths), 10 * len(tenths)) == truth.glucose.mean
    # International consensus: 14 days and 70 % active at least.
    assert truth.glucose.active > Fraction(7, 10)
    assert truth.glucose.last - truth.glucose.first > timedelta(days=14)


def test_the_meter_writes_in_the_other_unit(export: Export) -> None:
    meter = [each for each in distinct(export[2], glucose.GLUCOSE) if each.get("unit") == "mg/dL"]
    assert len(meter) == export[1].meter_readings > 50
    assert all(40 < int(each.attrib["value"]) < 400 for each in meter)


def test_the_night_the_clocks_go_back_is_as_long_as_it_was_slept(export: Export) -> None:
    _, truth, elements = export
    found: Counter[date] = Counter()
    for each in distinct(elements, night.SLEEP):
        if "Asleep" in each.attrib["value"]:
            length = moment(each, "endDate") - moment(each)
            # A night runs from noon to noon and counts for the day on which it ends.
            found[(moment(each, "endDate") + timedelta(hours=12)).date()] += length.seconds
    assert truth.trip is not None
    at_home = [day for day in found if not truth.trip[0] <= day <= truth.trip[1] + timedelta(days=1)]
    assert date(2026, 10, 25) in at_home
    assert {day: found[day] for day in at_home} == {
        day: truth.asleep_seconds_by_night[day] for day in at_home
    }


def test_saturation_is_a_fraction_called_per_cent(export: Export) -> None:
    values = [float(each.attrib["value"]) for each in distinct(export[2], night.OXYGEN)]
    assert max(values) < 1
    assert {each.get("unit") for each in distinct(export[2], night.OXYGEN)} == {"%"}


def test_exact_repeats_are_counted(export: Export) -> None:
    _, truth, elements = export
    for kind, repeats in truth.repeats_by_type.items():
        records = [each for each in elements if each.get("type") == kind and each.tag == "Record"]
        good = sum(readable(each) for each in records)
        assert good - len(distinct(elements, kind)) == repeats


def test_heart_rate_comes_every_few_minutes_of_every_day(export: Export) -> None:
    days = Counter(moment(each).date() for each in distinct(export[2], heart_rate.HEART_RATE))
    assert len(days) == 60
    assert min(days.values()) > 200


def test_the_same_arguments_give_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    def written(name: str, seed: int) -> bytes:
        path = tmp_path / name
        write_export(path, person=WEARER, seed=seed, days=28, records=18_000)
        return path.read_bytes()

    first = written("a.zip", 5)
    assert first == written("b.zip", 5)
    assert first != written("c.zip", 6)


def test_a_wearer_without_diabetes_has_no_glucose(tmp_path: Path) -> None:
    person: Wearer = replace(WEARER, has_diabetes=False)
    truth = write_export(tmp_path / "export.zip", person=person, days=28, records=13_000)
    assert truth.glucose is None
    assert truth.meter_readings == 0


@pytest.mark.parametrize(
    ("days", "records", "reason"), [(27, 60_000, "at least 28 days"), (60, 20_000, "need at least")]
)
def test_a_period_too_short_or_too_few_records_are_refused(
    tmp_path: Path, days: int, records: int, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        write_export(tmp_path / "export.zip", person=WEARER, days=days, records=records)
    assert not (tmp_path / "export.zip").exists()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_records(tmp_path: Path) -> None:
    def peak(records: int) -> int:
        tracemalloc.start()
        write_export(tmp_path / "export.zip", person=WEARER, days=28, records=records)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(18_000)
    assert peak(54_000) < 1.1 * peak(18_000)
