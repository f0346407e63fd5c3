"""The raw window: single readings exactly as they were stored, on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from carespine.devices import store
from carespine.devices.metrics import Metric, SleepStage, all_metrics
from carespine.devices.naming import device_id
from carespine.devices.quantities import local_time
from carespine.devices.report_json import TRUST_WORDS
from carespine.devices.samples import Samples, ZoneTrust
from carespine.kernel.errors import Forbidden, Invalid, TooLarge
from carespine.security import roles
from carespine.security.session import Session

# Ours: two days of one sample a second.
MOST_READINGS = 200_000


async def raw_window(
    session: Session, *, patient_id: str, metric_key: str, first: datetime, last: datetime
) -> list[dict[str, Any]]:
    """Every reading of one metric that starts within [first, last], by source and time, with nothing decided.

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
    return list(_rows(patient_id, of, by_source))


def _rows(patient_id: str, of: Metric, by_source: Mapping[int, Samples]) -> Iterator[dict[str, Any]]:
    for source, samples in sorted(by_source.items()):
        device = device_id(patient_id, source)
        columns = (
            samples.start_ms,
            samples.end_ms,
            samples.offset_min,
            samples.trust,
            samples.value,
            samples.unit,
        )
        for start, end, offset, trust, value, unit in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            yield {
                "metric": of.key,
                "device": device,
                "start": local_time(start, offset),
                "end": local_time(end, offset),
                "value": SleepStage(int(value)).name if of.day == "sleep" else value,
                "unit": of.units[unit].code,
                "trust": TRUST_WORDS[ZoneTrust(trust)],
            }
