"""An event of the trail in the shape of IHE Basic Audit Log Patterns: what is the same in all is added when it is read.

https://profiles.ihe.net/ITI/BALP/1.1.3/ - the stored event says who, what, when, why, from where and with what
outcome; types, roles and the server as an agent follow from these. The patient is named by the row's patient key.
"""

from __future__ import annotations

import base64
from typing import Any

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_BASIC = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
_SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
_INTERACTIONS = "http://hl7.org/fhir/restful-interaction"
# The codes of R4's restful-interaction; others are names of this server's own verbs.
_KNOWN = frozenset(
    {
        "batch", "capabilities", "create", "delete", "history", "history-instance", "history-system", "history-type",
        "operation", "patch", "read", "search", "search-system", "search-type", "transaction", "update", "vread",
    }
)  # fmt: skip
_VERBS = "urn:carespine:audit-verb"


def shaped(event: dict[str, Any], *, number: int, patient: str | None, server: str) -> dict[str, Any]:
    """The AuditEvent as it is shown. `patient` is a logical id; `server` the base URL of this server's FHIR."""
    tree = {"resourceType": "AuditEvent", "id": str(number), **event}
    tree["type"] = {**event["type"], "display": "RESTful Operation"}
    tree["subtype"] = [_subtype(each) for each in event["subtype"]]
    tree["purposeOfEvent"] = [
        {"coding": [{"system": _REASON, **coding} for coding in each["coding"]]}
        for each in event["purposeOfEvent"]
    ]
    tree["agent"] = [*_agents(event), _server(event, server)]
    tree["source"] = {
        "observer": {"display": "Carespine", "identifier": {"value": server}},
        "type": [{"system": _SOURCE_TYPE, "code": "4", "display": "Application Server"}],
    }
    tree["entity"] = [*_patient(patient), *_entities(event)]
    return tree


def _subtype(coding: dict[str, Any]) -> dict[str, Any]:
    return {**coding, "system": _INTERACTIONS if coding["code"] in _KNOWN else _VERBS}


def _type(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _agents(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The person or app who asked; the app between, and the organisation, where there are any."""
    asked, *others = event["agent"]
    user = {"type": _type(_PARTICIPATION, "IRCP", "information recipient"), **asked}
    user.setdefault("who", {"identifier": {"value": asked["altId"]}, "display": asked["name"]})
    shown = [user]
    for other in others:
        if "altId" in other:  # the app through which the person acts
            who = {"who": {"identifier": {"value": other["altId"]}}}
            shown.append({"type": _exchange(event, is_server=False), **who, **other})
        else:
            shown.append({"type": _type(_PARTICIPATION, "CST", "custodian"), **other})
    return shown


def _exchange(event: dict[str, Any], *, is_server: bool) -> dict[str, Any]:
    """Where data comes from and goes to: a write comes from the client, what is read comes from the server."""
    if (event["action"] in ("C", "U")) is is_server:
        return _type(_DCM, "110152", "Destination Role ID")
    return _type(_DCM, "110153", "Source Role ID")


def _server(event: dict[str, Any], server: str) -> dict[str, Any]:
    return {
        "type": _exchange(event, is_server=True),
        "who": {"identifier": {"value": server}, "display": "Carespine"},
        "requestor": False,
        "network": {"address": server, "type": "5"},
    }


def _patient(patient: str | None) -> list[dict[str, Any]]:
    if patient is None:
        return []
    return [
        {
            "what": {"reference": f"Patient/{patient}"},
            "type": {"system": _ENTITY_TYPE, "code": "1", "display": "Person"},
            "role": {"system": _OBJECT_ROLE, "code": "1", "display": "Patient"},
        }
    ]


def _entities(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The resource or the query; and the request, which others can follow through their own trails."""
    shown: list[dict[str, Any]] = []
    request = None
    for entity in event.get("entity", ()):
        if entity.get("role", {}).get("code") == "1":
            continue  # the patient, whom the row names
        details = [each for each in entity.get("detail", ()) if each["type"] != "request-id"]
        request = next((each for each in entity.get("detail", ()) if each["type"] == "request-id"), request)
        kept = {name: value for name, value in entity.items() if name != "detail"}
        is_query = "description" in entity
        kept["type"] = {"system": _ENTITY_TYPE, "code": "2", "display": "System Object"}
        role, display = ("24", "Query") if is_query else ("4", "Domain Resource")
        kept["role"] = {"system": _OBJECT_ROLE, "code": role, "display": display}
        if is_query:
            kept["query"] = base64.b64encode(entity["description"].encode()).decode()
        shown.append({**kept, "detail": details} if details else kept)
    if request is not None:
        identity = {"identifier": {"value": request["valueString"]}}
        shown.append({"what": identity, "type": {"system": _BASIC, "code": "XrequestId"}})
    return shown
