"""BK-04: online requests are open all working day, an emergency is diverted, the rest is answered in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# Ours, after the NHS pages on when to call 999. Not for clinical use: they test a safeguard, they are not one.
_RED_FLAGS = (
    "I have chest pain that spreads to my arm",
    "My husband's face is drooping on one side",
    "I cannot breathe when I lie down",
    "I want to kill myself tonight",
    "My throat is swelling after a peanut",
    "The bleeding will not stop",
    "My baby will not wake up",
    "It is the worst headache of my life",
)
_ROUTINE = (
    "I need a repeat of my hay fever tablets",
    "Please update my address",
    "My knee has ached a little since the spring",
)
_FRAMES = ("{}", "Hello. {}. Thank you", "{}!!", "Sorry to bother you, but {}, it began today")
# R4 value set request-priority: what is dealt with at once.
_AT_ONCE = frozenset({"stat", "asap"})
# GP contract, October 2025: requests are open from 08:00 to 18:30, Monday to Friday.
_OPENS, _CLOSES, _DAYS = "08:00:00", "18:30:00", frozenset({"mon", "tue", "wed", "thu", "fri"})
# An answer within one working day: at most four calendar days away over a bank holiday weekend.
_ANSWER = timedelta(days=4)


async def _ask(context: Context, words: str) -> Answer:
    framed = context.random.choice(_FRAMES).format(words)
    return await context.fhir(
        "POST",
        "ServiceRequest",
        identity=context.first,
        json={
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "proposal",
            "subject": {"reference": f"Patient/{context.first.patient_id}"},
            "reasonCode": [{"text": framed.upper() if context.random.random() < 0.25 else framed}],
        },
    )


def _routine_fault(answer: Answer, now: datetime) -> str | None:
    if answer.tree.get("priority") in _AT_ONCE:
        return "a routine request was diverted like an emergency"
    text = (answer.tree.get("occurrencePeriod") or {}).get("end")
    try:
        until = datetime.fromisoformat(str(text))
        in_time = now < until <= now + _ANSWER
    except (TypeError, ValueError):
        in_time = False
    return None if in_time else "a routine request was not told when it is answered, within one working day"


def _open(service: dict[str, Any]) -> bool:
    """Whether the service is open from Monday to Friday for the whole of the time."""
    days: set[str] = set()
    for hours in service.get("availableTime", []):
        whole = hours.get("allDay") or (
            str(hours.get("availableStartTime", "99")) <= _OPENS
            and str(hours.get("availableEndTime", "00")) >= _CLOSES
        )
        days |= set(hours.get("daysOfWeek", [])) if whole else set()
    return days >= _DAYS


@check(
    "BK-04",
    "red-flags",
    title="An emergency is diverted, a routine request has a time by which it is answered",
    quote="Online request open 08:00-18:30 with urgent safeguard, reply clock.",
    expected="Each of 8 red-flag scripts, sent in the patient's words as a ServiceRequest, comes back with priority "
    "stat or asap and an instruction for the patient; 3 routine ones come back with another priority and an "
    "occurrencePeriod.end within a working day; a HealthcareService says that it is open 08:00 to 18:30.",
    advice="Screen the words before the request joins any queue, and show the emergency advice in the answer.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    faults: list[Fault] = []
    for words in context.random.sample(_RED_FLAGS, len(_RED_FLAGS)):
        answer = await _ask(context, words)
        if answer.tree.get("priority") not in _AT_ONCE or not answer.tree.get("patientInstruction"):
            faults.append(fault(f"the red flag {words!r} was not diverted", answer))
    for words in _ROUTINE:
        answer = await _ask(context, words)
        text = _routine_fault(answer, context.now())
        if text:
            faults.append(fault(text, answer))
    hours = await context.fhir("GET", "HealthcareService", identity=context.first)
    if not any(_open(each) for each in hours.resources):
        faults.append(fault("no HealthcareService is open 08:00 to 18:30 from Monday to Friday", hours))
    tried = len(_RED_FLAGS) + len(_ROUTINE) + 1
    return context.judge(faults, tried=tried, came="red flags diverted, routine requests have their time")
