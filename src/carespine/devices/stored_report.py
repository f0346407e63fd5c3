"""The report on a stored patient: the same shape as that on files, through the door."""

from __future__ import annotations

import asyncio

from carespine.devices import picture as pictures
from carespine.devices import store
from carespine.devices.importing import checked_number, patient_with
from carespine.devices.ports import Door
from carespine.devices.preview import FileOutcome, Preview, every_day
from carespine.devices.publish import birth_date
from carespine.devices.shelf import StoreShelf
from carespine.devices.summary import results
from carespine.devices.threshold_store import thresholds_of
from carespine.security.actor import TREATMENT, system_job

# How it names itself in the patient's list of who has looked.
JOB = "carespine devices report"


async def of_patient(door: Door, nhs_number: str) -> Preview:
    """What is stored of this patient, as a report. Raises Invalid (no NHS number) and NotFound (no patient)."""
    number = checked_number(nhs_number)
    async with door.enter(system_job(JOB), purpose=TREATMENT) as session:
        patient_id = await patient_with(session, number)
        patient = await session.require_patient(patient_id)
        shelf = StoreShelf(session.tx, patient)
        born = birth_date(await session.read("Patient", patient_id))
        imports = await store.imports(session.tx, patient, patient_id)
        not_shared = await store.classes_not_shared(session.tx, patient)
        found = await pictures.of_shelf(
            shelf,
            patient_id,
            birth_date=born,
            imports=imports,
            not_shared=not_shared,
            thresholds=await thresholds_of(session, patient_id),
        )
        days = tuple([day async for day in every_day(shelf)])
        await session.audit("R", "report-readings", patient=patient, what=f"Patient/{patient_id}")
        return Preview(
            subject=patient_id,
            zone=None,
            born=born,
            now=session.clock(),
            files=tuple(
                FileOutcome(
                    name=made.import_id,
                    adapter=made.adapter,
                    title=None,
                    sha256=made.sha256,
                    state=made.state,
                    read=made.read,
                    stored=made.stored,
                    duplicate=made.duplicate,
                    rejected=made.rejected,
                    reasons=made.reasons,
                    notices=made.notices,
                )
                for _, made in sorted(imports.items())
            ),
            sources=await shelf.sources(),
            days=days,
            results=() if found is None else await asyncio.to_thread(results, found),
            first_day=None if found is None else found.first_day,
            last_day=None if found is None else found.last_day,
            not_shared=not_shared,
        )
