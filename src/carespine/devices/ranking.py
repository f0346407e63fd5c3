"""The verb that sets a patient's own order of sources for a metric; every day is decided anew by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carespine.devices import live_store, publish, store
from carespine.devices.metrics import all_metrics
from carespine.devices.naming import device_id
from carespine.devices.service import JOB, permitted
from carespine.kernel.errors import Invalid, NotFound
from carespine.security.actor import system_job
from carespine.security.session import Session


async def set_ranking(
    session: Session, *, patient_id: str, metric_key: str, devices: Sequence[str]
) -> dict[str, Any]:
    """Rank the patient's sources, named by their Devices' ids, for one metric; an empty list undoes it.

    The days of the current review are written anew. Raises Invalid, NotFound (no such device), Forbidden.
    """
    if metric_key not in all_metrics():
        raise Invalid("There is no such metric.")
    patient = await session.require_patient(patient_id)
    await permitted(session, patient)
    await live_store.hold(session.tx, patient)
    known = {device_id(patient_id, key): key for key in await store.sources(session.tx, patient)}
    unknown = [name for name in devices if name not in known]
    if unknown or len(set(devices)) != len(devices):
        raise NotFound("A device in the list is not one of the patient's sources, or stands in it twice.")
    await live_store.save_ranking(session.tx, patient, metric_key, [known[name] for name in devices])
    writer = Session(session.tx, system_job(JOB), session.purpose, session.clock)
    days = await store.days_of(session.tx, patient, metric_key)
    if days:
        await publish.publish_readings(writer, patient, patient_id, {metric_key: days}, ())
        await publish.publish_summary(writer, patient, patient_id, None, now=session.clock())
    session.events.extend(writer.events)
    await session.audit(
        "U",
        "rank-device-sources",
        patient=patient,
        what=f"Patient/{patient_id}",
        detail={"metric": metric_key},
    )
    return {"metric": metric_key, "sources": list(devices)}
