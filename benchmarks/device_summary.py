"""Measures a patient with years of heart rate: storing it, the summary, and the raw readings of a day.

    python benchmarks/device_summary.py [YEARS] [SECONDS]        (default 5 years, a sample every 30 seconds)

Blood pressure, steps, weight, sleep and glucose are stored beside it. In-process over the real database; HTTP and TLS
are not in it. `worked_out` is the summary without what is kept of it, as after a change of the date of birth.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from carespine.devices import publish
from carespine.devices.ingest import Ingest
from carespine.devices.metrics import data_classes, metric
from carespine.devices.samples import Batch, Run, Samples, SourceIdentity
from carespine.devices.shelf import StoreShelf
from carespine.devices.store import claim
from carespine.devices.views import summary_view
from carespine.devices.window import raw_window
from carespine.security.actor import TREATMENT, system_job
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.storage.database import Database
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.migrate import migrate

END = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
WATCH = SourceIdentity("Bench", "Band", "Band 2", "Maker", "B2", "", "watch")
CUFF = SourceIdentity("Bench", "Cuff", "Cuff 1", "Maker", "C1", "", "cuff")
SENSOR = SourceIdentity("Bench", "Sensor", "Sensor 1", "Maker", "S1", "", "sensor")
LUCK = np.random.default_rng(7)


def main() -> None:
    years, seconds = (
        int(sys.argv[place]) if len(sys.argv) > place else given for place, given in ((1, 5), (2, 30))
    )
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        url = server.start()
        try:
            migrate(url)
            print(json.dumps(asyncio.run(_measured(url, years, seconds))))
        finally:
            server.stop()


def series(
    key: str, source: SourceIdentity, days: int, seconds: int, low: float, high: float
) -> Iterator[Batch]:
    """A metric of one source, a month a batch, oldest first."""
    of, last = metric(key), int(END.timestamp() * 1000)
    every = np.arange(last - days * 86_400_000, last, seconds * 1000, dtype=np.int64)
    for start in np.array_split(every, max(1, days // 30)):
        count = len(start)
        end = start + (seconds * 1000 if of.timing == "interval" else 0)
        value = np.rint(LUCK.uniform(low, high, count) * 10) / 10
        if key == "heart-rate":
            value = np.rint(70 + 15 * np.sin(start / 13_750_987) + LUCK.normal(0, 2, count))
        zero = np.zeros(count, dtype=np.uint8)
        samples = Samples(start, end, zero.astype(np.int16), zero + 1, value, zero, zero.astype(np.int32))
        yield Batch((Run(of, source, samples),), {}, count, 0)


async def _measured(url: str, years: int, seconds: int) -> dict[str, object]:
    database = Database(url)
    await database.open()
    now = lambda: END + timedelta(hours=1)  # noqa: E731
    door = Door(database, AuditLog(database, now), now)
    async with door.enter(system_job("benchmark"), purpose=TREATMENT) as session:
        await session.upsert_many([{"resourceType": "Patient", "id": "wearer", "birthDate": "1950-02-03"}])
    heart = list(series("heart-rate", WATCH, 365 * years, seconds, 0, 0))
    stored, wall, processor = await _store(door, heart)
    for key, source, every, low, high in (
        ("blood-pressure-systolic", CUFF, 43_200, 120, 150),
        ("blood-pressure-diastolic", CUFF, 43_200, 70, 95),
        ("weight", CUFF, 86_400, 80, 82),
        ("steps", WATCH, 600, 0, 200),
        ("glucose-cgm", SENSOR, 300, 4, 12),
        ("resting-heart-rate", WATCH, 86_400, 55, 65),
    ):
        await _store(door, list(series(key, source, 90, every, low, high)))
    kept = await _times(lambda: _view(door), 100)
    worked_out = await _times(lambda: _worked_out(door), 20)
    raw = await _times(lambda: _raw(door), 20)
    async with database.connection() as connection:
        size = await connection.fetchval(
            "select sum(length(body))::float / sum(readings) from device_chunk where metric = 'heart-rate'"
        )
    await database.close()
    return {
        "samples": stored,
        "samples_per_second": round(stored / wall),
        "samples_per_second_of_processor": round(stored / processor),
        "bytes_per_sample": round(size, 2),
        **{f"summary_{name}": value for name, value in kept.items()},
        **{f"worked_out_{name}": value for name, value in worked_out.items()},
        **{f"raw_day_{name}": value for name, value in raw.items()},
    }


async def _store(door: Door, batches: list[Batch]) -> tuple[int, float, float]:
    started, busy = time.perf_counter(), time.process_time()
    async with door.enter(system_job("benchmark"), purpose=TREATMENT) as session:
        patient = await session.require_patient("wearer")
        number = (await claim(session.tx, patient)).number
        ingest = Ingest(StoreShelf(session.tx, patient), number, "wearer", frozenset(data_classes()))
        for batch in batches:
            await ingest.add(batch)
        await ingest.flush()
    return ingest.tally.stored, time.perf_counter() - started, time.process_time() - busy


async def _view(door: Door) -> None:
    async with door.glance(system_job("benchmark"), purpose=TREATMENT) as session:
        await summary_view(session, "wearer")


async def _worked_out(door: Door) -> None:
    async with door.enter(system_job("benchmark"), purpose=TREATMENT) as session:
        patient = await session.require_patient("wearer")
        found = await publish.pictures.load(session.tx, patient, "wearer", birth_date=None, thresholds={})
        if found is not None:
            await asyncio.to_thread(publish.results, found)


async def _raw(door: Door) -> None:
    async with door.glance(system_job("benchmark"), purpose=TREATMENT) as session:
        await raw_window(
            session,
            patient_id="wearer",
            metric_key="heart-rate",
            first=END - timedelta(days=200, hours=24),
            last=END - timedelta(days=200),
        )


async def _times(action, times: int) -> dict[str, float]:  # type: ignore[no-untyped-def]
    walls, busy = [], []
    for _ in range(times):
        started, cpu = time.perf_counter(), time.process_time()
        await action()
        walls.append((time.perf_counter() - started) * 1000)
        busy.append((time.process_time() - cpu) * 1000)
    place = int(0.95 * (times - 1))
    return {"p95_ms": round(sorted(walls)[place], 1), "processor_p95_ms": round(sorted(busy)[place], 1)}


if __name__ == "__main__":
    main()
