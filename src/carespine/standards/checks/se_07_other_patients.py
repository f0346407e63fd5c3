"""SE-07: nobody reads, finds or changes another patient's data, whichever way they ask."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from carespine.kernel.nhs_number import SYSTEM
from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, two_identities
from carespine.standards.engine.config import Identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, SE-07: at least 500 calls.
_CALLS = 500
Call = tuple[str, str, dict[str, Any]]


def reads(victim: Identity, own: Identity, secret: str) -> list[Call]:
    """Every way to ask for what belongs to `victim`: `secret` is the id of an Observation of theirs."""
    whom, number = victim.patient_id, f"{SYSTEM}|{victim.nhs_number}"
    searches: list[tuple[str, list[tuple[str, str]]]] = [
        ("Observation", [("patient", whom)]),
        ("Observation", [("subject", f"Patient/{whom}")]),
        ("Observation", [("subject:Patient", whom)]),
        ("Observation", [("patient", f"{own.patient_id},{whom}")]),
        ("Observation", [("patient", own.patient_id), ("patient", whom)]),
        ("Observation", [("_id", secret)]),
        ("Observation", [("code", f"{readings.LOINC}|{readings.HEART_RATE.loinc}"), ("_count", "1000")]),
        ("Observation", [("patient.identifier", number)]),
        ("Observation", [("subject:identifier", number)]),
        ("Observation", [("_id", secret), ("_include", "Observation:patient")]),
        ("Observation", [("patient:not", own.patient_id)]),
        ("Patient", [("_id", whom)]),
        ("Patient", [("identifier", number)]),
        ("Patient", [("_id", f"{own.patient_id},{whom}")]),
        ("Patient", [("_id", own.patient_id), ("_revinclude", "Observation:patient")]),
        ("Patient", [("_has:Observation:patient:_id", secret)]),
    ]
    calls: list[Call] = [("GET", path, {"params": pairs}) for path, pairs in searches]
    calls += [("POST", f"{path}/_search", {"data": dict(pairs)}) for path, pairs in searches]
    paths = (f"Patient/{whom}", f"Observation/{secret}")
    calls += [
        ("GET", path + tail, {})
        for path in paths
        for tail in ("", "/_history", "/_history/1", "/$everything")
    ]
    return [*calls, ("GET", f"Patient/{whom}/Observation", {}), ("GET", f"Patient/{whom}/*", {})]


def writes(context: Context, victim: Identity, own_id: str, secret: dict[str, Any]) -> list[Call]:
    """Every way to change what belongs to `victim`. `own_id` is an Observation of the asker's patient."""
    whom, match = victim.patient_id, {"headers": {"if-match": 'W/"1"'}}
    theirs = readings.reading(context, whom)
    moved = {**theirs, "id": own_id}
    entry = {"resource": theirs, "request": {"method": "POST", "url": "Observation"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    patch = {"headers": {**match["headers"], "content-type": "application/json-patch+json"}}
    return [
        ("POST", "Observation", {"json": theirs}),
        (
            "POST",
            "Observation",
            {"json": {**theirs, "subject": {"reference": f"{context.session.fhir_base}/Patient/{whom}"}}},
        ),
        ("PUT", f"Observation/{own_id}", {"json": moved, **match}),
        ("PUT", f"Observation/{secret['id']}", {"json": {**secret, "note": [{"text": "changed"}]}, **match}),
        ("PATCH", f"Observation/{secret['id']}", {"content": b'[{"op":"remove","path":"/note"}]', **patch}),
        ("DELETE", f"Observation/{secret['id']}", match),
        (
            "PUT",
            f"Patient/{whom}",
            {"json": {**readings.patient(context, victim.nhs_number), "id": whom}, **match},
        ),
        ("DELETE", f"Patient/{whom}", match),
        ("PUT", f"Observation?_id={secret['id']}", {"json": theirs, **match}),
        ("DELETE", f"Observation?patient={whom}", match),
        ("POST", "", {"json": bundle}),
    ]


def _leak(answer: Answer, victim: Identity, secret: str) -> str | None:
    """What of the victim's is in this answer, or None. An echo of the asker's own words is no leak."""
    if not answer.ok:
        return None
    for resource in answer.resources:
        if readings.owner(resource) == victim.patient_id or resource.get("id") == secret:
            return f"{resource.get('resourceType')}/{resource.get('id')} of another patient came back"
    return None


async def _ask(context: Context, own: Identity, victim: Identity, secret: str, call: Call) -> Fault | None:
    answer = await context.fhir(call[0], call[1], identity=own, **call[2])
    text = _leak(answer, victim, secret)
    return fault(text, answer) if text else None


async def _change(context: Context, own: Identity, call: Call) -> Fault | None:
    answer = await context.fhir(call[0], call[1], identity=own, **call[2])
    return fault("a change of another patient's data was accepted", answer) if answer.ok else None


async def _secret(context: Context, identity: Identity) -> dict[str, Any]:
    """A reading of the identity's own patient, which proves that the identity can do what others must not."""
    note = [{"text": f"private {context.uuid()}"}]
    created = await context.fhir(
        "POST",
        "Observation",
        identity=identity,
        json=readings.reading(context, identity.patient_id, note=note),
    )
    if not created.ok or "id" not in created.tree:
        context.end(f"{identity.name} could not write a reading of their own patient: {created}", created)
    read = await context.fhir("GET", f"Observation/{created.tree['id']}", identity=identity)
    if not read.ok or read.tree.get("note") != note:
        context.end(f"{identity.name} could not read their own patient's reading: {read}", read)
    return read.tree


@check(
    "SE-07",
    "other-patients",
    title="Another patient's data cannot be read, found or changed",
    quote="Scope and role enforced at every resource (no object-level hole).",
    expected="Two identities, each with a patient of their own, ask for and try to change the other's "
    "data by every read, search, include, chain and write: 500 calls, none of which returns or "
    "changes anything of the other's.",
    advice="Decide who may reach a patient in the one function through which all data access goes, not "
    "in each route.",
    needs=(two_identities,),
    time_limit_s=120,
)
async def run(context: Context) -> Finding:
    first, second = context.first, context.second
    held = {first.name: await _secret(context, first), second.name: await _secret(context, second)}
    asks: list[Callable[[], Any]] = []
    changes: list[Callable[[], Any]] = []
    for own, victim in ((first, second), (second, first)):
        secret = held[victim.name]
        asks += [
            partial(_ask, context, own, victim, secret["id"], each)
            for each in reads(victim, own, secret["id"])
        ]
        calls = writes(context, victim, held[own.name]["id"], secret)
        changes += [partial(_change, context, own, each) for each in calls]
    drawn = asks + context.random.choices(asks, k=max(0, _CALLS - len(asks) - len(changes)))
    context.random.shuffle(drawn)
    found = [*await context.together(drawn), *await context.together(changes)]
    faults = [each for each in found if each is not None]
    for identity in (first, second):
        before = held[identity.name]
        after = await context.fhir("GET", f"Observation/{before['id']}", identity=identity)
        if (
            not after.ok
            or after.tree.get("note") != before.get("note")
            or readings.owner(after.tree) != identity.patient_id
        ):
            faults.append(fault(f"a reading of {identity.name}'s patient was changed by the other", after))
    return context.judge(
        faults, tried=len(drawn) + len(changes), came="nothing of the other's came back or changed"
    )
