"""The targets set for a patient, read through the door as whoever asks, or as the platform where they may not."""

from __future__ import annotations

from carespine.devices import codes
from carespine.devices.thresholds import Thresholds, of_goals
from carespine.security import roles
from carespine.security.actor import system_job
from carespine.security.session import Session

# How the platform names itself in the trail where an app's summary needs the targets.
JOB = "device-targets"


async def thresholds_of(session: Session, patient_id: str) -> Thresholds:
    """The targets in force; the patient was found within reach before."""
    reader = session
    if not roles.allows(session.actor, "Goal", "s"):
        reader = Session(session.tx, system_job(JOB), session.purpose, session.clock)
    asked = [
        ("patient", patient_id),
        ("lifecycle-status", "active"),
        ("category", f"{codes.LOCAL_THRESHOLD}|"),
    ]
    found = await reader.search("Goal", [*asked, ("_count", "50")])
    if reader is not session:
        session.events.extend(reader.events)
    return of_goals(found.entries)
