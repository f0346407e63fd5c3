"""BK-01: slots of every organisation, fourteen days, and only what the provider has released."""

from __future__ import annotations

from typing import Any

from carespine.standards.engine import appointments
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding


def _organisations(answer: Answer) -> set[str]:
    """The ODS codes of the organisations whose schedules the found slots belong to."""
    schedules = {
        f"Schedule/{each.get('id')}": _codes(each)
        for each in answer.resources
        if each.get("resourceType") == "Schedule"
    }
    named = [str((each.get("schedule") or {}).get("reference")) for each in appointments.slots(answer)]
    return {code for name in named for code in schedules.get(name, set())}


def _codes(schedule: dict[str, Any]) -> set[str]:
    return {str((actor.get("identifier") or {}).get("value")) for actor in schedule.get("actor", [])}


@check(
    "BK-01",
    "slots",
    title="Slots of all organisations are found, unreleased ones are not",
    quote="Slots are searchable cross-organisation, window <= 14 days, provider decides release.",
    expected="One search finds slots of every organisation of the sandbox; a search over more than 14 days is "
    "refused; a slot that is not released is neither found nor booked.",
    advice="Judge the window before you search, and filter by release in the query that searches and in the one "
    "that books.",
    needs=(one_identity, configured("booking")),
)
async def run(context: Context) -> Finding:
    told = context.config.booking
    assert told is not None  # noqa: S101 - `needs` has seen to it
    found = await appointments.search(context, context.first)
    faults: list[Fault] = []
    if missing := set(told.organisations) - _organisations(found):
        faults.append(fault(f"no slot of {', '.join(sorted(missing))} was found", found))
    if any(each.get("id") == told.unreleased_slot for each in appointments.slots(found)):
        faults.append(fault("a slot that is not released was shown", found))
    days = context.random.randint(appointments.WINDOW_DAYS + 1, 60)
    wide = await appointments.search(context, context.first, days=days)
    if not wide.refused or not wide.issue_codes:
        faults.append(fault(f"a search over {days} days was not refused with a coded error", wide))
    booked = await appointments.book(context, context.first, told.unreleased_slot)
    if booked.ok:
        faults.append(fault("a slot that is not released was booked", booked))
        await appointments.cancel(context, context.first, booked)
    return context.judge(faults, tried=4, came="all organisations' slots, 14 days, released ones only")
