"""Live batches: every sample has its outcome, a repetition nothing new, and the record follows by a job."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from test_devices_routes import APP, Parts

from carespine.devices import live, live_routes, pace, reasons
from carespine.devices.naming import device_id
from carespine.devices.replying import task_of
from carespine.devices.routes import routes
from carespine.devices.shelf import StoreShelf
from carespine.devices.views import summary_view
from carespine.kernel.ids import patient_key
from carespine.security.actor import TREATMENT, system_job
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.storage.database import Database

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BATCHES = "/devices/patients/wearer/batches"
DEVICE = {"app": "Band", "name": "Band 2", "maker": "Acme", "kind": "watch"}


@dataclass(slots=True)
class House:
    client: httpx.AsyncClient
    door: Door
    database: Database

    async def send(self, samples: list[Any], key: str = "k", **headers: str) -> httpx.Response:
        given = {
            "authorization": "Bearer good",
            "idempotency-key": key,
            "content-type": "application/json",
            **headers,
        }
        return await self.client.post(BATCHES, content=json.dumps({"samples": samples}), headers=given)

    async def publish(self) -> bool:
        async with self.door.enter(system_job("test"), purpose=TREATMENT) as session:
            patient = await session.require_patient("wearer")
            return await live.publish_pending(session, patient, "wearer")

    async def observations(self, code: str) -> list[dict[str, Any]]:
        async with self.door.enter(system_job("test"), purpose=TREATMENT) as session:
            found = await session.search("Observation", [("patient", "wearer"), ("code", code)])
            return [entry for entry in found.entries if entry["status"] == "final"]  # not the summary's own

    async def stored(self, key: str) -> list[float]:
        async with self.database.connection() as connection:
            shelf = StoreShelf(connection, patient_key("wearer"))
            found = await shelf.window([key], first_ms=0, last_ms=2_000_000_000_000)
        return sorted(float(value) for samples in found.get(key, {}).values() for value in samples.value)


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    audit = AuditLog(database, lambda: NOW)
    door = Door(database, audit, lambda: NOW)
    consent = {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "scope": {"text": "privacy"},
        "category": [{"text": "sharing"}],
        "patient": {"reference": "Patient/wearer"},
        "policyRule": {"text": "opt in"},
        "provision": {
            "type": "permit",
            "actor": [{"role": {"text": "recipient"}, "reference": {"identifier": {"value": APP.id}}}],
        },
    }
    async with door.enter(system_job("test"), purpose=TREATMENT) as session:
        await session.upsert_many([{"resourceType": "Patient", "id": "wearer"}, consent])
    app = Starlette(routes=routes(Parts(door, audit, lambda: NOW)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield House(client, door, database)


def sample(
    metric: str, value: object, unit: str, start: str = "2026-11-20T08:00:00+00:00", **more: Any
) -> dict[str, Any]:
    return {"metric": metric, "value": value, "unit": unit, "start": start, "device": DEVICE, **more}


WEIGHT = sample("weight", 80.5, "kg")


async def test_every_sample_of_a_batch_has_its_outcome(house: House) -> None:
    batch = [
        sample("heart-rate", 61, "/min"),
        sample("heart-rate", 61, "/min"),
        sample("heart-rate", 0, "/min"),
        sample("glucose-meter", 100, "furlong"),
        sample("mood", 3, "1"),
        sample("weight", 80, "kg", start="yesterday"),
        sample("weight", 80, "kg", start="2026-12-24T08:00:00Z"),
        sample("sleep", "DEEP", "", start="2026-11-19T23:00:00Z", end="2026-11-20T01:00:00Z"),
        "nonsense",
    ]
    answer = (await house.send(batch)).json()
    assert [one["status"] for one in answer["outcomes"]] == [
        "stored",
        "duplicate",
        *["rejected"] * 5,
        "stored",
        "rejected",
    ]
    assert [one.get("reason") for one in answer["outcomes"][2:7]] == [
        reasons.VALUE_IMPOSSIBLE, reasons.UNIT_NOT_SUPPORTED, reasons.METRIC_NOT_SUPPORTED, reasons.TIME_UNREADABLE,
        reasons.IN_THE_FUTURE,
    ]  # fmt: skip
    assert answer["read"] == answer["stored"] + answer["duplicate"] + answer["rejected"] == len(batch)


async def test_the_same_key_gets_the_same_answer_and_another_batch_under_it_is_refused(house: House) -> None:
    first, again = await house.send([WEIGHT]), await house.send([WEIGHT])
    assert again.json() == {**first.json(), "replayed": True}
    assert (await house.send([sample("weight", 81, "kg")])).status_code == 409
    assert await house.stored("weight") == [80.5]


async def test_a_batch_may_come_as_ndjson_and_as_gzip(house: House) -> None:
    lines = "\n".join(json.dumps(one) for one in (WEIGHT, sample("heart-rate", 60, "/min"))) + "\n{broken\n"
    headers = {"authorization": "Bearer good", "idempotency-key": "g", "content-type": "application/x-ndjson",
               "content-encoding": "gzip"}  # fmt: skip
    made = await house.client.post(BATCHES, content=gzip.compress(lines.encode()), headers=headers)
    assert (made.status_code, made.json()["stored"], made.json()["rejected"]) == (200, 2, 1)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"samples": []}', {}, 400),
        (b'{"samples": [1], "sentAt": "noon"}', {}, 400),
        (b'{"samples": [1]}', {"content-type": "text/plain"}, 415),
        (b'{"samples": [1]}', {"content-encoding": "br"}, 415),
        (b'{"samples": [1]}', {"content-encoding": "gzip"}, 400),
        (gzip.compress(b'{"samples": [1]}', mtime=0)[:-6], {"content-encoding": "gzip"}, 400),
        (b'{"samples": [1]}', {"idempotency-key": ""}, 400),
        (b'{"samples": [1]}', {"authorization": "Bearer bad"}, 401),
        (json.dumps({"samples": [1] * 10_001}).encode(), {}, 413),
        (gzip.compress(bytes(17 * 1024 * 1024)), {"content-encoding": "gzip"}, 413),
    ],
)
async def test_a_batch_that_cannot_be_taken_is_refused_whole(
    house: House, content: bytes, headers: dict[str, str], status: int
) -> None:
    given = {
        "authorization": "Bearer good",
        "idempotency-key": "k",
        "content-type": "application/json",
        **headers,
    }
    refused = await house.client.post(BATCHES, content=content, headers=given)
    assert refused.status_code == status
    assert refused.json()["resourceType"] == "OperationOutcome"


async def test_too_many_samples_at_once_are_told_when_to_come_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "BURST", 3)
    batch = [sample("heart-rate", 60 + place, "/min") for place in range(2)]
    assert (await house.send(batch, "a")).status_code == 200
    refused = await house.send(batch, "b")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1


async def test_the_record_follows_by_one_job_and_publishing_twice_changes_nothing(house: House) -> None:
    for place in range(3):
        await house.send(
            [sample("weight", 80 + place, "kg", start=f"2026-11-2{place}T08:00:00+00:00")][:1], str(place)
        )
    async with house.database.connection() as connection:
        assert await connection.fetchval("select count(*) from job where kind = $1", live.KIND) == 1
    assert await house.observations("29463-7") == []
    assert await house.publish() is True
    assert await house.publish() is False
    assert len(await house.observations("29463-7")) == 2  # the third lies in the future and was rejected


async def test_a_correction_replaces_and_a_withdrawal_takes_back_and_neither_loses_anything(
    house: House,
) -> None:
    await house.send([WEIGHT, sample("weight", 79, "kg", start="2026-11-19T08:00:00+00:00")], "a")
    await house.publish()
    corrected = sample("weight", 81.5, "kg", action="correct")
    gone = {**sample("weight", None, "kg", start="2026-11-19T08:00:00+00:00"), "action": "withdraw"}
    never = {**sample("weight", None, "kg", start="2026-11-01T08:00:00+00:00"), "action": "withdraw"}
    answer = (await house.send([corrected, gone, never], "b")).json()
    assert [one["status"] for one in answer["outcomes"]] == ["stored", "withdrawn", "rejected"]
    assert answer["outcomes"][2]["reason"] == reasons.NOTHING_TO_WITHDRAW
    assert await house.stored("weight") == [81.5]
    await house.publish()
    found = await house.observations("29463-7")
    assert [float(one["valueQuantity"]["value"]) for one in found] == [81.5]
    async with house.database.connection() as connection:
        assert await connection.fetchval("select sum(readings) from device_withdrawn") == 2


async def test_a_source_can_be_erased_and_its_observations_go(house: House) -> None:
    await house.send([WEIGHT, sample("weight", 70, "kg", device={"app": "Other"})], "a")
    await house.publish()
    async with house.database.connection() as connection:
        sources = await StoreShelf(connection, patient_key("wearer")).sources()
    erased = next(key for key, source in sources.items() if source.app == "Band")
    path = f"/devices/patients/wearer/sources/{device_id('wearer', erased)}"
    answer = await house.client.delete(path, headers={"authorization": "Bearer good"})
    assert answer.json() == {"erased": 1}
    await house.publish()
    assert await house.stored("weight") == [70.0]
    again = await house.client.delete(
        path.replace(path[-4:], "0000"), headers={"authorization": "Bearer good"}
    )
    assert again.status_code == 404


async def test_a_patient_s_own_order_of_sources_decides_and_can_be_undone(house: House) -> None:
    rows = [
        sample("steps", count, "{steps}", start="2026-11-20T08:00:00+00:00", end="2026-11-20T08:30:00+00:00",
               device={"app": name, "kind": kind})
        for name, kind, count in (("Watch", "watch", 1000), ("Phone", "phone", 900))
    ]  # fmt: skip
    await house.send(rows, "a")
    await house.publish()

    async def steps() -> list[float]:
        found = await house.observations("41950-7")
        return [float(one["valueQuantity"]["value"]) for one in found]

    assert await steps() == [1000]
    async with house.database.connection() as connection:
        sources = await StoreShelf(connection, patient_key("wearer")).sources()
    phone = next(device_id("wearer", key) for key, source in sources.items() if source.app == "Phone")
    for devices, expected in (([phone], [900]), ([], [1000])):
        body = {"metric": "steps", "sources": devices}
        answer = await house.client.put(
            "/devices/patients/wearer/ranking", json=body, headers={"authorization": "Bearer good"}
        )
        assert answer.status_code == 200
        assert await steps() == expected


async def test_a_clock_that_is_wrong_is_set_right_by_when_the_app_says_it_sent_the_batch(
    house: House,
) -> None:
    late = (NOW - timedelta(hours=1)).isoformat()
    body = json.dumps(
        {"samples": [sample("weight", 80, "kg", start="2026-11-20T07:00:00+00:00")], "sentAt": late}
    )
    headers = {"authorization": "Bearer good", "idempotency-key": "c", "content-type": "application/json"}
    answer = (await house.client.post(BATCHES, content=body, headers=headers)).json()
    assert answer["clockCorrectionMs"] == 3_600_000
    await house.publish()
    found = await house.observations("29463-7")
    assert found[0]["effectiveDateTime"] == "2026-11-20T08:00:00+00:00"


def test_the_limits_of_a_batch_are_what_the_documentation_says() -> None:
    assert (live_routes.MOST_SAMPLES, live_routes.MOST_BYTES) == (10_000, 16 * 1024 * 1024)


async def test_the_raw_window_gives_back_what_was_stored_with_its_offset(house: House) -> None:
    await house.send([sample("heart-rate", 61, "/min", start="2026-11-20T09:00:00+01:00"), WEIGHT], "a")
    query = {"metric": "heart-rate", "from": "2026-11-20T00:00:00+00:00", "to": "2026-11-20T12:00:00+00:00"}
    headers = {"authorization": "Bearer good"}
    answer = await house.client.get("/devices/patients/wearer/readings", params=query, headers=headers)
    (row,) = [json.loads(line) for line in answer.text.splitlines()]
    assert (row["start"], row["value"], row["unit"], row["trust"]) == (
        "2026-11-20T09:00:00+01:00",
        61,
        "/min",
        "stated",
    )
    await house.send([sample("heart-rate", 62, "/min", start="2026-11-20T03:30:00.250-03:30")], "b")
    answer = await house.client.get("/devices/patients/wearer/readings", params=query, headers=headers)
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["start"] for row in rows] == [
        "2026-11-20T03:30:00.250-03:30",
        "2026-11-20T09:00:00.000+01:00",
    ]
    for wrong in ({"metric": "mood"}, {"from": "yesterday"}, {"to": "2026-11-01T00:00:00+00:00"}):
        refused = await house.client.get(
            "/devices/patients/wearer/readings", params={**query, **wrong}, headers=headers
        )
        assert refused.status_code == 400


async def test_a_day_of_heart_rate_is_one_observation_with_its_course_by_the_hour(house: House) -> None:
    rows = [
        sample("heart-rate", 60 + hour, "/min", start=f"2026-11-19T{hour:02d}:{minute:02d}:00+00:00")
        for hour in (0, 8, 23)
        for minute in (0, 30)
    ]
    await house.send(rows, "a")
    await house.publish()
    (day,) = await house.observations("8867-4")
    (course,) = [part["valueSampledData"] for part in day["component"] if "valueSampledData" in part]
    expected = ["E"] * 24
    expected[0], expected[8], expected[23] = "60", "68", "83"
    assert (course["period"], course["data"].split(" ")) == (3_600_000, expected)


async def test_the_summary_is_a_document_too(house: House) -> None:
    await house.send([WEIGHT], "a")
    await house.publish()
    async with house.door.enter(system_job("test"), purpose=TREATMENT) as session:
        found = await session.search("Composition", [("patient", "wearer")])
    (document,) = found.entries
    assert [section["title"] for section in document["section"]] == ["Report", "Weight"]
    assert document["section"][1]["entry"][0]["reference"].startswith("Observation/")
    assert document["status"] == "preliminary"


def severe(hour: int) -> list[dict[str, Any]]:
    """Two readings of 190/125, two minutes apart."""
    return [
        sample(f"blood-pressure-{part}", value, "mm[Hg]", start=f"2026-11-20T{hour:02d}:0{minute}:00+00:00")
        for minute in (0, 2)
        for part, value in (("systolic", 190), ("diastolic", 125))
    ]


async def test_a_red_flag_measured_after_the_answer_comes_to_the_inbox_again_and_only_once(
    house: House,
) -> None:
    async def tasks() -> list[dict[str, Any]]:
        async with house.door.enter(system_job("test"), purpose=TREATMENT) as session:
            return (await session.search("Task", [("patient", "wearer")])).entries

    await house.send(severe(7), "a")
    await house.publish()
    (first,) = await tasks()
    assert first["priority"] == "urgent"
    answered = {**first, "status": "completed", "executionPeriod": {"end": "2026-11-20T08:30:00+00:00"}}
    async with house.door.enter(system_job("test"), purpose=TREATMENT) as session:
        await session.update(answered)
    await house.send([WEIGHT], "b")
    await house.publish()
    assert len(await tasks()) == 1, "what was answered does not come back"
    await house.send(severe(9), "c")
    await house.publish()
    await house.send([sample("weight", 81, "kg", start="2026-11-20T10:00:00+00:00")], "d")
    await house.publish()
    waiting = [task for task in await tasks() if task["status"] == "requested"]
    assert [task["priority"] for task in waiting] == ["urgent"]
    assert waiting[0]["focus"] == first["focus"]
    async with house.door.glance(system_job("test"), purpose=TREATMENT) as session:
        open_task = await task_of(session, await summary_view(session, "wearer"))
    assert open_task is not None
    assert open_task["id"] == waiting[0]["id"]
