"""Deterministic logical ids: the same reading, day, device or summary always has the same id."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from hashlib import blake2b

from carespine.devices.metrics import Metric
from carespine.devices.samples import Samples

_EPOCH = date(1970, 1, 1)


def as_date(day: int) -> date:
    """The date of a local day counted from 1970-01-01."""
    return _EPOCH + timedelta(days=day)


def as_day(when: date) -> int:
    """A date as a local day counted from 1970-01-01."""
    return (when - _EPOCH).days


def stable_id(*parts: object) -> str:
    """A logical id that depends on the parts alone: 122 bits of their hash, spelt as a UUID of version 8."""
    digest = blake2b(
        "\x1f".join(map(str, parts)).encode(), digest_size=16, person=b"carespine-device"
    ).digest()
    raw = bytearray(digest)
    raw[6] = 0x80 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return str(uuid.UUID(bytes=bytes(raw)))


def device_id(patient_id: str, source: int) -> str:
    """The Device of a source."""
    return stable_id("device", patient_id, source)


def day_id(patient_id: str, metric_key: str, day: int) -> str:
    """The Observation of a dense metric on a local day."""
    return stable_id("day", patient_id, metric_key, day)


def reading_ids(patient_id: str, metric: Metric, source: int, samples: Samples) -> list[str]:
    """The Observations of single readings, by their identity: metric, source, start, end and value."""
    return [
        stable_id("reading", patient_id, metric.key, source, *row)
        for row in samples.identity(metric).tolist()
    ]


def pressure_id(patient_id: str, source: int, start_ms: int, systolic: float, diastolic: float) -> str:
    """The Observation of one blood pressure: both numbers belong to it."""
    pair = f"{systolic:.2f}/{diastolic:.2f}"
    return stable_id("reading", patient_id, "blood-pressure", source, start_ms, pair)


def report_id(patient_id: str, period: str) -> str:
    """The one summary of a review period."""
    return stable_id("summary", patient_id, period)


def composition_id(patient_id: str, period: str) -> str:
    """The document around the summary of a review period."""
    return stable_id("composition", patient_id, period)


def task_id(patient_id: str, period: str) -> str:
    """The one Task in the practice's inbox for a review period."""
    return stable_id("task", patient_id, period)


def flagged_task_id(task: str, moment: str) -> str:
    """The further Task for a red flag that was measured after a summary's Task was answered."""
    return stable_id("flagged-task", task, moment)


def result_id(patient_id: str, period: str, figure: str) -> str:
    """One coded number of a summary."""
    return stable_id("result", patient_id, period, figure)


def provenance_id(import_id: str) -> str:
    """The record of where an import's data came from."""
    return stable_id("provenance", import_id)
