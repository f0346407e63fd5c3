"""What the checks of booking share: finding slots, booking, cancelling, as docs/service-contract.md describes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from carespine.kernel.clock import fhir_instant
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.config import Identity
from carespine.standards.engine.context import Context

# GP Connect Appointment Management: slots are searched for 14 days at most.
WINDOW_DAYS = 14


async def search(context: Context, identity: Identity, *, days: int = WINDOW_DAYS) -> Answer:
    """The answer to a search for slots in the coming `days` days."""
    first = context.now().replace(microsecond=0)
    params = [
        ("start", f"ge{fhir_instant(first)}"),
        ("start", f"le{fhir_instant(first + timedelta(days=days))}"),
        ("status", "free"),
        ("_include", "Slot:schedule"),
    ]
    return await context.fhir("GET", "Slot", identity=identity, params=params)


async def free_slots(context: Context, identity: Identity) -> list[dict[str, Any]]:
    """The free slots of the coming days, in the order of their ids. Ends the check where there are none."""
    answer = await search(context, identity)
    found = sorted(slots(answer), key=lambda each: str(each.get("id")))
    if not found:
        context.end(f"no free slot was found in the coming {WINDOW_DAYS} days: {answer}", answer)
    return found


def slots(answer: Answer) -> list[dict[str, Any]]:
    """The Slots in an answer."""
    return [each for each in answer.resources if each.get("resourceType") == "Slot"]


def appointment(patient_id: str, slot: str | None, *, asked: datetime, **over: Any) -> dict[str, Any]:
    """An Appointment of this patient, asked for at that instant; without a slot a place on the waiting list."""
    tree: dict[str, Any] = {
        "resourceType": "Appointment",
        "status": "booked" if slot else "waitlist",
        "created": fhir_instant(asked),
        "description": "Review",
        "participant": [{"actor": {"reference": f"Patient/{patient_id}"}, "status": "accepted"}],
    }
    if slot:
        tree["slot"] = [{"reference": f"Slot/{slot}"}]
    return {**tree, **over}


async def book(context: Context, identity: Identity, slot: str | None) -> Answer:
    """Book the slot for the identity's patient, who asked a day ago."""
    tree = appointment(identity.patient_id, slot, asked=context.now() - timedelta(days=1))
    return await context.fhir("POST", "Appointment", identity=identity, json=tree)


async def change(context: Context, identity: Identity, old: dict[str, Any], **over: Any) -> Answer:
    """Change the appointment, naming the version that is changed."""
    version = str((old.get("meta") or {}).get("versionId", "1"))
    return await context.fhir(
        "PUT",
        f"Appointment/{old['id']}",
        identity=identity,
        headers={"if-match": f'W/"{version}"'},
        json={**old, **over},
    )


async def cancel(context: Context, identity: Identity, booked: Answer) -> Answer:
    """Cancel what `booked` answered, as it stands now."""
    now = await context.fhir("GET", f"Appointment/{booked.tree.get('id')}", identity=identity)
    return await change(context, identity, now.tree, status="cancelled") if now.ok else now
