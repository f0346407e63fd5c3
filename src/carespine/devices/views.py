"""What a page shows of a patient's readings, from one consistent moment."""

from __future__ import annotations

import asyncio

from carespine.devices import picture as pictures
from carespine.devices.metrics import data_classes
from carespine.devices.models import Result, Source, SummaryView
from carespine.devices.naming import as_date, device_id, report_id, task_id
from carespine.devices.picture import Picture
from carespine.devices.publish import birth_date
from carespine.devices.samples import SourceIdentity
from carespine.devices.summary import results
from carespine.kernel.errors import Forbidden
from carespine.kernel.ids import patient_key
from carespine.security import roles
from carespine.security.audit_event import MINOR_FAILURE
from carespine.security.session import Session


async def summary_view(session: Session, patient_id: str) -> SummaryView | None:
    """The summary of the patient's readings now; None where none were ever stored.

    Raises NotFound or Forbidden where the actor may not reach the patient or may not see readings.
    """
    if not roles.allows(session.actor, "Observation", "r"):
        key = patient_key(patient_id)
        await session.audit(
            "R", "read-device-summary", outcome=MINOR_FAILURE, patient=key, what=f"Patient/{patient_id}"
        )
        raise Forbidden(f"As {session.actor.role}, {session.actor.name} may not see readings.")
    patient = await session.require_patient(patient_id)
    person = await session.read("Patient", patient_id)
    picture = await pictures.load(session.tx, patient, patient_id, birth_date=birth_date(person))
    await session.audit("R", "read-device-summary", patient=patient, what=f"Patient/{patient_id}")
    if picture is None:
        return None
    found = await asyncio.to_thread(results, picture)
    return _view(session, picture, found)


def _view(session: Session, picture: Picture, found: tuple[Result, ...]) -> SummaryView:
    newest = sorted(picture.imports.items(), reverse=True)
    return SummaryView(
        patient_id=picture.patient_id,
        period=picture.period,
        first_day=as_date(picture.first_day),
        last_day=as_date(picture.last_day),
        made_at=newest[0][1].received_at if newest else session.clock(),
        results=found,
        not_shared=tuple(name for name in data_classes() if name in picture.not_shared),
        sources=tuple(_source(picture.patient_id, source) for source in picture.sources.values()),
        imports=tuple(made for _, made in newest),
        report_id=report_id(picture.patient_id, picture.period),
        task_id=task_id(picture.patient_id, picture.period),
    )


def _source(patient_id: str, source: SourceIdentity) -> Source:
    return Source(
        source_id=device_id(patient_id, source.key),
        label=source.label,
        device=source.device,
        model=source.hardware or source.model,
        app=source.app,
        platform=source.platform,
        kind=source.kind,
    )
