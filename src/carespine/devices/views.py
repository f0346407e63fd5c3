"""What a page shows of a patient's readings, from one consistent moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from carespine.devices import erasure_store, store
from carespine.devices import kept as kept_summaries
from carespine.devices import picture as pictures
from carespine.devices.kept import Kept
from carespine.devices.models import ImportResult, SummaryView
from carespine.devices.naming import report_id, task_id
from carespine.devices.publish import birth_date, kept_of
from carespine.devices.summary import results
from carespine.devices.threshold_store import thresholds_of
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
    born = birth_date(await session.read("Patient", patient_id))
    await session.audit("R", "read-device-summary", patient=patient, what=f"Patient/{patient_id}")
    thresholds = await thresholds_of(session, patient_id)
    number = await kept_summaries.write_number(session.tx, patient)
    stamp = kept_summaries.stamp(number, born, thresholds)
    kept = await kept_summaries.load(session.tx, patient, stamp=stamp)
    if kept is None:
        picture = await pictures.load(session.tx, patient, patient_id, birth_date=born, thresholds=thresholds)
        if picture is None:
            return None
        kept = kept_of(picture, await asyncio.to_thread(results, picture))
        await kept_summaries.save(session.tx, patient, kept, stamp=stamp)
    imports = await store.imports(session.tx, patient, patient_id)
    view = _view(session, patient_id, kept, tuple(imports.values()))
    return replace(view, erased=await erasure_store.erasures(session.tx, patient))


def _view(session: Session, patient_id: str, kept: Kept, imports: tuple[ImportResult, ...]) -> SummaryView:
    return SummaryView(
        patient_id=patient_id,
        period=kept.period,
        first_day=kept.first_day,
        last_day=kept.last_day,
        made_at=imports[0].received_at if imports else session.clock(),
        results=kept.results,
        not_shared=kept.not_shared,
        sources=kept.sources,
        imports=imports,
        report_id=report_id(patient_id, kept.period),
        task_id=task_id(patient_id, kept.period),
    )
