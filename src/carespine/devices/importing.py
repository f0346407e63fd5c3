"""Imports a file from the command line: the patient by NHS number, the operator as a named job."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from carespine.devices.adapters.contract import Adapter
from carespine.devices.models import ImportResult
from carespine.devices.ports import Door, Progress
from carespine.devices.service import import_readings
from carespine.kernel import nhs_number as nhs_numbers
from carespine.kernel.errors import Conflict, Invalid, NotFound
from carespine.kernel.events import Announcer
from carespine.kernel.ids import new_id
from carespine.security.actor import TREATMENT, system_job
from carespine.security.session import Session
from carespine.storage.database import retrying

CLIENT = "carespine devices import"


async def import_file(
    door: Door,
    path: Path,
    *,
    nhs_number: str,
    zone: str | None = None,
    further: Sequence[Adapter] = (),
    announcer: Announcer | None = None,
    progress: Progress | None = None,
) -> ImportResult:
    """Import `path` for the patient with this NHS number; a second call counts what is known as duplicate.

    Raises Invalid (no NHS number), NotFound (no such patient or file), and what `import_readings` raises.
    """
    number = checked_number(nhs_number)
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except OSError as error:
        raise NotFound(f"The file {path} cannot be opened.") from error
    key = new_id()

    async def attempt() -> ImportResult:
        async with door.enter(system_job(CLIENT), purpose=TREATMENT) as session:
            return await import_readings(
                session,
                patient_id=await patient_with(session, number),
                file=file,
                client=CLIENT,
                idempotency_key=key,
                name=path.name,
                zone=zone,
                further=further,
                announcer=announcer,
                progress=progress,
            )

    with file:
        return await retrying(attempt)


def checked_number(text: str) -> str:
    """The NHS number without spaces; Invalid where its check digit does not hold."""
    number = nhs_numbers.normalise(text)
    if not nhs_numbers.is_valid(number):
        raise Invalid("That is no NHS number: ten digits, the last of them a check digit.")
    return number


async def patient_with(session: Session, number: str) -> str:
    """The logical id of the one patient with this NHS number; NotFound where there is none, Conflict where there
    are two: nobody but a person can say whose the readings are.
    """
    found = await session.search("Patient", [("identifier", f"{nhs_numbers.SYSTEM}|{number}")])
    if not found.entries:
        raise NotFound("There is no patient with this NHS number.")
    if len(found.entries) > 1:
        names = " and ".join(f"Patient/{entry['id']}" for entry in found.entries[:3])
        raise Conflict(
            f"Several patients have this NHS number ({names}): correct or delete the one that is wrong first."
        )
    return str(found.entries[0]["id"])
