"""$export: the kick-off of a bulk export of the system, of all patients, or of the patients of a Group.

Source: FHIR Bulk Data Access IG 2.0.0. The job itself is in spine/bulk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from carespine.fhir import json_text
from carespine.kernel.errors import Forbidden, Invalid, Issue
from carespine.kernel.ids import patient_key
from carespine.spine.bulk import export_request
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.operations import inputs
from carespine.spine.jobs import handle
from carespine.storage.instants import instant

if TYPE_CHECKING:
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

KIND = "export"
Pairs = list[tuple[str, str]]


async def export(session: Session, exchange: Exchange) -> Answer:
    """GET or POST $export, Patient/$export, Group/id/$export: 202 and where to ask for the state."""
    inputs.demand_asynchronous(exchange)
    pairs = _pairs(exchange)
    of_patients = len(exchange.parts) > 1
    asked = export_request.asked(pairs, in_compartment=of_patients)
    _demand_readable(session, asked.types)
    since = inputs.interval(pairs, "_since")
    target = "/".join(exchange.parts[:-1])
    request = {
        "url": _url(exchange),
        "target": target or "system",
        "types": list(asked.types),
        "filters": list(asked.filters),
        "elements": list(asked.elements),
        "since": instant(since[0]).isoformat() if since else None,
        "of_patients": of_patients,
        "patients": await _patients(session, exchange, pairs),
    }
    job = await handle.ask(session, KIND, request)
    await session.audit("E", "export", what=target or None, description="asked for", detail={"job": job})
    return accepted(exchange, job)


def accepted(exchange: Exchange, job: str) -> Answer:
    """202: the job is noted, and its state is to be had at Content-Location."""
    what = "The request is accepted; its state is at Content-Location."
    body = answer.outcome([Issue("informational", what, severity="information")])
    return Answer(202, body, {"Content-Location": f"{exchange.base}/_jobs/{job}"})


def _pairs(exchange: Exchange) -> Pairs:
    """The parameters, but for those that lenient handling leaves out; raises Invalid for what we do not do."""
    lenient = "handling=lenient" in exchange.prefer
    pairs = inputs.given(exchange, references=True)
    for name in {name for name, _ in pairs}:
        if name not in export_request.KNOWN and not lenient:
            raise Invalid(f"$export takes {', '.join(sorted(export_request.KNOWN))}; not {name[:60]!r}.")
        if name == "includeAssociatedData" and not lenient:
            raise Invalid(
                "includeAssociatedData is not supported here; leave it out, or ask for lenient handling."
            )
        if name == "patient" and exchange.method != "POST":
            raise Invalid("patient is sent in the body of a POST.")
        if name == "patient" and exchange.parts[0] == "$export":
            raise Invalid("patient belongs to Patient/$export and Group/id/$export.")
    return [pair for pair in pairs if pair[0] in export_request.KNOWN]


def _demand_readable(session: Session, types: tuple[str, ...]) -> None:
    if refused := [name for name in types if not session.may_read(name)]:
        raise Forbidden(f"As {session.actor.role}, {session.actor.name} may not export {refused[0]}.")


async def _patients(session: Session, exchange: Exchange, pairs: Pairs) -> list[int] | None:
    """The keys of the patients: of the Group's members, of those named, of both; None for all."""
    named = export_request.patients(value for name, value in pairs if name == "patient")
    keys = await session.reachable_patients(named) if named else None
    if exchange.parts[0] != "Group":
        return keys
    group = json_text.read((await session.group_stored(exchange.parts[1])).body)
    members = [patient_key(each) for each in _members(group)]
    if keys is None:
        return members
    if set(keys) - set(members):
        raise Invalid("A patient that is named is no member of the group.")
    return keys


def _members(group: dict[str, Any]) -> list[str]:
    found = []
    for member in group.get("member", ()):
        kind, _, resource_id = member.get("entity", {}).get("reference", "").partition("/")
        if kind == "Patient" and resource_id and not member.get("inactive"):
            found.append(resource_id)
    return list(dict.fromkeys(found))


def _url(exchange: Exchange) -> str:
    address = f"{exchange.base}/{'/'.join(exchange.parts)}"
    return f"{address}?{urlencode(exchange.pairs)}" if exchange.pairs else address
