"""The raw window: single readings exactly as they were stored, on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from carespine.devices import store
from carespine.devices.metrics import Metric, SleepStage, all_metrics
from carespine.devices.naming import device_id
from carespine.devices.report_json import TRUST_WORDS
from carespine.devices.samples import MINUTE_MS, Int64, Samples
from carespine.kernel.errors import Forbidden, Invalid, TooLarge
from carespine.security import roles
from carespine.security.session import Session

# Ours: two days of one sample a second.
MOST_READINGS = 200_000
_TRUST = {int(trust): word for trust, word in TRUST_WORDS.items()}


async def raw_window(
    session: Session, *, patient_id: str, metric_key: str, first: datetime, last: datetime
) -> bytes:
    """Every reading of one metric that starts within [first, last], by source and time, with nothing decided.

    As lines of JSON: `metric`, `device`, `start`, `end`, `value`, `unit`, `trust`.

    Raises Invalid (no such metric, an empty window), TooLarge (too many readings), Forbidden, NotFound.
    """
    of = all_metrics().get(metric_key)
    if of is None or last < first:
        raise Invalid("There is no such metric." if of is None else "The window ends before it begins.")
    if not roles.allows(session.actor, "Observation", "r"):
        raise Forbidden(f"As {session.actor.role}, {session.actor.name} may not see readings.")
    patient = await session.require_patient(patient_id)
    first_ms, last_ms = (int(moment.timestamp() * 1000) for moment in (first, last))
    found = await store.window(session.tx, patient, [metric_key], first_ms=first_ms, last_ms=last_ms)
    by_source = found.get(metric_key, {})
    if sum(len(samples) for samples in by_source.values()) > MOST_READINGS:
        raise TooLarge(f"More than {MOST_READINGS} readings: ask for a shorter window.")
    await session.audit("R", "read-raw-readings", patient=patient, what=f"Patient/{patient_id}")
    return await asyncio.to_thread(_lines, patient_id, of, by_source)


def _lines(patient_id: str, of: Metric, by_source: Mapping[int, Samples]) -> bytes:
    return "".join(
        line
        for source, samples in sorted(by_source.items())
        for line in _of_source(device_id(patient_id, source), of, samples)
    ).encode()


def _of_source(device: str, of: Metric, samples: Samples) -> Iterator[str]:
    """The lines of one source, put together as text: an object for each of a day's 86,400 takes twice as long."""
    starts = ends = _local_times(samples.start_ms, samples)
    if (samples.end_ms != samples.start_ms).any():
        ends = _local_times(samples.end_ms, samples)
    values: list[Any] = samples.value.tolist()
    if of.day == "sleep":
        values = [SleepStage(int(value)).name for value in values]
    head = f'{{"metric":{_json(of.key)},"device":{_json(device)},"start":"'
    tails = {
        (unit, trust): f',"unit":{_json(of.units[unit].code)},"trust":{_json(_TRUST[trust])}}}\n'
        for unit in np.unique(samples.unit).tolist()
        for trust in np.unique(samples.trust).tolist()
    }
    # Neither a number nor the name of a stage holds a comma.
    columns = (_json(values)[1:-1].split(","), samples.unit.tolist(), samples.trust.tolist())
    for start, end, value, unit, trust in zip(starts, ends, *columns, strict=True):
        yield f'{head}{start}","end":"{end}","value":{value}{tails[unit, trust]}'


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _local_times(moments: Int64, samples: Samples) -> list[str]:
    """The moments by the clock on the wall, with the offset in force; thousandths where any moment has them."""
    local = (moments + samples.offset_min.astype(np.int64) * MINUTE_MS).astype("datetime64[ms]")
    texts = np.datetime_as_string(local, unit="ms" if (moments % 1000).any() else "s").tolist()
    zones = {int(offset): _zone(int(offset)) for offset in np.unique(samples.offset_min)}
    return [text + zones[offset] for text, offset in zip(texts, samples.offset_min.tolist(), strict=True)]


def _zone(offset_min: int) -> str:
    hours, minutes = divmod(abs(offset_min), 60)
    return f"{'-' if offset_min < 0 else '+'}{hours:02d}:{minutes:02d}"
