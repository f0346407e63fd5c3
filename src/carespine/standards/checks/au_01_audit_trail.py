"""AU-01: two hundred actions leave two hundred complete audit events."""

from __future__ import annotations

from functools import partial
from typing import Any

from carespine.kernel.clock import fhir_instant
from carespine.standards.engine import readings
from carespine.standards.engine.check import check, configured, two_identities
from carespine.standards.engine.config import Identity
from carespine.standards.engine.context import Context
from carespine.standards.models import Fault, Finding

# minimum-standards, AU-01: 200 scripted actions: reads, searches, writes and refusals.
_EACH = 50
_PAGES = 20


def _script(context: Context) -> list[tuple[str, str, dict[str, Any]]]:
    own, other = context.first.patient_id, context.second.patient_id
    kinds: list[tuple[str, str, dict[str, Any]]] = []
    for _ in range(_EACH):
        kinds += [
            ("GET", f"Patient/{own}", {}),
            ("GET", "Observation", {"params": [("patient", own), ("_count", "1")]}),
            ("POST", "Observation", {"json": readings.reading(context, own)}),
            ("GET", f"Patient/{other}", {}),
        ]
    return kinds


def _missing(event: dict[str, Any]) -> list[str]:
    """The parts of GP Connect's audit minimum that this AuditEvent lacks."""
    agents = [each for each in event.get("agent", []) if isinstance(each, dict)]
    parts = {
        "who": any(each.get("who") or each.get("altId") for each in agents),
        "role": any(each.get("role") or each.get("type") for each in agents),
        "organisation": any(_is_organisation(each) for each in agents),
        "when": event.get("recorded"),
        "what": event.get("entity") or event.get("subtype"),
        "why": event.get("purposeOfEvent") or any(each.get("purposeOfUse") for each in agents),
        "device": (event.get("source") or {}).get("observer"),
        "outcome": event.get("outcome"),
    }
    return [name for name, value in parts.items() if not value]


def _is_organisation(agent: dict[str, Any]) -> bool:
    who = agent.get("who") or {}
    named = str(who.get("type") or who.get("reference") or "")
    return named.startswith("Organization") or "ods-organization-code" in str(who.get("identifier", ""))


async def _trail(context: Context, auditor: Identity, since: str) -> list[dict[str, Any]]:
    """The audit events since then, page by page."""
    answer = await context.fhir(
        "GET", "AuditEvent", identity=auditor, params=[("date", f"ge{since}"), ("_count", "500")]
    )
    if not answer.ok:
        context.end(f"the auditor could not search AuditEvents: {answer}", answer)
    events = list(answer.resources)
    for _ in range(_PAGES):
        following = [
            each.get("url") for each in answer.tree.get("link", []) if each.get("relation") == "next"
        ]
        if not following:
            break
        answer = await context.call("GET", str(following[0]), identity=auditor)
        events += answer.resources
    return [each for each in events if each.get("resourceType") == "AuditEvent"]


@check(
    "AU-01",
    "audit-trail",
    title="Every action is audited, refusals too",
    quote="Every read, search, write, refusal leaves an AuditEvent with who, role, organisation, on whose "
    "authority, when, what, why, device.",
    expected="Of 200 reads, searches, writes and refused reads, each is found in the auditor's "
    "AuditEvent search by its X-Request-ID (as an entity's what.identifier.value or detail), "
    "with agent.who and role, an organisation, recorded, entity, purposeOfEvent, "
    "source.observer and outcome.",
    advice="Write the event in the transaction of the action it tells of; write refusals in one of "
    "their own.",
    needs=(two_identities, configured("auditor")),
)
async def run(context: Context) -> Finding:
    auditor = context.config.identity(context.config.auditor or "") or context.first
    since = fhir_instant(context.now().replace(microsecond=0))
    await context.token(context.first)
    script = [(context.uuid(), *each) for each in _script(context)]
    context.random.shuffle(script)
    await context.together(
        [
            partial(context.fhir, method, path, identity=context.first, headers={"x-request-id": key}, **how)
            for key, method, path, how in script
        ]
    )
    events = await _trail(context, auditor, since)
    by_request: dict[str, dict[str, Any]] = {}
    for event in events:
        for key in _request_ids(event):
            by_request[key] = event
    faults: list[Fault] = []
    for key, method, path, _ in script:
        found = by_request.get(key)
        if found is None:
            faults.append(
                Fault(f"{method} {path.partition('/')[0]} with X-Request-ID {key} left no AuditEvent")
            )
        elif missing := _missing(found):
            faults.append(
                Fault(f"the AuditEvent of {method} {path.partition('/')[0]} lacks {', '.join(missing)}")
            )
    return context.judge(faults, tried=len(script), came=f"{len(script)} actions left complete audit events")


def _request_ids(event: dict[str, Any]) -> list[str]:
    entities = [each for each in event.get("entity", []) if isinstance(each, dict)]
    named = [str(((each.get("what") or {}).get("identifier") or {}).get("value", "")) for each in entities]
    return named + [
        str(detail.get("valueString", "")) for each in entities for detail in each.get("detail", [])
    ]
