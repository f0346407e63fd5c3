"""The verb end to end, on the real database: a file in, readings, record, summary and one Task out."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from device_builders import export, record, zipped

from carespine.demo.apple_export import ExportTruth, wearer_of, write_export
from carespine.demo.practice.story_people import CONSENTING_PATIENT
from carespine.devices import ingest, reasons, store
from carespine.devices.adapters.apple_health import archive
from carespine.devices.adapters.apple_health import blocks as apple_blocks
from carespine.devices.codes import PATIENT_GENERATED
from carespine.devices.events import ReadingsImported, SummaryReady
from carespine.devices.importing import import_file
from carespine.devices.metrics import all_metrics, metric
from carespine.devices.models import ImportResult, SummaryView
from carespine.devices.naming import as_date, as_day, day_id, task_id
from carespine.devices.service import find_import, import_readings
from carespine.devices.views import summary_view
from carespine.fhir import codec
from carespine.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from carespine.kernel.events import Announcer
from carespine.kernel.ids import patient_key
from carespine.kernel.nhs_number import SYSTEM, synthetic
from carespine.security.actor import ADMINISTRATION, TREATMENT, Actor, system_job
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.storage.database import Database, retrying

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OPERATOR = system_job("test")
APP = Actor("app", "band-app", "Band", "app", scopes=frozenset({"system/Observation.cru"}))
GP = Actor("practitioner", "gp", "Dr Test", "general practitioner", organisation="A12345")
RECEPTION = Actor("practitioner", "desk", "Desk", "receptionist", organisation="A12345")
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
PEOPLE: list[dict[str, Any]] = [
    {
        "resourceType": "Organization",
        "id": "practice",
        "name": "Practice",
        "identifier": [{"system": ODS, "value": "A12345"}],
    },
    *(
        {
            "resourceType": "Patient",
            "id": name,
            "birthDate": born,
            "identifier": [{"system": SYSTEM, "value": synthetic(number)}],
            "generalPractitioner": [{"reference": "Organization/practice"}],
        }
        for number, (name, born) in enumerate((("wearer", "1970-02-03"), ("other", "1940-05-06")))
    ),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class House:
    """The door to a database with one practice and two patients, and shorthands."""

    door: Door
    database: Database

    async def take(
        self,
        raw: bytes,
        key: str = "k",
        *,
        actor: Actor = OPERATOR,
        patient: str = "wearer",
        announcer: Announcer | None = None,
    ) -> ImportResult:
        async def attempt() -> ImportResult:
            async with self.door.enter(actor, purpose=TREATMENT) as session:
                return await import_readings(
                    session, patient_id=patient, file=io.BytesIO(raw), client=actor.id, idempotency_key=key,
                    announcer=announcer,
                )  # fmt: skip

        return await retrying(attempt)

    async def view(self, actor: Actor = OPERATOR, patient: str = "wearer") -> SummaryView | None:
        async with self.door.glance(actor, purpose=TREATMENT) as session:
            return await summary_view(session, patient)

    async def find(self, kind: str, *pairs: tuple[str, str]) -> list[dict[str, Any]]:
        async with self.door.glance(OPERATOR, purpose=TREATMENT) as session:
            return (await session.search(kind, [*pairs, ("_count", "1000")])).entries

    async def every(self, kind: str) -> list[dict[str, Any]]:
        from carespine.storage.bodies import unpack
        from carespine.storage.types import type_number

        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "select body from resource where type = $1 and not deleted", type_number(kind)
            )
        return [codec.decode(unpack(row["body"])) for row in rows]

    async def consent(self, *classes: str, patient: str = "wearer") -> None:
        tree = {
            "resourceType": "Consent",
            "id": f"consent-{patient}",
            "status": "active",
            "scope": {"text": "privacy"},
            "category": [{"text": "sharing"}],
            "patient": {"reference": f"Patient/{patient}"},
            "policyRule": {"text": "opt in"},
            "provision": {
                "type": "permit",
                "actor": [{"role": {"text": "recipient"}, "reference": {"identifier": {"value": APP.id}}}],
                "class": [{"code": name} for name in classes],
            },
        }
        async with self.door.enter(OPERATOR, purpose=TREATMENT) as session:
            await session.upsert_many([tree])


@pytest.fixture
async def house(database: Database) -> House:
    door = Door(database, AuditLog(database, lambda: NOW), lambda: NOW)
    async with door.enter(OPERATOR, purpose=TREATMENT) as session:
        await session.upsert_many([dict(tree) for tree in PEOPLE])
    return House(door, database)


def week_of_pressures(first: int = 9, *, systolic: int = 142, days: int = 5, month: int = 11) -> str:
    """Two readings, morning and evening, on so many days."""
    rows = []
    for day in range(first, first + days):
        for hour in (7, 19):
            for minute in (0, 2):
                at = f"2026-{month:02d}-{day:02d} {hour:02d}:{minute:02d}:00 +0000"
                rows.append(record("BloodPressureSystolic", systolic, at, unit="mmHg", source="CuffLink"))
                rows.append(record("BloodPressureDiastolic", 84, at, unit="mmHg", source="CuffLink"))
    return "".join(rows)


def weighing(day: int, value: float = 80.0) -> str:
    at = f"2026-11-{day:02d} 07:00:00 +0000"
    return record("BodyMass", value, at, unit="kg", source="ScaleSync")


# -- once and again --------------------------------------------------------------------------------------------


async def test_a_generated_export_comes_out_as_it_is_known_to_be(house: House, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    truth: ExportTruth = write_export(path, person=wearer_of(CONSENTING_PATIENT), records=40_000)
    made = await house.take(path.read_bytes())
    assert made.read == truth.records + truth.records_in_correlations + truth.workouts
    assert made.read == made.stored + made.duplicate + made.rejected
    assert made.rejected == sum(reason.count for reason in made.reasons)
    async with house.database.connection() as connection:
        kept = await connection.fetchval("select sum(readings) from device_chunk")
    assert kept == made.stored
    for when, steps in truth.steps_by_day_walked.items():
        assert await _day_value(house, "steps", when) == pytest.approx(steps, rel=0.01)
    for when, seconds in truth.asleep_seconds_by_night.items():
        assert await _day_value(house, "sleep", when) == pytest.approx(seconds / 60, abs=0.1)
    view = await house.view()
    assert view is not None
    pressure = view.result("home-blood-pressure")
    assert pressure is not None
    assert truth.pressure is not None
    assert [figure.value for figure in pressure.figures] == [
        int(truth.pressure.systolic + 1 / 2),
        int(truth.pressure.diastolic + 1 / 2),
    ]
    assert len(pressure.provenance.observation_ids) == len(truth.pressure.used)


async def _day_value(house: House, key: str, when: date) -> float:
    async with house.door.glance(OPERATOR, purpose=TREATMENT) as session:
        tree = await session.read("Observation", day_id("wearer", key, as_day(when)))
    return float(tree["valueQuantity"]["value"])


async def test_the_same_file_again_adds_nothing_and_writes_nothing(house: House) -> None:
    raw = zipped(export(week_of_pressures() + weighing(10)))
    first = await house.take(raw, "one")
    before = await _versions(house)
    again = await house.take(raw, "two")
    assert (again.stored, again.duplicate, again.replayed) == (0, first.stored, False)
    assert await _versions(house) == before
    assert (again.report_id, again.task_id) == (first.report_id, first.task_id)


async def _versions(house: House) -> list[tuple[str, int]]:
    async with house.database.connection() as connection:
        return [tuple(row) for row in await connection.fetch("select id, version from resource order by id")]


async def test_a_repeated_request_gets_the_first_answer(house: House) -> None:
    raw = export(weighing(10))
    first = await house.take(raw)
    replay = await house.take(raw)
    assert replay.replayed
    assert (replay.import_id, replay.stored) == (first.import_id, first.stored)
    async with house.door.glance(OPERATOR, purpose=TREATMENT) as session:
        found = await find_import(session, patient_id="wearer", import_id=first.import_id)
    assert (found.stored, found.reasons, found.received_at) == (
        first.stored,
        first.reasons,
        first.received_at,
    )


async def test_a_key_used_for_another_file_is_a_conflict(house: House) -> None:
    await house.take(export(weighing(10)))
    with pytest.raises(Conflict, match="another file"):
        await house.take(export(weighing(11)))


async def test_a_key_belongs_to_its_patient(house: House) -> None:
    await house.take(export(weighing(10)))
    other = await house.take(export(weighing(10)), patient="other")
    assert (other.replayed, other.stored) == (False, 1)


async def test_ten_imports_at_once_store_everything_once(house: House) -> None:
    files = [export(week_of_pressures() + "".join(weighing(day) for day in range(1, 11)))] * 5
    files += [export("".join(weighing(day, 81.5) for day in range(1, 15)))] * 5
    made = await asyncio.gather(*(house.take(raw, f"key {number}") for number, raw in enumerate(files)))
    assert sum(one.stored for one in made) == 40 + 10 + 14
    assert all(one.read == one.stored + one.duplicate + one.rejected for one in made)
    assert len(await house.every("Task")) == 1
    assert len(await house.every("DiagnosticReport")) == 1


async def test_ten_replays_at_once_store_everything_once(house: House) -> None:
    made = await asyncio.gather(*(house.take(export(weighing(10))) for _ in range(10)))
    assert len({one.import_id for one in made}) == 1
    assert sum(not one.replayed for one in made) == 1


async def test_what_fails_in_the_middle_leaves_no_trace(house: House) -> None:
    async def refuse(_session: object, _event: object) -> None:
        raise Conflict("no")

    announcer = Announcer()
    announcer.subscribe(SummaryReady, refuse)
    with pytest.raises(Conflict):
        await house.take(export(weighing(10)), announcer=announcer)
    assert await house.view() is None
    assert await house.every("Task") == []


# -- what is kept ----------------------------------------------------------------------------------------------


async def test_a_window_reads_back_exactly_what_was_stored(house: House) -> None:
    at = "2026-10-31 23:59:30 +0100"
    body = record("BodyMass", 12.5, at, unit="st", source="ScaleSync") + record(
        "BodyMass", 80.05, "2026-11-01 00:30:00 -0400", unit="kg", source="ScaleSync"
    )
    await house.take(export(body))
    async with house.database.connection() as connection:
        found = await store.window(
            connection, patient_key("wearer"), ["weight"], first_ms=0, last_ms=2_000_000_000_000
        )
    ((_, samples),) = found["weight"].items()
    moments = [datetime(2026, 10, 31, 22, 59, 30, tzinfo=UTC), datetime(2026, 11, 1, 4, 30, tzinfo=UTC)]
    assert samples.start_ms.tolist() == [int(moment.timestamp() * 1000) for moment in moments]
    assert samples.offset_min.tolist() == [60, -240]
    assert samples.value.tolist() == [12.5, 80.05]
    assert [metric("weight").units[unit].code for unit in samples.unit] == ["[stone_av]", "kg"]
    assert samples.origin.tolist() == [1, 1]


async def test_late_readings_change_the_day_and_keep_its_history(house: House) -> None:
    early = record("StepCount", 1000, "2026-11-10 08:00:00 +0000", "2026-11-10 08:10:00 +0000", unit="count")
    late = record("StepCount", 500, "2026-11-10 12:00:00 +0000", "2026-11-10 12:10:00 +0000", unit="count")
    await house.take(export(early), "one")
    await house.take(export(late), "two")
    async with house.door.glance(OPERATOR, purpose=TREATMENT) as session:
        day = await session.read("Observation", day_id("wearer", "steps", as_day(date(2026, 11, 10))))
    assert day["valueQuantity"]["value"] == 1500
    assert day["meta"]["versionId"] == "2"


async def test_a_sensor_that_first_looked_like_a_meter_moves_with_all_its_readings(house: House) -> None:
    def glucose(first: int, count: int) -> bytes:
        rows = (
            record("BloodGlucose", 6.1, f"2026-11-10 {n // 12:02d}:{n % 12 * 5:02d}:00 +0000", unit="mmol/L")
            for n in range(first, first + count)
        )
        return export("".join(rows))

    await house.take(glucose(0, 10), "one")
    assert len(await house.find("Observation", ("code", "14743-9"))) == 10
    await house.take(glucose(10, 100), "two")
    await house.take(glucose(0, 115), "three")
    async with house.database.connection() as connection:
        rows = await connection.fetch("select metric, readings from device_chunk")
    assert [tuple(row) for row in rows] == [("glucose-cgm", 115)]
    assert await house.find("Observation", ("code", "14743-9")) == []


@pytest.mark.parametrize("at_once", [1, 7, 1_000])
async def test_how_much_is_merged_at_once_makes_no_difference(
    house: House, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(ingest, "FLUSH_AT", at_once)
    monkeypatch.setattr(apple_blocks, "BLOCK_BYTES", 400)
    monkeypatch.setattr(archive, "_STEP", 100)
    made = await house.take(export(week_of_pressures() + weighing(10) + weighing(10) + weighing(11)))
    assert (made.read, made.stored, made.duplicate) == (43, 42, 1)


async def test_a_result_that_no_longer_holds_leaves_the_record_and_the_report(house: House) -> None:
    weighings = "".join(weighing(day, 80 + day / 10) for day in (2, 8, 17))
    await house.take(export(weighings), "one")
    assert len(await house.find("Observation", ("code", "weight-slope"))) == 1
    steps = record("StepCount", 9, "2026-11-18 08:00:00 +0000", "2026-11-18 08:10:00 +0000", unit="count")
    async with house.database.connection() as connection:
        await connection.execute("delete from device_chunk where metric = 'weight'")
    await house.take(export(steps), "two")
    assert await house.find("Observation", ("code", "weight-slope")) == []
    (report,) = await house.every("DiagnosticReport")
    assert "result" not in report


async def test_too_few_values_say_what_is_missing(house: House) -> None:
    at = "2026-11-1{} 0{}:00:00 +0000"
    rows = [record("StepCount", 900, at.format(day, 8), at.format(day, 9), unit="count") for day in (0, 1)]
    rows += [record("RestingHeartRate", 61, at.format(0, 0), at.format(0, 9), unit="count/min")]
    rows += [record("BloodPressureSystolic", 130, at.format(0, 8), unit="mmHg")]
    rows += [record("BloodPressureDiastolic", 80, at.format(0, 8), unit="mmHg")]
    await house.take(export("".join(rows)))
    view = await house.view()
    assert view is not None
    states = {result.key: result.state for result in view.results}
    assert states["steps"] == states["resting-heart-rate"] == states["home-blood-pressure"] == "not-enough"
    assert states["weight"] == "no-data"
    assert all(result.missing for result in view.results if result.state == "not-enough")


async def test_damaged_xml_is_imported_in_part_and_says_so(house: House) -> None:
    raw = export("".join(weighing(day) for day in range(1, 11)))
    made = await house.take(raw[: len(raw) * 2 // 3])
    assert made.state == "partial"
    assert 0 < made.stored < 10
    assert [reason.code for reason in made.reasons] == [reasons.AFTER_DAMAGE]
    assert "cut off or damaged" in made.notices[0]


async def test_a_file_with_nothing_of_use_makes_no_summary(house: House) -> None:
    made = await house.take(export(record("AppleStandTime", 3, "2026-11-10 08:00:00 +0000", unit="min")))
    assert (made.stored, made.rejected, made.report_id, made.task_id) == (0, 1, None, None)
    assert await house.view() is None


# -- the record ------------------------------------------------------------------------------------------------


async def test_every_resource_is_valid_and_labelled_as_the_patients_own(house: House, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    write_export(path, person=wearer_of(CONSENTING_PATIENT), records=40_000)
    await house.take(path.read_bytes())
    observations = await house.every("Observation")
    devices = {f"Device/{tree['id']}" for tree in await house.every("Device")}
    known = {f"Observation/{tree['id']}" for tree in observations}
    assert len(observations) > 300
    for tree in observations:
        codec.check(tree)
        assert PATIENT_GENERATED.code in {tag["code"] for tag in tree["meta"]["tag"]}
        assert tree["method"]["coding"]
        if tree["status"] == "final":
            assert tree["device"]["reference"] in devices
            assert any(tag["system"].endswith("/source-app") for tag in tree["meta"]["tag"])
        else:
            assert {item["reference"] for item in tree["derivedFrom"]} <= known
    (report,) = await house.every("DiagnosticReport")
    assert {item["reference"] for item in report["result"]} <= known
    assert "Not for clinical use" in report["conclusion"]
    assert "<script" not in report["text"]["div"]


async def test_no_day_carries_an_interval_code_and_no_reading_a_day_code(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "export.zip"
    write_export(path, person=wearer_of(CONSENTING_PATIENT), records=40_000)
    await house.take(path.read_bytes())
    steps = await house.find("Observation", ("code", "41950-7"))
    assert len(steps) == 60
    assert all("effectivePeriod" in tree for tree in steps)
    assert await house.find("Observation", ("code", "55423-8")) == []


async def test_the_practice_gets_exactly_one_task_for_a_review_period(house: House) -> None:
    await house.take(export(week_of_pressures()), "one")
    await house.take(export(weighing(14)), "two")
    (task,) = await house.every("Task")
    assert task["id"] == task_id("wearer", "2026-11")
    assert task["owner"] == {"reference": "Organization/practice"}
    assert (task["status"], task["priority"]) == ("requested", "routine")
    assert task["for"] == {"reference": "Patient/wearer"}
    (report,) = await house.every("DiagnosticReport")
    assert task["focus"] == {"reference": f"DiagnosticReport/{report['id']}"}
    assert report["meta"]["versionId"] == "2"


async def test_the_next_month_is_another_review_period(house: House) -> None:
    await house.take(export(week_of_pressures(5, month=10)), "october")
    await house.take(export(week_of_pressures(9)), "november")
    assert len(await house.every("Task")) == 2


async def test_a_task_that_somebody_works_on_stays_theirs(house: House) -> None:
    await house.take(export(week_of_pressures()), "one")
    (task,) = await house.every("Task")
    async with house.door.enter(OPERATOR, purpose=TREATMENT) as session:
        await session.update({**task, "status": "completed"})
    await house.take(export(weighing(14)), "two")
    (task,) = await house.every("Task")
    assert task["status"] == "completed"


async def test_a_repeated_severe_reading_makes_the_waiting_task_urgent(house: House) -> None:
    await house.take(export(weighing(9)), "one")
    await house.take(export(week_of_pressures(systolic=184)), "two")
    (task,) = await house.every("Task")
    assert task["priority"] == "urgent"
    assert "clinician" in task["description"]
    assert "180/120" not in task["description"], "reception reads Tasks, and no findings"
    (report,) = await house.every("DiagnosticReport")
    assert "180/120" in report["conclusion"].split(". ")[1] + report["conclusion"].split(". ")[0]


async def test_the_average_is_coded_as_home_blood_pressure_and_linked_to_its_readings(house: House) -> None:
    await house.take(export(week_of_pressures()))
    (systolic,) = await house.find("Observation", ("code", "413606001"))
    assert systolic["valueQuantity"]["value"] == 142
    assert len(systolic["derivedFrom"]) == 16
    panels = await house.find("Observation", ("code", "85354-9"))
    assert len(panels) == 20
    assert {item["reference"] for item in systolic["derivedFrom"]} <= {
        f"Observation/{p['id']}" for p in panels
    }


# -- who may ---------------------------------------------------------------------------------------------------


async def test_an_app_brings_only_what_the_patient_shares(house: House) -> None:
    await house.consent("body-measurements")
    made = await house.take(export(week_of_pressures() + weighing(10)), actor=APP)
    assert made.stored == 1
    assert {reason.code: reason.count for reason in made.reasons} == {reasons.NO_CONSENT: 40}
    view = await house.view(GP)
    assert view is not None
    assert view.not_shared == (
        "vital-signs",
        "activity",
        "sleep",
        "glucose",
        "respiratory",
        "diet",
    )
    pressure = view.result("home-blood-pressure")
    assert pressure is not None
    assert pressure.state == "not-shared"
    (report,) = await house.every("DiagnosticReport")
    assert (
        "Not shared by the patient: activity, diet, glucose, respiratory, sleep, vital-signs"
        in report["conclusion"]
    )


async def test_a_patient_who_has_not_consented_is_refused_to_an_app(house: House) -> None:
    with pytest.raises(Forbidden, match="consented"):
        await house.take(export(weighing(10)), actor=APP)
    await house.consent("diary")
    with pytest.raises(Forbidden, match="consented"):
        await house.take(export(weighing(10)), actor=APP)


async def test_an_app_whose_scopes_do_not_cover_it_is_refused(house: House) -> None:
    await house.consent("*")
    reader = Actor("app", APP.id, "Band", "app", scopes=frozenset({"system/Observation.rs"}))
    with pytest.raises(Forbidden, match="may not bring"):
        await house.take(export(weighing(10)), actor=reader)


async def test_an_app_does_not_see_the_imports_of_another(house: House) -> None:
    await house.consent("*")
    made = await house.take(export(weighing(10)))
    async with house.door.glance(APP, purpose=TREATMENT) as session:
        with pytest.raises(NotFound):
            await find_import(session, patient_id="wearer", import_id=made.import_id)


@pytest.mark.parametrize(
    ("actor", "error"),
    [
        (RECEPTION, Forbidden),
        (Actor("practitioner", "far", "Dr Far", "general practitioner", organisation="B99999"), NotFound),
        (Actor("patient", "o", "Other", "patient", patient="other"), NotFound),
    ],
    ids=["a receptionist", "another practice", "another patient"],
)
async def test_who_may_not_see_the_summary(house: House, actor: Actor, error: type[Exception]) -> None:
    await house.take(export(weighing(10)))
    with pytest.raises(error):
        await house.view(actor)


async def test_gp_and_patient_see_the_same_numbers(house: House) -> None:
    await house.take(export(week_of_pressures() + weighing(10)))
    own = await house.view(Actor("patient", "w", "Wearer", "patient", patient="wearer"))
    practice = await house.view(GP)
    assert own is not None
    assert practice is not None
    assert own.results == practice.results
    assert [source.label for source in own.sources]


async def test_an_import_leaves_an_audit_event_with_its_counts(house: House) -> None:
    made = await house.take(export(weighing(10)))
    async with house.database.connection() as connection:
        bodies = [codec.decode(row["body"]) for row in await connection.fetch("select body from audit_event")]
    (event,) = [tree for tree in bodies if tree["subtype"][0]["code"] == "import-readings"]
    assert made.import_id in str(event)


async def test_the_events_are_announced_once_and_not_for_a_replay(house: House) -> None:
    heard: list[object] = []

    async def hear(_session: object, event: object) -> None:
        heard.append(event)

    announcer = Announcer()
    announcer.subscribe(ReadingsImported, hear)
    announcer.subscribe(SummaryReady, hear)
    for _ in range(2):
        await house.take(export(weighing(10)), announcer=announcer)
    assert [type(event) for event in heard] == [ReadingsImported, SummaryReady]


# -- the command line's import ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (synthetic(0), None),
        (synthetic(0)[:3] + " " + synthetic(0)[3:], None),
        (synthetic(77), NotFound),
        ("123", Invalid),
    ],
)
async def test_a_file_is_imported_by_nhs_number(
    house: House, tmp_path: Path, number: str, error: type[Exception] | None
) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(export(weighing(10)))
    seen: list[tuple[int, int]] = []
    report: Callable[[int, int], None] = lambda position, read: seen.append((position, read))  # noqa: E731
    if error is not None:
        with pytest.raises(error):
            await import_file(house.door, path, nhs_number=number)
        return
    made = await import_file(house.door, path, nhs_number=number, progress=report)
    assert (made.patient_id, made.stored) == ("wearer", 1)
    assert seen[-1][1] == 1


async def test_two_patients_with_one_number_are_told_apart_by_a_person_only(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(export(weighing(10)))
    number = [{"system": SYSTEM, "value": synthetic(0)}]
    async with house.door.enter(system_job("test"), purpose=ADMINISTRATION) as session:
        await session.upsert_many([{"resourceType": "Patient", "id": "other", "identifier": number}])
    with pytest.raises(Conflict, match=r"Patient/(wearer|other) and Patient/(wearer|other)"):
        await import_file(house.door, path, nhs_number=synthetic(0))


async def test_readings_without_a_stated_local_time_are_told_unless_a_zone_is_named(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "weights.csv"
    path.write_text("Date,Weight (kg)\n2026-10-01 08:00:00,80.5\n2026-10-02 08:00:00,80.1\n")
    first = await import_file(house.door, path, nhs_number=synthetic(0))
    assert first.stored == 2
    assert "2 readings whose local time is not certain: taken as Europe/London" in first.notices[-1]
    again = await import_file(house.door, path, nhs_number=synthetic(0), zone="Europe/Paris")
    assert again.notices == ()


async def test_a_file_that_is_not_there_is_said_to_be_absent(house: House, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cannot be opened"):
        await import_file(house.door, tmp_path / "none.zip", nhs_number=synthetic(0))


def test_days_and_dates_agree() -> None:
    assert as_date(as_day(date(2026, 10, 25))) == date(2026, 10, 25)
    assert "weight" in all_metrics()
