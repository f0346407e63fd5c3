"""AU-04: a patient who said no is read by nobody; an emergency needs a reason, and is told."""

from __future__ import annotations

from typing import Any

from carespine.kernel.nhs_number import SYSTEM
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.config import Identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, AU-04: an alert within 60 seconds.
_ALERT_S = 60.0
_REASON = "x-break-glass-reason"


def _calls(patient: str, number: str) -> list[tuple[str, str, dict[str, Any]]]:
    searches = [
        ("Patient", [("_id", patient)]),
        ("Patient", [("identifier", f"{SYSTEM}|{number}")]),
        ("Observation", [("patient", patient)]),
        ("Observation", [("subject", f"Patient/{patient}")]),
    ]
    calls: list[tuple[str, str, dict[str, Any]]] = [("GET", path, {"params": how}) for path, how in searches]
    calls += [("POST", f"{path}/_search", {"data": dict(how)}) for path, how in searches]
    calls += [("GET", f"Patient/{patient}{tail}", {}) for tail in ("", "/_history", "/$everything")]
    return calls


def _leaks(answer: Answer, patient: str) -> bool:
    return answer.ok and any(
        each.get("id") == patient or f"Patient/{patient}" in str(each) for each in answer.resources
    )


async def _emergency(context: Context, clinician: Identity, patient: str) -> list[Fault]:
    """What is wrong with emergency access: without a reason, with one, and its alert."""
    path = f"Patient/{patient}/$emergency"
    faults: list[Fault] = []
    silent = await context.fhir("GET", path, identity=clinician)
    if silent.ok:
        faults.append(fault("emergency access was given without a reason", silent))
    reason = f"unconscious in resus, no history, reference {context.uuid()}"
    given = await context.fhir("GET", path, identity=clinician, headers={_REASON: reason})
    if not given.ok or given.tree.get("id") != patient:
        faults.append(fault("a clinician with a reason was not given emergency access", given))
    auditor = context.config.identity(context.config.auditor or "") or clinician
    told = [("category", "alert"), ("subject", f"Patient/{patient}")]

    async def alerted() -> bool:
        answer = await context.fhir("GET", "Communication", identity=auditor, params=told)
        return any(reason in str(each.get("payload")) for each in answer.resources)

    patience = context.config.dissent.patience_seconds if context.config.dissent else _ALERT_S
    if not await context.within(min(patience, _ALERT_S), alerted):
        faults.append(
            fault("no alert tells the privacy officer of the emergency access and its reason", given)
        )
    return faults


@check(
    "AU-04",
    "dissent",
    title="Dissent is kept, and emergency access is reasoned and alerted",
    quote="Opt-outs and dissent enforced incl. by new clients; break-glass reasoned and alerted.",
    expected="A client that would reach a patient gets nothing of them once they dissented, by any read or search; a "
    "clinician gets Patient/id/$emergency only with a reason in X-Break-Glass-Reason, and within 60 seconds a "
    "Communication of the category alert gives the reason to the privacy officer.",
    advice="Ask the dissent in the one function through which all access goes, and write the alert "
    "in the transaction that "
    "opens the record.",
    needs=(one_identity, configured("dissent"), configured("auditor")),
    time_limit_s=120,
)
async def run(context: Context) -> Finding:
    told = context.config.dissent
    assert told is not None  # noqa: S101 - `needs` has seen to it
    client = context.config.identity(told.identity) or context.first
    clinician = context.config.identity(told.clinician) or context.first
    faults: list[Fault] = []
    calls = _calls(client.patient_id, client.nhs_number)
    for method, path, how in calls:
        for who in (client, context.first):
            answer = await context.fhir(method, path, identity=who, **how)
            if _leaks(answer, client.patient_id):
                faults.append(fault("a patient who dissented was told of", answer))
    faults += await _emergency(context, clinician, client.patient_id)
    return context.judge(
        faults, tried=2 * len(calls) + 3, came="dissent held; the emergency was reasoned and told"
    )
