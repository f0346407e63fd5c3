"""The FHIR AuditEvent of one action: who, role, organisation, when, what, why, from where, with what outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from carespine.kernel.clock import fhir_instant
from carespine.kernel.ids import NOT_PATIENT_SCOPED
from carespine.security.actor import Actor

Action = Literal["C", "R", "U", "D", "E"]
SUCCESS, MINOR_FAILURE, SERIOUS_FAILURE = "0", "4", "8"
ODS_SYSTEM = "https://fhir.nhs.uk/Id/ods-organization-code"

_TYPE = {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"}
_SUBTYPE_SYSTEM = "http://hl7.org/fhir/restful-interaction"
_OBSERVER = {"observer": {"display": "Carespine"}}
_encode = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True):
    """One thing that was done or refused. `what` is a reference such as Observation/1 or a resource type."""

    actor: Actor
    purpose: str
    action: Action
    subtype: str
    outcome: str = SUCCESS
    description: str | None = None
    patient: int = NOT_PATIENT_SCOPED
    patient_id: str | None = None
    what: str | None = None
    query: str | None = None
    detail: dict[str, str] = msgspec.field(default_factory=dict)


def tells_the_same(one: Event, other: Event) -> bool:
    """Whether both say the same, of whichever patients."""
    return (
        one.actor is other.actor
        and one.what == other.what
        and one.query == other.query
        and (one.purpose, one.action, one.subtype, one.outcome, one.description, one.patient_id, one.detail)
        == (
            other.purpose,
            other.action,
            other.subtype,
            other.outcome,
            other.description,
            other.patient_id,
            other.detail,
        )
    )


def body(event: Event, *, recorded: datetime) -> bytes:
    """The AuditEvent resource (without id) as JSON."""
    tree: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "type": _TYPE,
        "subtype": [{"system": _SUBTYPE_SYSTEM, "code": event.subtype}],
        "action": event.action,
        "recorded": fhir_instant(recorded),
        "outcome": event.outcome,
        "purposeOfEvent": [{"coding": [{"code": event.purpose}]}],
        "agent": _agents(event.actor),
        "source": _OBSERVER,
    }
    if event.description:
        tree["outcomeDesc"] = event.description
    if entities := _entities(event):
        tree["entity"] = entities
    return _encode(tree)


def _agents(actor: Actor) -> list[dict[str, Any]]:
    person: dict[str, Any] = {
        "role": [{"text": actor.role}],
        "altId": actor.id,
        "name": actor.name,
        "requestor": True,
    }
    if actor.reference:
        person["who"] = {"reference": actor.reference}
    if actor.address:
        person["network"] = {"address": actor.address, "type": "2"}
    if actor.certificate:
        person["policy"] = [f"urn:carespine:certificate:{actor.certificate}"]
    agents = [person]
    if actor.client:  # the app through which the person acts
        agents.append({"altId": actor.client, "requestor": False, "role": [{"text": "app"}]})
    if actor.organisation:
        organisation = {"identifier": {"system": ODS_SYSTEM, "value": actor.organisation}}
        agents.append({"who": organisation, "requestor": False, "role": [{"text": "organisation"}]})
    return agents


def _entities(event: Event) -> list[dict[str, Any]]:
    entities: list[dict[str, Any]] = []
    if event.patient_id:
        entities.append({"what": {"reference": f"Patient/{event.patient_id}"}, "role": {"code": "1"}})
    detail = dict(event.detail)
    if event.actor.request_id:
        detail["request-id"] = event.actor.request_id
    entity: dict[str, Any] = {}
    if event.what:
        key = "reference" if "/" in event.what else "type"
        entity["what"] = {key: event.what}
    if event.query:
        entity["description"] = event.query
    if detail:
        entity["detail"] = [{"type": key, "valueString": value} for key, value in detail.items() if value]
    if entity:
        entities.append(entity)
    return entities
