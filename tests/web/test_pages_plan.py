"""What a clinician asks of a patient and answers to their readings, on the pages over the real platform."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from pages_stage import SUMMARY, platform_over, window

from carespine.demo.practice.story_people import CONSENTING_PATIENT, GP
from carespine.security.actor import TREATMENT, system_job
from carespine.web.platform import Platform

if TYPE_CHECKING:
    from conftest import Place

pytestmark = pytest.mark.anyio
BASE = SUMMARY.removesuffix("/summary")


@pytest.fixture
async def with_readings(practice_with_readings: Place) -> AsyncIterator[Platform]:
    made = platform_over(practice_with_readings.url, practice_with_readings.folder)
    await made.open()
    yield made
    await made.close()


async def found(platform: Platform, resource_type: str, **asked: str) -> list[dict]:
    async with platform.door.glance(system_job("test"), purpose=TREATMENT) as session:
        pairs = [("patient", CONSENTING_PATIENT.id), *asked.items()]
        return (await session.search(resource_type, pairs)).entries


async def test_an_order_is_fhir_shows_on_both_pages_and_can_be_ended(with_readings):
    wished = {
        "kind": "home-blood-pressure",
        "times_a_day": "2",
        "days": "7",
        "order_note": "Before the tablets.",
    }
    async with window(with_readings, "gp") as gp:
        await gp.open(SUMMARY)
        placed = await gp.send(f"{BASE}/orders", **wished)
        assert placed.headers["location"].endswith("/summary#orders")
        (request,) = await found(with_readings, "ServiceRequest", status="active")
        assert request["occurrenceTiming"]["repeat"]["boundsPeriod"] == {
            "start": "2026-11-16",
            "end": "2026-11-22",
        }
        assert request["requester"]["reference"] == f"Practitioner/{GP.id}"
        told = (await gp.open(SUMMARY)).words
        assert "2 times a day, 16 November 2026 to 22 November 2026." in told
        async with window(with_readings, "patient") as patient:
            mine = (await patient.open("/me")).words
        assert "What to do next Blood pressure" in mine
        assert f"{GP.name}, GP asks you to measure 2 times a day" in mine
        assert "Before the tablets." in mine
        assert "more mornings" in mine
        await gp.send(f"{BASE}/orders/{request['id']}/end")
        assert "Nothing is ordered now." in (await gp.open(SUMMARY)).words
    assert not await found(with_readings, "ServiceRequest", status="active")


async def test_an_order_with_something_wrong_says_what_beside_the_field(with_readings):
    async with window(with_readings, "gp") as gp:
        await gp.open(SUMMARY)
        refused = await gp.send(f"{BASE}/orders", kind="mood", times_a_day="9", days="0")
    assert refused.status_code == 400
    for words in ("Choose what the patient should measure", "a number from 1 to 8", "a number from 1 to 90"):
        assert words in refused.text


async def test_a_target_of_the_clinician_is_used_named_and_can_be_taken_back(with_readings):
    async with window(with_readings, "gp") as gp:
        before = (await gp.open(SUMMARY)).words
        assert "for age)" in before
        await gp.send(f"{BASE}/targets", **{"target-home-systolic": "170", "target-home-diastolic": "110"})
        own = (await gp.open(SUMMARY)).words
        assert f"on target (below 170/110 set by {GP.name}, GP on 16 November 2026)" in own
        assert f"Target: below 170 mmHg set by {GP.name}" in own
        (report,) = await found(with_readings, "DiagnosticReport")
        assert "below 170/110 set by" in report["conclusion"]
        wrong = await gp.send(
            f"{BASE}/targets", **{"target-home-systolic": "17", "target-home-diastolic": ""}
        )
        assert wrong.status_code == 400
        assert "from 100 to 180 mmHg" in wrong.text
        await gp.send(f"{BASE}/targets", **{"target-home-systolic": "", "target-home-diastolic": ""})
        assert "for age)" in (await gp.open(SUMMARY)).words
    assert {goal["lifecycleStatus"] for goal in await found(with_readings, "Goal")} == {"cancelled"}


async def test_a_reply_reaches_the_patient_and_an_accepted_result_the_record(with_readings):
    async with window(with_readings, "gp") as gp:
        await gp.open(SUMMARY)
        await gp.send(
            f"{SUMMARY}/review", note="", reply="Well done. Go on like this.", accept="home-blood-pressure"
        )
        assert "Replies to the patient Well done." in (await gp.open(SUMMARY)).words
    (sent,) = await found(with_readings, "Communication")
    assert sent["recipient"] == [{"reference": f"Patient/{CONSENTING_PATIENT.id}"}]
    accepted = await found(
        with_readings, "Observation", status="final", code="http://snomed.info/sct|413606001"
    )
    (home,) = accepted
    assert home["performer"][1]["reference"] == f"Practitioner/{GP.id}"
    assert home["derivedFrom"][0]["reference"].startswith("Observation/")
    assert "patient-generated" in str(home["meta"])
    (task,) = await found(with_readings, "Task", status="completed")
    kinds = sorted(output["valueReference"]["reference"].split("/")[0] for output in task["output"])
    assert kinds == ["Communication", "Observation", "Observation"]
    async with window(with_readings, "patient") as patient:
        assert "Replies from your practice Well done. Go on like this." in (await patient.open("/me")).words


async def test_a_receptionist_neither_orders_nor_sets_targets(with_readings):
    async with window(with_readings, "reception") as desk:
        await desk.open("/practice/inbox")
        wished = {"kind": "weight", "times_a_day": "1", "days": "7"}
        refused = await desk.send(f"{BASE}/orders", **wished)
        assert refused.status_code == 403
        refused = await desk.send(f"{BASE}/targets", **{"target-home-systolic": "170"})
        assert refused.status_code == 403
    assert not await found(with_readings, "Goal")


async def test_a_summary_that_nobody_answers_is_overdue_and_comes_first(with_readings):
    async with window(with_readings, "gp") as gp:
        assert "Overdue" not in (await gp.open("/practice/inbox")).words
    (task,) = await found(with_readings, "Task")
    assert task["restriction"]["period"]["end"].startswith("2026-11-23")
    long_ago = {**task, "authoredOn": "2026-11-01T09:00:00+00:00"}
    long_ago["restriction"] = {"period": {"end": "2026-11-08T09:00:00+00:00"}}
    async with with_readings.door.enter(system_job("test"), purpose=TREATMENT) as session:
        await session.upsert_many([long_ago])
    async with window(with_readings, "gp") as gp:
        inbox = (await gp.open("/practice/inbox")).words
    assert "1 summary has waited for an answer longer than a week." in inbox
    assert "Overdue An answer was due 8 November 2026" in inbox
