"""BK-03: book, see, move, cancel; what becomes free is offered again, first to those who wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from carespine.standards.engine import appointments
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured, two_identities
from carespine.standards.engine.config import Identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding


async def _soon(context: Context, holds: Callable[[], Awaitable[bool]]) -> bool:
    told = context.config.booking
    return await context.within(told.patience_seconds if told else 0, holds)


async def _is_free(context: Context, slot: str) -> bool:
    found = appointments.slots(await appointments.search(context, context.first))
    return any(each.get("id") == slot for each in found)


async def _offered(context: Context, who: Identity, waiting: str, slot: str) -> bool:
    answer = await context.fhir("GET", f"Appointment/{waiting}", identity=who)
    return answer.tree.get("status") == "proposed" and _slots_of(answer.tree) == [slot]


def _slots_of(tree: dict[str, Any]) -> list[str]:
    return [str(each.get("reference")).rpartition("/")[2] for each in tree.get("slot", [])]


async def _seen(context: Context) -> Answer:
    own = [("patient", context.first.patient_id)]
    return await context.fhir("GET", "Appointment", identity=context.first, params=own)


@check(
    "BK-03",
    "freed-slot",
    title="Appointments can be booked, seen, moved and cancelled, and freed slots are offered again",
    quote="Patient can book, move, cancel, see; freed slot re-offered.",
    expected="An appointment is booked, found by its patient, moved to another slot and cancelled; each slot that "
    "becomes free is found again within the service's time (60 seconds at most), and one is offered "
    "(Appointment.status proposed) to a patient on the waiting list.",
    advice="Free the slot in the transaction that cancels or moves, and look at the waiting list there.",
    needs=(two_identities, configured("booking")),
    time_limit_s=120,
)
async def run(context: Context) -> Finding:
    first, second = context.random.sample(await appointments.free_slots(context, context.first), 2)
    booked = await appointments.book(context, context.first, first["id"])
    if not booked.ok:
        return context.failed(f"a free slot was not booked: {booked}", booked)
    faults: list[Fault] = []
    seen = await _seen(context)
    if booked.tree.get("id") not in {each.get("id") for each in seen.resources}:
        faults.append(fault("the patient does not find the appointment", seen))
    slot = [{"reference": f"Slot/{second['id']}"}]
    moved = await appointments.change(context, context.first, booked.tree, slot=slot)
    if not moved.ok or _slots_of(moved.tree) != [second["id"]]:
        faults.append(fault("the appointment was not moved", moved))
    elif not await _soon(context, lambda: _is_free(context, first["id"])):
        faults.append(fault("the slot that was left is not offered again", moved))
    faults += await _given_up(context, booked, second["id"])
    return context.judge(faults, tried=6, came="booked, seen, moved, cancelled; freed slots came back")


async def _given_up(context: Context, booked: Answer, slot: str) -> list[Fault]:
    """What is wrong when the appointment is cancelled while somebody waits, and again when nobody does."""
    waiting = await appointments.book(context, context.second, None)
    if not waiting.ok:
        return [fault("a patient was not put on the waiting list", waiting)]
    cancelled = await appointments.cancel(context, context.first, booked)
    faults: list[Fault] = []
    if cancelled.tree.get("status") != "cancelled":
        faults.append(fault("the appointment was not cancelled", cancelled))
    name = str(waiting.tree.get("id"))
    if not await _soon(context, lambda: _offered(context, context.second, name, slot)):
        faults.append(fault("nobody on the waiting list was offered the freed slot", cancelled))
    given_up = await appointments.cancel(context, context.second, waiting)
    if given_up.tree.get("status") != "cancelled":
        faults.append(fault("a place on the waiting list was not given up", given_up))
    if not await _soon(context, lambda: _is_free(context, slot)):
        faults.append(fault("the slot of the cancelled appointment is not offered again", cancelled))
    return faults
