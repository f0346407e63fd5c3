"""Every trap of Apple's export, met in samples/traps.xml, which was written for this project."""

from __future__ import annotations

import io
import zipfile
from importlib import resources

import pytest
from device_builders import Outcome, at, export, record, zipped

from carespine.devices import reasons
from carespine.devices.adapters.apple_health.sources import identity, one_spelling
from carespine.devices.merge import merge
from carespine.devices.metrics import SleepStage, metric
from carespine.devices.samples import EMPTY, ZoneTrust


@pytest.fixture(scope="module")
def traps() -> Outcome:
    folder = resources.files("carespine.devices.adapters.apple_health")
    return Outcome((folder / "samples" / "traps.xml").read_bytes())


def test_every_record_has_exactly_one_outcome(traps: Outcome) -> None:
    assert traps.read == 26
    assert traps.accounts_for_all
    assert traps.damage is None


def test_each_refusal_has_its_own_reason(traps: Outcome) -> None:
    assert traps.rejected == {
        reasons.METRIC_NOT_SUPPORTED: 1,
        reasons.VALUE_IMPOSSIBLE: 1,
        reasons.UNIT_NOT_SUPPORTED: 1,
        reasons.TIME_UNREADABLE: 1,
        reasons.ENDS_BEFORE_START: 1,
        reasons.IN_THE_FUTURE: 1,
        reasons.TIME_IMPOSSIBLE: 1,
        reasons.VALUE_UNREADABLE: 1,
        reasons.VALUE_MISSING: 1,
    }


@pytest.mark.parametrize("key", ["blood-pressure-systolic", "blood-pressure-diastolic", "steps"])
def test_what_stands_twice_is_a_duplicate(traps: Outcome, key: str) -> None:
    merged = merge(EMPTY, traps.of(key), metric(key))
    assert len(merged.added) == 1
    assert merged.duplicate == 1


def test_address_version_and_apostrophe_make_no_second_watch(traps: Outcome) -> None:
    assert len({source.key for key, source, _ in traps.runs if key == "steps"}) == 1


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("oxygen-saturation", [97.0]),
        ("body-fat", [31.3]),
        ("glucose-meter", [6.993939, 7.0]),
        ("weight", [79.378665, 79.378665]),
        ("body-temperature", [37.0]),
        ("active-energy", [100.0]),
        ("workout-minutes", [30.5]),
    ],
)
def test_units_come_out_right(traps: Outcome, key: str, values: list[float]) -> None:
    assert traps.values(key) == pytest.approx(values, abs=1e-5)


def test_the_value_is_kept_in_the_unit_it_came_in(traps: Outcome) -> None:
    weight = traps.of("weight")
    codes = [metric("weight").units[unit].code for unit in weight.unit]
    assert list(zip(weight.value.tolist(), codes, strict=True)) == [(12.5, "[stone_av]"), (175.0, "[lb_av]")]


def test_a_stage_of_sleep_across_the_autumn_change_lasts_two_hours(traps: Outcome) -> None:
    stage = traps.of("sleep")
    assert stage.value.tolist() == [SleepStage.DEEP]
    assert int(stage.end_ms[0] - stage.start_ms[0]) == 2 * 3_600_000
    assert stage.offset_min.tolist() == [60]


def test_a_named_zone_replaces_the_offset_of_the_export(traps: Outcome) -> None:
    rate = traps.of("heart-rate")
    assert rate.start_ms.tolist() == [at("2026-11-01T22:30:00+00:00")]
    assert rate.offset_min.tolist() == [13 * 60]
    assert rate.trust.tolist() == [ZoneTrust.NAMED]


def test_the_zone_of_a_correlation_belongs_to_no_record(traps: Outcome) -> None:
    assert set(traps.of("blood-pressure-diastolic").trust.tolist()) == {ZoneTrust.EXPORTED}


def test_an_unknown_zone_is_noticed_and_the_written_offset_kept() -> None:
    body = record("HeartRate", 70, "2026-11-01 08:00:00 +0100", unit="count/min").replace(
        "/>", '>\n  <MetadataEntry key="HKTimeZone" value="Moon/Tranquility"/>\n </Record>'
    )
    outcome = Outcome(export(body))
    assert outcome.of("heart-rate").offset_min.tolist() == [60]
    assert any("Moon/Tranquility" in notice for notice in outcome.notices)


def test_a_zip_gives_what_its_xml_gives() -> None:
    xml = export(record("HeartRate", 70, "2026-11-01 08:00:00 +0000", unit="count/min"))
    for name in ("apple_health_export/export.xml", "apple_health_export/Exportación.xml"):
        assert Outcome(zipped(xml, name)).values("heart-rate") == Outcome(xml).values("heart-rate") == [70.0]


def test_a_larger_clinical_document_of_any_name_is_not_taken_for_the_export() -> None:
    xml = export(record("HeartRate", 70, "2026-11-01 08:00:00 +0000", unit="count/min"))
    buffer = io.BytesIO(zipped(xml, "apple_health_export/Exportieren.xml"))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(
            "apple_health_export/Klinisch.xml", "<ClinicalDocument>" + " " * 90_000 + "</ClinicalDocument>"
        )
    outcome = Outcome(buffer.getvalue())
    assert outcome.values("heart-rate") == [70.0]


@pytest.mark.parametrize(
    "body",
    [
        " <Record value='70' endDate='2026-11-01 08:00:00 +0000' startDate='2026-11-01 08:00:00 +0000'"
        " unit='count/min' sourceName='Test' type='HKQuantityTypeIdentifierHeartRate'/>\n",
        " <!-- <Record --> " + record("HeartRate", 70, "2026-11-01 08:00:00 +0000", unit="count/min"),
        "<Record\n type = 'HKQuantityTypeIdentifierHeartRate' sourceName='a &gt; b' unit='count/min' extra='1'"
        " startDate='2026-11-01 08:00:00 +0000' endDate='2026-11-01 08:00:00 +0000' value='70'></Record>",
    ],
    ids=["other order and quotes", "a comment that looks like a record", "other spaces and attributes"],
)
def test_xml_that_is_not_written_as_apple_writes_it_is_read_all_the_same(body: str) -> None:
    outcome = Outcome(export(body))
    assert (outcome.read, outcome.values("heart-rate")) == (1, [70.0])


def test_both_ways_of_reading_agree() -> None:
    body = "".join(
        record("HeartRate", 60 + n, f"2026-11-01 08:{n:02d}:00 +0000", unit="count/min", source="A &amp; B")
        for n in range(60)
    )
    fast, general = Outcome(export(body)), Outcome(export("<!-- x -->" + body))
    assert fast.values("heart-rate") == general.values("heart-rate")
    assert {run[1].key for run in fast.runs} == {run[1].key for run in general.runs}


@pytest.mark.parametrize(
    ("written", "spelt"),
    [
        ("Ann’s iPhone", "Ann's iPhone"),
        ("Apple\u00a0Watch", "Apple Watch"),
        (" a \t b ", "a b"),
        ("ﬁt", "fit"),
    ],
)
def test_names_have_one_spelling(written: str, spelt: str) -> None:
    assert one_spelling(written) == spelt


@pytest.mark.parametrize(
    ("source", "device", "kind"),
    [
        (
            "Ann’s Apple Watch",
            "name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch7,1",
            "watch",
        ),
        ("Ann’s iPhone", "name:iPhone, manufacturer:Apple Inc., model:iPhone, hardware:iPhone15,4", "phone"),
        ("CuffLink", "", "cuff"),
        ("Something", "", "unknown"),
    ],
)
def test_the_kind_of_a_source_follows_from_its_description(source: str, device: str, kind: str) -> None:
    kinds = [
        {"kind": "watch", "words": ["watch"]},
        {"kind": "cuff", "words": ["cuff"]},
        {"kind": "phone", "words": ["iphone"]},
    ]
    assert identity(source.encode(), device.encode(), platform="Apple Health", kinds=kinds).kind == kind
