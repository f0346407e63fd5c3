"""BK-02: a hundred clients for one slot, and one of them gets it."""

from __future__ import annotations

from functools import partial

from carespine.standards.engine import appointments
from carespine.standards.engine.check import check, two_identities
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, BK-02: 100 clients for 1 slot.
_CLIENTS = 100


@check(
    "BK-02",
    "one-slot",
    title="Of a hundred who want one slot, one gets it",
    quote="Double booking impossible.",
    expected="100 bookings of one slot by two clients, sent at once: one is answered 201, 99 are answered 409 with "
    "an OperationOutcome, one appointment exists, and the slot is not offered any more.",
    advice="Take the slot with one statement that can succeed once (a unique key), in the transaction that "
    "makes the appointment.",
    needs=(two_identities,),
)
async def run(context: Context) -> Finding:
    slot = str(context.random.choice(await appointments.free_slots(context, context.first))["id"])
    who = [context.first, context.second]
    for identity in who:
        await context.token(identity)
    askers = [who[n % 2] for n in range(_CLIENTS)]
    answers = await context.together([partial(appointments.book, context, each, slot) for each in askers])
    won = [(each, answer) for each, answer in zip(askers, answers, strict=True) if answer.ok]
    faults: list[Fault] = []
    if len(won) != 1:
        faults.append(fault(f"{len(won)} of {_CLIENTS} bookings of one slot succeeded", answers[-1]))
    lost = [answer for answer in answers if not answer.ok]
    faults += [
        fault("a booking that came too late was not answered 409", each)
        for each in lost
        if each.status != 409
    ]
    faults += [
        fault("the refusal is not a coded OperationOutcome", each) for each in lost if not each.issue_codes
    ]
    after = await appointments.search(context, context.first)
    if any(each.get("id") == slot for each in appointments.slots(after)):
        faults.append(fault("the slot that was booked is still offered", after))
    for identity, answer in won:
        await appointments.cancel(context, identity, answer)
    return context.judge(
        faults, tried=_CLIENTS + 1, came=f"one of {_CLIENTS} got the slot, all others were told"
    )
