"""Emergency access ("break-glass"): a reason, an hour, an alert to the privacy officer, a line the patient can read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from carespine.kernel.errors import Forbidden, Invalid, NotFound
from carespine.kernel.ids import new_id, patient_key
from carespine.security.actor import EMERGENCY
from carespine.security.audit_event import Event

if TYPE_CHECKING:
    from carespine.security.session import Session

# Ours: long enough for an emergency, short enough not to become a habit.
LIFE = timedelta(minutes=60)
_SHORTEST, _LONGEST = 10, 1_000
_ROLES = frozenset({"general practitioner", "nurse"})


@dataclass(frozen=True, slots=True)
class Access:
    """One emergency access, as the privacy officer reads it."""

    id: str
    name: str
    role: str
    organisation: str | None
    patient_id: str
    reason: str
    started: datetime
    ends: datetime
    seen: datetime | None
    seen_by: str | None


async def begin(session: Session, patient_id: str, reason: str) -> datetime:
    """Give the actor access to a patient for an hour; returns when it ends. On record under both their names.

    Raises Forbidden for anyone but clinical staff in person, Invalid without a reason, NotFound where there is no
    such patient.
    """
    actor, reason = session.actor, reason.strip()
    if actor.kind != "practitioner" or actor.role not in _ROLES or actor.client or not actor.organisation:
        raise Forbidden("Emergency access is for clinical staff in person.")
    if not _SHORTEST <= len(reason) <= _LONGEST or "\x00" in reason:
        raise Invalid(f"Give the reason in {_SHORTEST} to {_LONGEST} characters.")
    key = patient_key(patient_id)
    if not await session.tx.fetchval("select true from patient_index where patient = $1", key):
        raise NotFound(f"There is no Patient/{patient_id}.")
    now = session.clock()
    await session.tx.execute(
        "insert into emergency_access (id, username, patient, reason, started, ends) values ($1, $2, $3, $4, $5, $6)",
        new_id(),
        actor.id,
        key,
        reason,
        now,
        now + LIFE,
    )
    detail = {"reason": reason}
    event = Event(
        actor, EMERGENCY, "E", "emergency-access", patient=key, what=f"Patient/{patient_id}", detail=detail
    )
    session.events.append(event)
    return now + LIFE


async def accesses(session: Session) -> list[Access]:
    """Every emergency access, those nobody has looked at first; raises Forbidden but for a privacy officer."""
    _demand_officer(session)
    rows = await session.tx.fetch(
        "select e.id, a.name, a.role, a.organisation, p.id as patient_id, e.reason, e.started, e.ends, e.seen, "
        "e.seen_by from emergency_access e join account a on a.username = e.username "
        "join patient_index p on p.patient = e.patient order by e.seen is not null, e.started desc limit 500"
    )
    await session.audit("R", "read", what="emergency-access")
    return [Access(**dict(row)) for row in rows]


async def mark_seen(session: Session, access_id: str) -> None:
    """Note that the privacy officer has looked at an access. Raises Forbidden, NotFound."""
    _demand_officer(session)
    done = await session.tx.execute(
        "update emergency_access set seen = coalesce(seen, $2), seen_by = coalesce(seen_by, $3) where id = $1",
        access_id,
        session.clock(),
        session.actor.name,
    )
    if done != "UPDATE 1":
        raise NotFound("There is no such emergency access.")
    await session.audit("U", "review-emergency-access", what=f"emergency-access/{access_id}")


def _demand_officer(session: Session) -> None:
    if session.actor.kind != "officer" or session.actor.role != "privacy officer" or session.actor.client:
        raise Forbidden("Emergency accesses are for the privacy officer to read.")
