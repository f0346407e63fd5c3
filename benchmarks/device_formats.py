"""Measures how fast the formats are read: records a second for each adapter, on files blown up from our own samples.

    python benchmarks/device_formats.py [RECORDS]        (default 50000 for each format)

Only reading is measured, not storing: bytes in, columns out, in one process. Apple's export has a benchmark of its
own (device_import.py).
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from carespine.devices.adapters import adapter_for

NOW = datetime(2026, 11, 27, tzinfo=UTC)
START = datetime(2025, 11, 1, tzinfo=UTC)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    for name, make in FORMATS.items():
        raw = make(count)
        file = io.BytesIO(raw)
        adapter = adapter_for(file, name)
        started, records = time.process_time(), 0
        for batch in adapter.open(file, now=NOW, name=name, zone="Europe/London").batches():
            records += batch.read
        seconds = time.process_time() - started
        print(
            json.dumps(
                {
                    "adapter": adapter.manifest.key,
                    "records": records,
                    "mb": round(len(raw) / 1e6, 1),
                    "cpu_seconds": round(seconds, 2),
                    "records_per_second": round(records / seconds),
                }
            ),
            flush=True,
        )


def _moments(count: int) -> list[datetime]:
    return [START + timedelta(minutes=5 * place) for place in range(count)]


def clarity(count: int) -> bytes:
    head = "Index,Timestamp (YYYY-MM-DDThh:mm:ss),Event Type,Event Subtype,Device Info,Glucose Value (mmol/L)"
    rows = [
        f"{n},{at:%Y-%m-%dT%H:%M:%S},EGV,,Sensor,{5 + n % 70 / 10}" for n, at in enumerate(_moments(count))
    ]
    return "\n".join([head, *rows]).encode()


def nightscout(count: int) -> bytes:
    rows = [
        {
            "sgv": 90 + n % 100,
            "date": int(at.timestamp() * 1000),
            "type": "sgv",
            "utcOffset": 0,
            "dateString": at.isoformat(),
        }
        for n, at in enumerate(_moments(count))
    ]
    return json.dumps(rows).encode()


def fitbit(count: int) -> bytes:
    rows = [
        {"dateTime": f"{at:%m/%d/%y %H:%M:%S}", "value": {"bpm": 60 + n % 40, "confidence": 2}}
        for n, at in enumerate(_moments(count))
    ]
    return json.dumps(rows).encode()


def open_mhealth(count: int) -> bytes:
    header = {"schema_id": {"namespace": "omh", "name": "heart-rate", "version": "2.0"}}
    rows = [
        {
            "header": header,
            "body": {
                "heart_rate": {"value": 60 + n % 40, "unit": "beats/min"},
                "effective_time_frame": {"date_time": at.isoformat()},
            },
        }
        for n, at in enumerate(_moments(count))
    ]
    return json.dumps(rows).encode()


def fhir(count: int) -> bytes:
    rows = [
        {
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
                "effectiveDateTime": at.isoformat(),
                "valueQuantity": {
                    "value": 60 + n % 40,
                    "system": "http://unitsofmeasure.org",
                    "code": "/min",
                },
            }
        }
        for n, at in enumerate(_moments(count))
    ]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": rows}).encode()


def table(count: int) -> bytes:
    rows = [
        f"{at:%Y-%m-%d},{at:%H:%M},{120 + n % 30},{70 + n % 20},{60 + n % 30}"
        for n, at in enumerate(_moments(count))
    ]
    return "\n".join(["Date,Time,Systolic (mmHg),Diastolic (mmHg),Pulse (bpm)", *rows]).encode()


FORMATS: dict[str, Callable[[int], bytes]] = {
    "clarity.csv": clarity,
    "entries.json": nightscout,
    "heart_rate-2026-01-01.json": fitbit,
    "points.json": open_mhealth,
    "bundle.json": fhir,
    "cuff.csv": table,
}


if __name__ == "__main__":
    main()
