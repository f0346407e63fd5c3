"""Measures live batches end to end: samples a second and the time of a batch, in-process over the real database.

    python benchmarks/device_batch.py [BATCHES]        (default 60 batches of 1,000 samples)

The clock covers parsing, merging, storing, the idempotency answer and the audit event; the record follows by a job,
which is measured apart. HTTP and TLS are not in it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from carespine.devices import live
from carespine.devices.views import summary_view
from carespine.security.actor import TREATMENT, system_job
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.storage.database import Database
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.migrate import migrate

SIZE = 1_000
START = datetime(2026, 11, 1, tzinfo=UTC)
DEVICE = {"app": "Band", "name": "Band 2", "kind": "watch"}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        url = server.start()
        try:
            migrate(url)
            print(json.dumps(asyncio.run(_measured(url, count))))
        finally:
            server.stop()


def batch(number: int) -> list[dict[str, Any]]:
    first = START + timedelta(seconds=5 * SIZE * number)
    return [
        {
            "metric": "heart-rate",
            "value": 60 + (number + place) % 40,
            "unit": "/min",
            "start": (first + timedelta(seconds=5 * place)).isoformat(),
            "device": DEVICE,
        }
        for place in range(SIZE)
    ]


async def _measured(url: str, count: int) -> dict[str, object]:
    database = Database(url)
    await database.open()
    now = lambda: START + timedelta(days=365)  # noqa: E731 - after every sample
    door = Door(database, AuditLog(database, now), now)
    async with door.enter(system_job("benchmark"), purpose=TREATMENT) as session:
        await session.upsert_many([{"resourceType": "Patient", "id": "wearer"}])
    times = []
    for number in range(count):
        samples = batch(number)
        digest = hashlib.sha256(str(number).encode()).digest()
        started = time.perf_counter()
        async with door.enter(system_job("benchmark"), purpose=TREATMENT) as session:
            await live.take_batch(
                session,
                patient_id="wearer",
                samples=samples,
                client="benchmark",
                idempotency_key=str(number),
                sha256=digest,
            )
        times.append(time.perf_counter() - started)
    started = time.perf_counter()
    async with door.enter(system_job("benchmark"), purpose=TREATMENT) as session:
        patient = await session.require_patient("wearer")
        await live.publish_pending(session, patient, "wearer")
    published = time.perf_counter() - started
    views = []
    for _ in range(20):
        started = time.perf_counter()
        async with door.glance(system_job("benchmark"), purpose=TREATMENT) as session:
            await summary_view(session, "wearer")
        views.append(time.perf_counter() - started)
    await database.close()
    ordered = sorted(times)
    return {
        "samples": count * SIZE,
        "samples_per_second": round(count * SIZE / sum(times)),
        "batch_p50_ms": round(ordered[len(ordered) // 2] * 1000, 1),
        "batch_p95_ms": round(ordered[int(len(ordered) * 0.95)] * 1000, 1),
        "publish_ms": round(published * 1000, 1),
        "summary_p95_ms": round(sorted(views)[18] * 1000, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if __name__ == "__main__":
    main()
