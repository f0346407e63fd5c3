"""AU-02: each audit event is sealed to the one before it, and nobody may touch any."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from itertools import pairwise
from typing import Any

from carespine.kernel.clock import fhir_instant
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.config import Identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.engine.evidence import canonical
from carespine.standards.models import Fault, Finding

# minimum-standards, AU-02: 100 mutations; here 100 events, any change of which breaks the chain.
_EVENTS = 100
NUMBER, SEAL = "urn:carespine:audit-number", "urn:carespine:audit-seal"


def _parts(event: dict[str, Any]) -> tuple[int, str, dict[str, Any]]:
    """An event's number, its seal, and the event as it was sealed."""
    extensions = [each for each in event.get("extension", []) if isinstance(each, dict)]
    number = next((each.get("valueInteger") for each in extensions if each.get("url") == NUMBER), None)
    seal = next((each.get("valueString") for each in extensions if each.get("url") == SEAL), None)
    bare = {**event, "extension": [each for each in extensions if each.get("url") != SEAL]}
    return (number if isinstance(number, int) else -1), str(seal), bare


def broken(events: list[dict[str, Any]]) -> list[str]:
    """Where the chain of events breaks: a number is missing, or a seal does not cover its event."""
    sealed = sorted((_parts(each) for each in events), key=lambda each: each[0])
    faults: list[str] = []
    for (number, seal, _), (following, own, event) in pairwise(sealed):
        if following != number + 1:
            faults.append(f"after the event number {number} comes number {following}")
        elif sha256(seal.encode() + canonical(event)).hexdigest() != own:
            faults.append(f"the seal of event number {following} does not cover it")
    return faults


async def _refused(context: Context, event: dict[str, Any], who: list[Identity]) -> list[Fault]:
    """What any of them may do to an event."""
    path = f"AuditEvent/{event['id']}"
    faults: list[Fault] = []
    for identity in who:
        for method, how in (
            ("PUT", {"json": {**event, "outcome": "0"}, "headers": {"if-match": 'W/"1"'}}),
            ("PATCH", {"json": [{"op": "remove", "path": "/agent"}]}),
            ("DELETE", {}),
        ):
            answer = await context.fhir(method, path, identity=identity, **how)
            if answer.ok:
                faults.append(fault(f"{identity.name} was allowed to {method} an audit event", answer))
    return faults


async def _events(context: Context, auditor: Identity, since: str) -> list[dict[str, Any]]:
    """The events since then, page by page."""
    search = [("date", f"ge{since}"), ("_count", "500")]
    answer = await context.fhir("GET", "AuditEvent", identity=auditor, params=search)
    if not answer.ok:
        context.end(f"the auditor could not search AuditEvents: {answer}", answer)
    found = list(answer.resources)
    while url := next(
        (str(each["url"]) for each in answer.tree.get("link") or [] if each.get("relation") == "next"), None
    ):
        answer = await context.call("GET", url, identity=auditor)
        found += answer.resources
    return [each for each in found if each.get("resourceType") == "AuditEvent"]


@check(
    "AU-02",
    "tamper-evident",
    title="The audit trail is sealed, and nobody may change it",
    quote="Audit is tamper-evident and can't be switched off.",
    expected="The AuditEvents of 100 reads, half of them refused, carry consecutive numbers and seals "
    "(urn:carespine:audit-number, urn:carespine:audit-seal): each the SHA-256 of the seal before it and the event as "
    "canonical JSON without its seal. No identity may PUT, PATCH or DELETE one, and afterwards all are there.",
    advice="Compute the seal in the transaction that writes the event, and give the service no "
    "statement that changes or "
    "removes one.",
    needs=(one_identity, configured("auditor")),
)
async def run(context: Context) -> Finding:
    auditor = context.config.identity(context.config.auditor or "") or context.first
    since = fhir_instant(context.now().replace(microsecond=0))
    await context.token(context.first)
    paths = [f"Patient/{context.first.patient_id}", f"Patient/{context.uuid()}"] * (_EVENTS // 2)
    await context.together(partial(context.fhir, "GET", path, identity=context.first) for path in paths)
    before = await _events(context, auditor, since)
    if len(before) < _EVENTS:
        return context.failed(f"{_EVENTS} reads left {len(before)} audit events")
    target = context.random.choice(before)
    registrar = context.config.identity(context.config.registrar or "")
    faults = await _refused(context, target, [each for each in (context.first, auditor, registrar) if each])
    after = await _events(context, auditor, since)
    if gone := {each.get("id") for each in before} - {each.get("id") for each in after}:
        faults.append(Fault(f"{len(gone)} audit events are there no longer"))
    faults += [Fault(text) for text in broken(after)]
    return context.judge(faults, tried=len(after) + 9, came=f"{len(after)} events sealed in one chain")
