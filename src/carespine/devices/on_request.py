"""Erasing at the patient's request, by the operator on the command line: for patients who do not sign in."""

from __future__ import annotations

from carespine.devices.erasing import erase_by_consent
from carespine.devices.importing import checked_number, patient_with
from carespine.devices.models import Erasure
from carespine.devices.ports import Door
from carespine.security.actor import PATIENT_REQUEST, system_job
from carespine.storage.database import retrying

CLIENT = "carespine devices erase"


async def erase_on_request(door: Door, *, nhs_number: str, consent_id: str) -> Erasure:
    """What `erase_by_consent` does, for the patient with this NHS number; the audit names the command.

    Raises Invalid (no NHS number), NotFound (no such patient or sharing), Forbidden (it is not at an end).
    """
    number = checked_number(nhs_number)

    async def attempt() -> Erasure:
        async with door.enter(system_job(CLIENT), purpose=PATIENT_REQUEST) as session:
            patient_id = await patient_with(session, number)
            return await erase_by_consent(session, patient_id=patient_id, consent_id=consent_id)

    return await retrying(attempt)
