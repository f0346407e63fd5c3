"""WE-02: a thousand readings, a third of them dirty, are told apart."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, WE-02: 1,000 readings, 99 % classified rightly.
_GOOD, _DOUBLE, _IMPOSSIBLE, _SKEWED = 600, 150, 150, 100
_ALLOWED = (_GOOD + _DOUBLE + _IMPOSSIBLE + _SKEWED) // 100
# Heart rates that no living person has, in beats a minute.
_HEART_RATES = (-40, 0, 4, 480, 900, 65_535)


def _impossible(context: Context) -> dict[str, Any]:
    value = {
        "value": context.random.choice(_HEART_RATES),
        "unit": "/min",
        "system": readings.UCUM,
        "code": "/min",
    }
    return readings.reading(context, context.first.patient_id, valueQuantity=value)


def _skewed(context: Context) -> dict[str, Any]:
    """From a device whose clock was reset, or runs days ahead."""
    ahead = context.now() + timedelta(
        days=context.random.randint(2, 4000), seconds=context.random.randrange(86_400)
    )
    reset = f"1970-01-0{context.random.randint(1, 9)}T0{context.random.randint(0, 9)}:00:00+00:00"
    when = context.random.choice([ahead.replace(microsecond=0).isoformat(), reset])
    return readings.reading(context, context.first.patient_id, effective=when)


async def _send(context: Context, tree: dict[str, Any]) -> Answer:
    return await context.fhir("POST", "Observation", identity=context.first, json=tree)


@check(
    "WE-02",
    "dirty-readings",
    title="Doubles, impossible values and wrong clocks are told apart",
    quote="Duplicate, out-of-range, clock-skewed device data handled.",
    expected="Of 1,000 readings at least 99 % are classified rightly: a good one is stored (201); one that "
    "repeats patient, code, time, value and device is not stored again (200 with the first one's id, or "
    "409); an impossible value or a time in the far past or future is refused (4xx with an "
    "OperationOutcome).",
    advice="Judge a reading by range and clock before storing it, and find its double by a unique key in the "
    "database.",
    needs=(one_identity,),
    time_limit_s=120,
)
async def run(context: Context) -> Finding:
    await context.token(context.first)
    good = [readings.reading(context, context.first.patient_id) for _ in range(_GOOD)]
    bad = [_impossible(context) for _ in range(_IMPOSSIBLE)] + [_skewed(context) for _ in range(_SKEWED)]
    mixed = good + bad
    order = context.random.sample(range(len(mixed)), len(mixed))
    sent = await context.together([partial(_send, context, mixed[place]) for place in order])
    answers = dict(zip(order, sent, strict=True))
    chosen = context.random.sample(range(_GOOD), _DOUBLE)
    doubles = await context.together([partial(_send, context, good[place]) for place in chosen])
    faults: list[Fault] = [
        fault("a good reading was not stored", answers[place])
        for place in range(_GOOD)
        if not answers[place].ok
    ]
    faults += [
        fault("an impossible value or time was not refused", answers[place])
        for place in range(_GOOD, len(mixed))
        if not (answers[place].refused and answers[place].issue_codes)
    ]
    faults += [
        fault("a repeated reading was stored again", again)
        for place, again in zip(chosen, doubles, strict=True)
        if again.status != 409 and not (again.ok and again.tree.get("id") == answers[place].tree.get("id"))
    ]
    return context.judge(
        faults, tried=len(mixed) + _DOUBLE, allowed=_ALLOWED, came="dirty readings were told apart"
    )
