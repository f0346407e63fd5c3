"""Measures the import of Apple Health exports end to end: records a second and peak memory by size.

    python benchmarks/device_import.py [RECORDS ...]        (default 60000 500000)

Each size runs in a process of its own against an embedded PostgreSQL, so that its peak memory is its own. The
file is generated before the clock starts; the clock covers reading, storing, projecting and the summary.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from carespine.demo.apple_export import wearer_of, write_export
from carespine.demo.practice.story_people import CONSENTING_PATIENT
from carespine.devices.models import ImportResult
from carespine.devices.service import import_readings
from carespine.devices.views import summary_view
from carespine.kernel.clock import london_date, now
from carespine.security.actor import TREATMENT, system_job
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.storage.database import Database
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.migrate import migrate

SIZES = (60_000, 500_000)
PATIENT = {"resourceType": "Patient", "id": "wearer", "birthDate": "1950-02-03"}


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or list(SIZES)
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "export.zip"
            days = max(60, size // 1_000)
            start = london_date(now()) - timedelta(days=days)
            write_export(path, person=wearer_of(CONSENTING_PATIENT), records=size, start=start, days=days)
            measured = subprocess.run(
                [sys.executable, __file__, "--measure", str(path), folder],
                check=True,
                capture_output=True,
                text=True,
            )
        print(measured.stdout.strip(), flush=True)


def measure(path: Path, folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres")
    url = server.start()
    try:
        migrate(url)
        print(json.dumps(asyncio.run(_measured(url, path))))
    finally:
        server.stop()


async def _measured(url: str, path: Path) -> dict[str, object]:
    database = Database(url)
    await database.open()
    door = Door(database, AuditLog(database, now), now)
    async with door.enter(system_job("benchmark"), purpose=TREATMENT) as session:
        await session.upsert_many([dict(PATIENT)])
    first, seconds = await _import(door, path, "first")
    again, seconds_again = await _import(door, path, "again")
    views = [await _view(door) for _ in range(20)]
    async with database.connection() as connection:
        kept = await connection.fetchrow(
            "select sum(readings) as readings, sum(length(body)) as bytes from device_chunk"
        )
    await database.close()
    return {
        "records": first.read,
        "stored": first.stored,
        "seconds": round(seconds, 2),
        "records_per_second": round(first.read / seconds),
        "again_stored": again.stored,
        "again_seconds": round(seconds_again, 2),
        "bytes_per_reading": round(kept["bytes"] / kept["readings"], 2),
        "summary_p95_ms": round(sorted(views)[18] * 1000, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


async def _import(door: Door, path: Path, key: str) -> tuple[ImportResult, float]:
    started = time.perf_counter()
    async with door.enter(system_job("benchmark"), purpose=TREATMENT) as session:
        with path.open("rb") as file:
            made = await import_readings(
                session, patient_id=PATIENT["id"], file=file, client="benchmark", idempotency_key=key
            )
    return made, time.perf_counter() - started


async def _view(door: Door) -> float:
    started = time.perf_counter()
    async with door.glance(system_job("benchmark"), purpose=TREATMENT) as session:
        await summary_view(session, PATIENT["id"])
    return time.perf_counter() - started


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
