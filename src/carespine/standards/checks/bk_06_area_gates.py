"""BK-06: no slot for an area that is not assured, and not one registration above the cap."""

from __future__ import annotations

from functools import partial

from carespine.standards.engine import appointments, episodes
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.config import Gates, Identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# Ours: how many more ask at once than the cap allows.
_MORE = 5


async def _area(context: Context, outside: Identity) -> list[Fault]:
    """What is wrong with what somebody from an area without accepted evidence is shown and given."""
    faults: list[Fault] = []
    inside = await appointments.free_slots(context, context.first)
    found = await appointments.search(context, outside)
    if appointments.slots(found):
        faults.append(fault("slots were shown to somebody of an area without accepted evidence", found))
    slot = str(context.random.choice(inside)["id"])
    booked = await appointments.book(context, outside, slot)
    if booked.ok:
        faults.append(fault("somebody of an area without accepted evidence was given a booking", booked))
        await appointments.cancel(context, outside, booked)
    return faults


async def _cap(context: Context, gates: Gates, registrar: Identity) -> list[Fault]:
    """What is wrong when more register at once than the site may take. Ends what it registered."""
    people = [await episodes.newcomer(context, registrar) for _ in range(gates.cap + _MORE)]
    asks = [partial(episodes.register, context, registrar, who, gates.capped_site) for who in people]
    answers: list[Answer] = await context.together(asks)
    taken = [each for each in answers if each.ok]
    faults = [
        fault("a registration above the cap was not refused with a coded error", each)
        for each in answers
        if not each.ok and not (each.refused and each.issue_codes)
    ]
    if len(taken) != gates.cap:
        faults.append(
            fault(f"{len(taken)} registered at a site whose cap leaves {gates.cap} places", answers[-1])
        )
    for each in taken:
        await episodes.change(context, registrar, each.tree, status="finished")
    return faults


@check(
    "BK-06",
    "area-gates",
    title="The service opens area by area, up to its cap",
    quote="Virtual service gated per area (G1-G10).",
    expected="Somebody of an area without accepted evidence is shown no slot and given none; of a crowd that "
    "registers at once at a site with a cap, exactly as many are taken as the cap leaves places.",
    advice="Ask the gate in the query that finds slots and again where the booking is made; count and register "
    "in one transaction that locks the site.",
    needs=(one_identity, configured("gates"), configured("registrar")),
)
async def run(context: Context) -> Finding:
    gates = context.config.gates
    assert gates is not None  # noqa: S101 - `needs` has seen to it
    outside = context.config.identity(gates.outside) or context.first
    registrar = context.config.identity(context.config.registrar or "") or context.first
    faults = await _area(context, outside) + await _cap(context, gates, registrar)
    return context.judge(faults, tried=3 + gates.cap + _MORE, came="the gate is shut, and the cap holds")
