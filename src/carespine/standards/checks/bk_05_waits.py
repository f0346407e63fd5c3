"""BK-05: each booking says how long its patient waited, and the service publishes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from carespine.standards.engine import appointments
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Finding

FEED = "/.well-known/waits.json"
WAIT = "urn:carespine:wait"
_TIMES = ("asked", "offered", "booked")
# Ours: enough bookings to see that the feed counts them.
_BOOKINGS = 3


def _times(tree: dict[str, Any]) -> dict[str, datetime]:
    """The instants that the appointment carries: asked, offered, booked, start."""
    waits = [each for each in tree.get("extension", []) if each.get("url") == WAIT]
    parts = [each for wait in waits for each in wait.get("extension", [])]
    said = {str(each.get("url")): str(each.get("valueDateTime")) for each in parts}
    found: dict[str, datetime] = {}
    for name, text in {**said, "start": str(tree.get("start"))}.items():
        try:
            found[name] = datetime.fromisoformat(text)
        except ValueError:
            continue
    return {name: at for name, at in found.items() if at.tzinfo is not None}


def _wrong(tree: dict[str, Any]) -> str | None:
    times = _times(tree)
    if missing := [name for name in (*_TIMES, "start") if name not in times]:
        return f"an appointment does not say when it was {', '.join(missing)}"
    ordered = [times[name] for name in (*_TIMES, "start")]
    return None if ordered == sorted(ordered) else "the four times of an appointment are not in their order"


async def _counted(context: Context) -> tuple[int, Answer]:
    """How many bookings the feed counts."""
    answer = await context.call("GET", FEED)
    measures = answer.tree.get("measures")
    counts = (
        [each.get("booked") for each in measures if isinstance(each, dict)]
        if isinstance(measures, list)
        else []
    )
    return sum(count for count in counts if isinstance(count, int)), answer


@check(
    "BK-05",
    "waits",
    title="Bookings carry the four times of a wait, and waits are published",
    quote="Wait is recorded with four timestamps and published.",
    expected="Each of 3 appointments carries the extension urn:carespine:wait with asked, offered and booked, in "
    "this order and before start; /.well-known/waits.json counts them by organisation, with a median.",
    advice="Keep the time when the patient first asked with the request, and carry it to the booking.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    before, feed = await _counted(context)
    if not feed.ok or "as_of" not in feed.tree:
        return context.failed(f"{FEED} does not answer with as_of and measures", feed)
    slots = context.random.sample(await appointments.free_slots(context, context.first), _BOOKINGS)
    booked = [await appointments.book(context, context.first, slot["id"]) for slot in slots]
    faults = [fault(text, each) for each in booked if (text := _wrong(each.tree))]
    after, feed = await _counted(context)
    if after != before + _BOOKINGS:
        faults.append(fault(f"the feed counts {after} after {_BOOKINGS} bookings, {before} before", feed))
    elif any(not isinstance(each.get("median_days"), int | float) for each in feed.tree["measures"]):
        faults.append(fault("the feed gives no median_days for an organisation", feed))
    for each in booked:
        if each.ok:
            await appointments.cancel(context, context.first, each)
    return context.judge(faults, tried=_BOOKINGS + 2, came="four times each, and the feed counts them")
