"""How many rows a second a ViewDefinition gives, over stored observations, in every form.

    python benchmarks/views.py [--observations 500000] [--data FOLDER]

Synthetic observations (pulse, blood pressure, glucose) are loaded into an embedded PostgreSQL, or found in a folder
that an earlier run left; `carespine view run` then makes a table of eight columns with one and with all cores. The
time is that of the whole command, the start of its processes included.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
        (folder / "view.json").write_text(json.dumps(VIEW))
        command = [program, "view", "run", str(folder / "view.json"), "--data", str(data)]
        for jobs in dict.fromkeys((1, os.cpu_count() or 1)):
            for form in ("csv", "ndjson", "parquet"):
                out = folder / f"table.{form}"
                before, began = os.times(), time.perf_counter()
                run = [*command, "--output", str(out), "--jobs", str(jobs)]
                done = subprocess.run(run, check=True, capture_output=True, text=True)
                took, after = time.perf_counter() - began, os.times()
                rows = int(done.stderr.split()[0])
                busy = sum(after[2:4]) - sum(before[2:4])
                speed, size = rows / took, out.stat().st_size / rows
                said = f"{speed:9,.0f} rows/s, {took:5.1f} s, CPU {busy:5.1f} s, {size:5.1f} B/row"
                print(f"{form:8} {jobs} process(es): {said}")


if __name__ == "__main__":
    main()
