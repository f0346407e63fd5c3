"""How many rows a second a ViewDefinition gives, over stored observations, in every form.

    python benchmarks/views.py [--observations 500000] [--data FOLDER]

Synthetic observations (pulse, blood pressure, glucose) are loaded into an embedded PostgreSQL, or found in a folder
that an earlier run left; then a table of eight columns is made with one process and with one for each core. CPU is
that of our processes; PostgreSQL's comes besides.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from carespine.security.actor import system_job
from carespine.spine.views import running
from carespine.web import settings
from carespine.web.platform import Platform
from carespine.web.serve import database as opened

VIEW = {
    "resourceType": "ViewDefinition",
    "name": "observations",
    "status": "active",
    "resource": "Observation",
    "select": [
        {
            "column": [
                {"name": "id", "path": "getResourceKey()"},
                {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
                {"name": "status", "path": "status"},
                {"name": "system", "path": "code.coding.system"},
                {"name": "code", "path": "code.coding.code"},
                {"name": "at", "path": "effective.ofType(dateTime)"},
                {"name": "value", "path": "value.ofType(Quantity).value"},
                {"name": "unit", "path": "value.ofType(Quantity).code"},
            ]
        }
    ],
}
KINDS = (
    ("8867-4", "Heart rate", "/min", 50, 120),
    ("8480-6", "Systolic", "mm[Hg]", 90, 180),
    ("15074-8", "Glucose", "mmol/L", 3, 12),
)


def observations(path: Path, count: int) -> None:
    """NDJSON of invented observations of a thousand patients."""
    chance = random.Random(1)  # noqa: S311
    with gzip.open(path, "wt", compresslevel=1) as file:
        for patient in range(1000):
            file.write(json.dumps({"resourceType": "Patient", "id": f"p{patient}"}) + "\n")
        for number in range(count):
            code, display, unit, low, high = KINDS[number % 3]
            minute = number % 525_600
            at = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(1_750_000_000 + minute * 60))
            tree = {
                "resourceType": "Observation",
                "id": f"o{number}",
                "status": "final",
                "category": [
                    {
                        "coding": [
                            {
                                "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                "code": "vital-signs",
                            }
                        ]
                    }
                ],
                "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}]},
                "subject": {"reference": f"Patient/p{chance.randrange(1000)}"},
                "effectiveDateTime": at,
                "valueQuantity": {
                    "value": round(chance.uniform(low, high), 1),
                    "unit": unit,
                    "system": "http://unitsofmeasure.org",
                    "code": unit,
                },
            }
            file.write(json.dumps(tree) + "\n")


async def measure(data: Path, folder: Path) -> None:
    """The tables, one after the other, over a server that is started once."""
    chosen = settings.load(data=data, database=None)
    with opened(chosen) as url:
        platform = Platform.build(chosen, url)
        await platform.open()
        try:
            for jobs in dict.fromkeys((1, os.cpu_count() or 1)):
                for form in ("csv", "ndjson", "parquet"):
                    out = folder / f"table.{form}"
                    before, began = os.times(), time.perf_counter()
                    made = await running.over_stored(
                        platform.door, system_job("benchmark"), VIEW, url, out, form, jobs=jobs
                    )
                    took, after = time.perf_counter() - began, os.times()
                    busy = sum(after[:4]) - sum(before[:4])
                    speed, size = made.rows / took, out.stat().st_size / made.rows
                    said = f"{speed:9,.0f} rows/s, {took:5.1f} s, CPU {busy:5.1f} s, {size:5.1f} B/row"
                    print(
                        f"{form:8} {jobs} process(es): {said}, {busy / made.rows * 1e6:4.1f} us CPU/row",
                        flush=True,
                    )
        finally:
            await platform.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--observations", type=int, default=500_000)
    parser.add_argument("--data", type=Path, help="a data folder to keep, or that holds observations already")
    arguments = parser.parse_args()
    program = str(Path(sys.executable).with_name("carespine"))
    with tempfile.TemporaryDirectory() as scratch:
        folder, data = Path(scratch), arguments.data or Path(scratch) / "data"
        if not data.exists():
            observations(folder / "observations.ndjson.gz", arguments.observations)
            subprocess.run(
                [program, "load", str(folder / "observations.ndjson.gz"), "--data", str(data)], check=True
            )
        asyncio.run(measure(data, folder))


if __name__ == "__main__":
    main()
