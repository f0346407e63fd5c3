"""A certified app streams an hour of simulated time through ten crashes: nothing is lost, nothing doubled."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from carespine.demo.processes import App, Server, start_app
from carespine.devices.metrics import data_classes
from carespine.devices.shelf import StoreShelf
from carespine.kernel.ids import patient_key
from carespine.kernel.nhs_number import SYSTEM, synthetic
from carespine.security.actor import TREATMENT, system_job
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.storage.database import Database
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.migrate import migrate
from carespine.web.pages.sharing_choices import consent_tree

MINUTES, KILLS = 60, 10
NUMBER = synthetic(5)
START = (datetime.now(UTC) - timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
WEARER = {
    "resourceType": "Patient",
    "id": "wearer",
    "identifier": [{"system": SYSTEM, "value": NUMBER}],
    "name": [{"family": "Example"}],
}


def port() -> int:
    from socket import socket

    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def furnished(url: str, client_id: str) -> None:
    """A patient who shares everything with the app."""
    database = Database(url)
    await database.open()
    now = lambda: datetime.now(UTC)  # noqa: E731
    consent = consent_tree(
        "wearer", client_id=client_id, name="Steady Band", data_classes=data_classes(), now=now()
    )
    async with Door(database, AuditLog(database, now), now).enter(
        system_job("test"), purpose=TREATMENT
    ) as session:
        await session.upsert_many([WEARER, {**consent, "id": "consent"}])
    await database.close()


async def held(url: str) -> dict[str, list[tuple[int, float]]]:
    """Every reading that is stored, by metric: moment and value."""
    database = Database(url)
    await database.open()
    async with database.connection() as connection:
        shelf = StoreShelf(connection, patient_key("wearer"))
        found = await shelf.window(["heart-rate", "steps"], first_ms=0, last_ms=2**45)
    await database.close()
    return {
        key: sorted(
            pair
            for samples in by_source.values()
            for pair in zip(samples.start_ms.tolist(), samples.value.tolist(), strict=True)
        )
        for key, by_source in found.items()
    }


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[tuple[Server, App]]:
    app = start_app("steady_band", tmp_path)
    database = EmbeddedPostgres(tmp_path)
    migrate(url := database.start())
    asyncio.run(furnished(url, app.about["client_id"]))
    database.stop()
    server = Server(tmp_path, port())
    server.start()
    yield server, app
    app.process.kill()
    server.stop()


def certify(server: Server, app: App) -> None:
    with httpx.Client(base_url=server.address, timeout=120, trust_env=False) as client:
        applied = client.post("/standards/applications", json=app.application(server.address)).json()
        ran = client.post(
            f"/standards/applications/{applied['id']}/run",
            json={"config": app.sandbox},
            headers={"authorization": f"Bearer {applied['token']}"},
        )
    assert ran.json()["certificate"] is not None, ran.text[:500]


def asked(app: App, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = httpx.request(
        method, app.address + path, json=body, headers=app.operator(), timeout=30, trust_env=False
    )
    assert answer.is_success, answer.text
    return json.loads(answer.text)  # type: ignore[no-any-return]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_hour_streamed_through_ten_crashes_is_stored_once(stage: tuple[Server, App]) -> None:
    server, app = stage
    certify(server, app)
    asked(app, "POST", "/connect", {"carespine": server.address})
    asked(
        app,
        "POST",
        f"/patients/{NUMBER}/streams",
        {"start": START.isoformat(), "minutes": MINUTES, "pace_seconds": 0.1},
    )
    luck = random.Random(11)  # noqa: S311 -- moments, no secret
    for kill in range(KILLS):
        wanted = kill * MINUTES // (KILLS + 1)
        deadline = time.monotonic() + 60
        while (status := progress(app))["done"] < wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        assert status["done"] < MINUTES, "the server is killed while the app is at work"
        time.sleep(luck.uniform(0, 0.1))  # the moment of the crash is what varies here
        server.kill()
        server.start()
    deadline = time.monotonic() + 120
    while (
        (status := progress(app))["done"] < MINUTES
        and status["refused"] is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.1)
    assert status["refused"] is None
    assert status["done"] == MINUTES
    assert status["tries"] > MINUTES, "some batches had to be sent again"
    counts = status["counts"]
    assert counts["read"] == counts["stored"] == MINUTES * 61

    first = int(START.timestamp() * 1000)
    beats = [
        (first + 60_000 * minute + 1000 * second, float(60 + (minute + second) % 40))
        for minute in range(MINUTES)
        for second in range(60)
    ]
    steps = [(first + 60_000 * minute, float(10 + minute % 7)) for minute in range(MINUTES)]
    url = EmbeddedPostgres(server.data).start()
    assert asyncio.run(held(url)) == {"heart-rate": beats, "steps": steps}
    with psycopg.connect(url) as connection:
        batches = connection.execute(
            "select count(*), count(distinct idempotency_key) from device_batch"
        ).fetchone()
        assert batches == (MINUTES, MINUTES)
        deadline = time.monotonic() + 60
        while pending(connection) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert pending(connection) == 0, "the record followed"


def progress(app: App) -> dict[str, Any]:
    (status,) = asked(app, "GET", "/status")["streams"]
    return status  # type: ignore[no-any-return]


def pending(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("select count(*) from device_pending").fetchone()
    connection.rollback()
    return int(row[0]) if row else 0
