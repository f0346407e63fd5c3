"""Who has looked at a patient's record: the audit trail in words that the patient can read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.kernel.errors import Forbidden
from carespine.security.actor import PATIENT_REQUEST
from carespine.security.audit_event import SUCCESS
from carespine.web.pages.directory import Directory
from carespine.web.pages.formats import role
from carespine.web.pages.views import Access, AccessPage, Visitor

if TYPE_CHECKING:
    from carespine.security.door import Door

PAGE_SIZE = 25
# How far back one look at the page goes; a patient's trail grows with every reading of every app.
MOST_EVENTS = 5_000
# What one person did within this time is one line: a page is made of many small reads.
_ONE_VISIT = timedelta(minutes=1)

_PURPOSES = {
    "TREAT": "Direct care",
    "PATRQT": "At your request",
    "HOPERAT": "Running the service",
    "BTG": "Emergency access",
}
_VERBS = {"C": "Added", "U": "Changed", "D": "Deleted", "R": "Looked at", "E": "Looked at"}
_THINGS = {
    "AllergyIntolerance": "allergies",
    "AuditEvent": "list of who has looked",
    "Condition": "conditions",
    "Consent": "choices about sharing",
    "Device": "list of devices",
    "DiagnosticReport": "summary of home readings",
    "Encounter": "appointments and visits",
    "Immunization": "vaccinations",
    "MedicationRequest": "medicines",
    "MedicationStatement": "medicines",
    "Observation": "readings and test results",
    "Patient": "name, address and date of birth",
    "Provenance": "note of where readings came from",
    "Task": "entry in the practice's inbox",
}
# Verbs of a domain that say more than the resource they touch.
_SPECIAL = {
    "emergency-access": ("Opened in an emergency", "whole record"),
    "import-readings": ("Sent", "readings from devices"),
    "read-device-summary": ("Looked at", "summary of home readings"),
}
_PATIENT_ROLE = "patient"


@dataclass(slots=True)
class _Visit:
    """What one person did in one go; `things` keeps the order in which they were met."""

    first: Access
    things: dict[str, None] = field(default_factory=dict)

    def line(self) -> Access:
        return replace(self.first, what=f"{self.first.what}: {'; '.join(self.things)}")


class AccessTrail:
    """Reads the trail of the signed-in patient, and of nobody else."""

    def __init__(self, door: Door, directory: Directory) -> None:
        self._door, self._directory = door, directory

    async def page(self, visitor: Visitor, *, page: int) -> AccessPage:
        """One page of lines, newest first."""
        if visitor.actor is None or visitor.patient_id is None:
            raise Forbidden("Only a patient can see who has looked at their record.")
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
        return replace(line, organisation=await self._directory.name(visitor.actor, line.organisation))


def as_lines(events: Iterable[tuple[datetime, dict[str, Any]]]) -> list[Access]:
    """AuditEvents, newest first, as lines: what one person did in one go is one line, at its latest time."""
    visits: list[_Visit] = []
    open_visits: dict[tuple[object, ...], _Visit] = {}
    for at, event in events:
        start, thing = _read(at, event)
        key = (start.who, start.role, start.organisation, start.what, start.why, start.refused)
        visit = open_visits.get(key)
        if visit is None or visit.first.at - at > _ONE_VISIT:
            visit = open_visits[key] = _Visit(start)
            visits.append(visit)
        visit.things[thing] = None
    return [visit.line() for visit in visits]


def _read(at: datetime, event: dict[str, Any]) -> tuple[Access, str]:
    """The event as a line without its thing, and the thing."""
    person, *others = event["agent"]
    organisation = next((agent["who"]["identifier"]["value"] for agent in others if "who" in agent), "")
    refused = event["outcome"] != SUCCESS
    verb, thing = _SPECIAL.get(event["subtype"][0]["code"]) or (_VERBS[event["action"]], _thing(event))
    purpose = event["purposeOfEvent"][0]["coding"][0]["code"]
    role_name = person["role"][0]["text"]
    line = Access(
        at=at,
        who=f"You ({person['name']})" if role_name == _PATIENT_ROLE else person["name"],
        role="" if role_name == _PATIENT_ROLE else role(role_name),
        organisation=organisation,
        what="Tried to reach" if refused else verb,
        why=_PURPOSES.get(purpose, purpose),
        refused=refused,
    )
    return line, thing


def _thing(event: dict[str, Any]) -> str:
    for entity in event.get("entity", ()):
        what = entity.get("what", {})
        name = what.get("type") or what.get("reference", "").partition("/")[0]
        if name and not (name == "Patient" and entity.get("role")):
            return _THINGS.get(name, f"part of the record ({name})")
    return "record"
