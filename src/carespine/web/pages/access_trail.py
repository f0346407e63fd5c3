"""Who has looked at a patient's record: the audit trail in words that the patient can read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.security.actor import PATIENT_REQUEST
from carespine.security.audit_event import SUCCESS
from carespine.web.pages.directory import Directory
from carespine.web.pages.views import Access, AccessPage, Visitor

if TYPE_CHECKING:
    from carespine.security.door import Door

PAGE_SIZE = 25
# How far back one look at the page goes; a patient's trail grows with every reading of every app.
MOST_EVENTS = 5_000
# Things one person did of one kind within this time are one line: a page is made of many small reads.
_SAME_VISIT = timedelta(minutes=30)

_PURPOSES = {
    "TREAT": "Direct care",
    "PATRQT": "At the patient's request",
    "HOPERAT": "Running the service",
    "BTG": "Emergency access",
}
_THINGS = {
    "Patient": "name, date of birth and address",
    "Observation": "readings and test results",
    "DiagnosticReport": "summary of home readings",
    "Condition": "conditions",
    "MedicationRequest": "medicines",
    "MedicationStatement": "medicines",
    "Encounter": "appointments and visits",
    "Task": "practice inbox entry",
    "Consent": "choices about sharing",
    "AuditEvent": "list of who has looked",
    "AllergyIntolerance": "allergies",
    "Immunization": "vaccinations",
}
_VERBS = {"C": "Added", "U": "Changed", "D": "Deleted", "R": "Looked at", "E": "Looked at"}
_SUBTYPES = {
    "import-readings": "Sent readings",
    "summarise": "Worked out the summary of home readings",
    "review-summary": "Reviewed the summary of home readings",
    "require-patient": "Asked for the record",
    "token": "Asked for access",
}


class AccessTrail:
    """Reads the trail of the signed-in patient, and of nobody else."""

    def __init__(self, door: Door, directory: Directory) -> None:
        self._door, self._directory = door, directory

    async def page(self, visitor: Visitor, *, page: int) -> AccessPage:
        """One page of lines, newest first."""
        if visitor.actor is None or visitor.patient_id is None:
            return AccessPage((), 0)
        async with self._door.glance(visitor.actor, purpose=PATIENT_REQUEST) as session:
            key = await session.require_patient(visitor.patient_id)
            rows = await session.tx.fetch(
                "select recorded, body from audit_event where patient = $1 order by seq desc limit $2",
                key,
                MOST_EVENTS,
            )
            await session.audit("R", "read", patient=key, what="AuditEvent")
        lines = as_lines((row["recorded"], msgspec.json.decode(row["body"])) for row in rows)
        shown = lines[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        named = [await self._with_organisation(visitor, line) for line in shown]
        return AccessPage(tuple(named), len(lines), page, max(1, -(-len(lines) // PAGE_SIZE)))

    async def _with_organisation(self, visitor: Visitor, line: Access) -> Access:
        if visitor.actor is None or not line.organisation:
            return line
        return msgspec.structs.replace(line) if False else _renamed(
            line, await self._directory.name(visitor.actor, line.organisation)
        )


def as_lines(events: Iterable[tuple[datetime, dict[str, Any]]]) -> list[Access]:
    """AuditEvents, newest first, as lines; the small reads of one visit are one line, at their latest time."""
    lines: list[Access] = []
    for _, group in groupby((_line(at, event) for at, event in events), key=_kind):
        for line in group:
            if lines and _kind(lines[-1]) == _kind(line) and lines[-1].at - line.at < _SAME_VISIT:
                continue
            lines.append(line)
    return lines
