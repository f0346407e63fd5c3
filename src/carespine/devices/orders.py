"""Standing orders: what the practice asks a patient to measure, how often, until when; and how far they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from carespine.devices import codes
from carespine.devices.metrics import metric
from carespine.devices.models import Coding
from carespine.devices.quantities import Tree, concept, reference
from carespine.devices.rules import blood_pressure
from carespine.devices.rules.blood_pressure import BloodPressure
from carespine.devices.words import counted
from carespine.kernel.clock import fhir_instant

# Ours: a longer order is written again, so that somebody thinks about it.
MOST_DAYS, MOST_A_DAY = 90, 8


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that can be ordered. `times_a_day` and `days` are what a form offers; `source` says why.

    `result` is the section of the summary that the readings lead to.
    """

    key: str
    title: str
    instruction: str
    metrics: tuple[str, ...]
    code: Coding
    times_a_day: int
    days: int
    source: str
    result: str


def _first_code(key: str) -> Coding:
    found = metric(key).reading_codes()
    return found[0]


PRESSURE = "home-blood-pressure"
KINDS: Mapping[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind(PRESSURE, "Blood pressure", "Sit and rest for five minutes. Take two readings at least one minute apart, "
             "in the morning and in the evening.", ("blood-pressure-systolic", "blood-pressure-diastolic"),
             codes.BP_PANEL, 2, blood_pressure.DAYS_IDEAL, blood_pressure.RULE, "home-blood-pressure"),
        Kind("oxygen-saturation", "Blood oxygen", "Measure on a warm hand without nail varnish, sitting still.",
             ("oxygen-saturation",), _first_code("oxygen-saturation"), 3, 14,
             "NHS England, pulse oximetry at home: three readings a day", "home-oximetry"),
        Kind("peak-flow", "Peak flow", "Blow three times, standing, and keep the best.", ("peak-flow",),
             _first_code("peak-flow"), 2, 14, "NICE NG245: twice a day for two weeks", "peak-flow"),
        Kind("glucose-meter", "Finger-prick glucose", "Wash your hands first. Measure before meals and at bedtime.",
             ("glucose-meter",), _first_code("glucose-meter"), 4, 7, "Carespine, to be confirmed", "glucose-meter"),
        Kind("weight", "Weight", "Weigh yourself in the morning, after the toilet and before breakfast.", ("weight",),
             _first_code("weight"), 1, 28, "Carespine, to be confirmed", "weight"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """One order. It holds from `first` to `last`, both included; `by` says who placed it."""

    order_id: str
    kind: Kind
    times_a_day: int
    first: date
    last: date
    by: str
    note: str | None = None

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


Standing = Literal["to come", "going on", "done", "ended"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an order is: days done of the days ordered, and what to do next in a sentence to the patient."""

    order: Order
    standing: Standing
    days_done: int
    sentence: str


def tree(order: Order, patient_id: str, *, by_reference: str | None, now: datetime) -> Tree:
    """The order as an active ServiceRequest whose performer is the patient."""
    kind = order.kind
    by: Tree = {"display": order.by, **({"reference": by_reference} if by_reference else {})}
    made: Tree = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "category": [concept("Measuring at home", codes.SELF_MEASUREMENT)],
        "code": concept(kind.title, kind.code, Coding(codes.LOCAL_ORDER, kind.key, kind.title)),
        "subject": reference("Patient", patient_id),
        "occurrenceTiming": {
            "repeat": {
                "boundsPeriod": {"start": order.first.isoformat(), "end": order.last.isoformat()},
                "frequency": order.times_a_day,
                "period": 1,
                "periodUnit": "d",
            }
        },
        "authoredOn": fhir_instant(now),
        "requester": by,
        "performer": [reference("Patient", patient_id)],
        "patientInstruction": kind.instruction,
    }
    return {**made, "note": [{"text": order.note}]} if order.note else made


def of_tree(request: Tree) -> Order | None:
    """The order in a ServiceRequest; None where it is none of ours, or its timing is not as we write it."""
    kind = next(
        (KINDS[found["code"]] for found in request.get("code", {}).get("coding", ())
         if found.get("system") == codes.LOCAL_ORDER and found.get("code") in KINDS),
        None,
    )  # fmt: skip
    repeat = request.get("occurrenceTiming", {}).get("repeat", {})
    bounds = repeat.get("boundsPeriod", {})
    if kind is None or not {"start", "end"} <= bounds.keys() or repeat.get("periodUnit") != "d":
        return None
    return Order(
        request["id"],
        kind,
        int(repeat.get("frequency", kind.times_a_day)),
        date.fromisoformat(bounds["start"][:10]),
        date.fromisoformat(bounds["end"][:10]),
        request.get("requester", {}).get("display", "your practice"),
        next((note["text"] for note in request.get("note", ())), None),
    )


def of_pressures(order: Order, readings: Sequence[BloodPressure], *, today: date) -> Progress:
    """Of blood pressure the days count as the guideline counts them, the first one included."""
    inside = [one for one in readings if order.first <= one.at.date() <= order.last]
    decided = blood_pressure.home_average(inside, age=None)
    by_day = {
        day: [one for one in inside if one.at.date() == day] for day in {one.at.date() for one in inside}
    }
    complete = sum(blood_pressure.is_complete_day(of_day) for of_day in by_day.values())
    if isinstance(decided, blood_pressure.NotEnough):
        return _progress(order, complete, " ".join(decided.sentences), today=today)
    sentence = "There are enough readings for an average."
    if complete < order.days:
        sentence += f" Go on for {counted(order.days - complete, 'more day')} if you can."
    return _progress(order, complete, sentence, today=today)


def of_moments(order: Order, moments: Iterable[datetime], *, today: date) -> Progress:
    """A day counts when there are as many readings, at moments of their own, as were ordered."""
    a_day: dict[date, set[datetime]] = {}
    for moment in moments:
        if order.first <= moment.date() <= order.last:
            a_day.setdefault(moment.date(), set()).add(moment.replace(second=0, microsecond=0))
    done = sum(len(times) >= order.times_a_day for times in a_day.values())
    times = "once a day" if order.times_a_day == 1 else f"{order.times_a_day} times a day"
    left = order.days - done
    return _progress(order, done, f"Measure {times} on {counted(left, 'more day')}.", today=today)


def _progress(order: Order, done: int, sentence: str, *, today: date) -> Progress:
    if done >= order.days:
        return Progress(order, "done", done, "You have done everything that was asked. Thank you.")
    if today < order.first:
        return Progress(order, "to come", done, f"Begin on {order.first.day} {order.first:%B}.")
    if today > order.last:
        return Progress(order, "ended", done, f"Ended with {done} of {counted(order.days, 'day')} done.")
    return Progress(order, "going on", done, sentence)


def until(first: date, days: int) -> date:
    """The last day of an order of so many days."""
    return first + timedelta(days=days - 1)
