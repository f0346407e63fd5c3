"""The verbs of a clinician about one patient's readings: order, end an order, set a target, take one back."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carespine.devices import codes, orders, publish, store
from carespine.devices.orders import KINDS, MOST_A_DAY, MOST_DAYS, Order, Progress
from carespine.devices.pressures import pair
from carespine.devices.samples import DAY_MS, MINUTE_MS, Samples
from carespine.devices.service import JOB
from carespine.devices.thresholds import SETTINGS, Threshold, goal, goal_id
from carespine.devices.words import signed
from carespine.devices.zones import in_force
from carespine.kernel.clock import london_date
from carespine.kernel.errors import Forbidden, Gone, Invalid, NotFound
from carespine.security import roles
from carespine.security.actor import system_job
from carespine.security.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

LONGEST_NOTE = 300
_ON_THE_LIST = 50


async def place_order(
    session: Session, *, patient_id: str, kind: str, times_a_day: int, days: int, note: str | None = None
) -> Order:
    """Ask the patient to measure from today on. Raises Invalid, Forbidden, NotFound."""
    patient = await _may(session, patient_id, "ServiceRequest")
    if kind not in KINDS:
        raise Invalid(f"There is nothing called {kind!r} to order: {', '.join(KINDS)}.")
    if not (1 <= times_a_day <= MOST_A_DAY and 1 <= days <= MOST_DAYS):
        raise Invalid(f"An order is for 1 to {MOST_A_DAY} times a day, on 1 to {MOST_DAYS} days.")
    if note and len(note) > LONGEST_NOTE:
        raise Invalid(f"A note has at most {LONGEST_NOTE} characters.")
    now = session.clock()
    first = london_date(now)
    wished = Order(
        "", KINDS[kind], times_a_day, first, orders.until(first, days), signed(session.actor), note or None
    )
    made = await session.create(
        orders.tree(wished, patient_id, by_reference=session.actor.reference, now=now)
    )
    await session.audit(
        "C", "order-readings", patient=patient, what=f"ServiceRequest/{made['id']}", detail={"kind": kind}
    )
    placed = orders.of_tree(made)
    if placed is None:
        raise RuntimeError("an order that was just written cannot be read")
    return placed


async def end_order(session: Session, *, patient_id: str, order_id: str) -> None:
    """End an order: completed on its last day or later, revoked before. Raises NotFound, Forbidden."""
    await _may(session, patient_id, "ServiceRequest")
    found = await session.read("ServiceRequest", order_id)
    order = orders.of_tree(found)
    if order is None or found["subject"]["reference"] != f"Patient/{patient_id}":
        raise NotFound("There is no such order.")
    if found["status"] != "active":
        return
    over = london_date(session.clock()) >= order.last
    found["status"] = "completed" if over else "revoked"
    await session.update(found, if_match=int(found["meta"]["versionId"]))


async def orders_of(session: Session, *, patient_id: str) -> tuple[Progress, ...]:
    """The active orders of a patient with how far they are, the newest first."""
    patient = await session.require_patient(patient_id)
    category = f"{codes.SELF_MEASUREMENT.system}|{codes.SELF_MEASUREMENT.code}"
    asked = [
        ("patient", patient_id),
        ("status", "active"),
        ("category", category),
        ("_count", str(_ON_THE_LIST)),
    ]
    found = [orders.of_tree(tree) for tree in (await session.search("ServiceRequest", asked)).entries]
    ours = sorted(
        (one for one in found if one is not None), key=lambda one: (one.first, one.order_id), reverse=True
    )
    return tuple([await _progress(session, patient, order) for order in ours])


async def _progress(session: Session, patient: int, order: Order) -> Progress:
    """How far an order is by what the readings say, whichever device brought them."""
    first_ms, last_ms = _ms(order.first) - DAY_MS, _ms(order.last) + 2 * DAY_MS
    stored = await store.window(session.tx, patient, order.kind.metrics, first_ms=first_ms, last_ms=last_ms)
    readings = in_force(stored)
    today = london_date(session.clock())
    if order.kind.key == orders.PRESSURE:
        pressures, _ = pair(readings, await store.sources(session.tx, patient))
        return orders.of_pressures(order, [one.on_the_wall() for one in pressures], today=today)
    moments = [
        at for by_source in readings.values() for samples in by_source.values() for at in _walls(samples)
    ]
    return orders.of_moments(order, moments, today=today)


def _walls(samples: Samples) -> Iterator[datetime]:
    for start, offset in zip(samples.start_ms.tolist(), samples.offset_min.tolist(), strict=True):
        yield (datetime.fromtimestamp((start + offset * MINUTE_MS) / 1000, UTC)).replace(tzinfo=None)


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


async def set_threshold(session: Session, *, patient_id: str, key: str, value: float) -> Threshold:
    """Set a target for this patient, and work the summary out anew with it. Raises Invalid, Forbidden, NotFound."""
    patient = await _may(session, patient_id, "Goal")
    setting = SETTINGS.get(key)
    if setting is None:
        raise Invalid(f"There is no target called {key!r}: {', '.join(SETTINGS)}.")
    if not (math.isfinite(value) and setting.least <= value <= setting.most):
        raise Invalid(f"{setting.label}: from {setting.least:g} to {setting.most:g} {setting.unit.text}.")
    now = session.clock()
    wished = Threshold(setting, value, signed(session.actor), london_date(now))
    made = goal(patient_id, wished, reference_by=session.actor.reference, now=now)
    await session.update(made)
    await _follow(session, patient, patient_id)
    return wished


async def clear_threshold(session: Session, *, patient_id: str, key: str) -> None:
    """Go back to the guideline's target; what was set stays in the history. Raises Forbidden, NotFound."""
    patient = await _may(session, patient_id, "Goal")
    try:
        found = await session.read("Goal", goal_id(patient_id, key))
    except (NotFound, Gone) as error:
        raise NotFound("No such target was set for this patient.") from error
    if found["lifecycleStatus"] != "active":
        return
    found["lifecycleStatus"] = "cancelled"
    await session.update(found, if_match=int(found["meta"]["versionId"]))
    await _follow(session, patient, patient_id)


async def _follow(session: Session, patient: int, patient_id: str) -> None:
    """The record's summary states the new target at once."""
    writer = Session(session.tx, system_job(JOB), session.purpose, session.clock)
    await publish.publish_summary(writer, patient, patient_id, None, now=session.clock())
    session.events.extend(writer.events)


def demand_clinician(session: Session, resource_type: str) -> None:
    """Raises Forbidden unless the actor is a clinician who may write this type."""
    if session.actor.kind != "practitioner" or not roles.allows(session.actor, resource_type, "c"):
        raise Forbidden("Only a clinician decides what a patient measures and which targets hold.")


async def _may(session: Session, patient_id: str, resource_type: str) -> int:
    """The patient's key, where the actor is a clinician who may write this."""
    demand_clinician(session, resource_type)
    return await session.require_patient(patient_id)
