"""AP-01: the interface describes itself to anybody, and truly."""

from __future__ import annotations

from typing import Any

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, AP-01: 30 generated calls.
_CALLS = 30
# R4 resource types of which a service rarely offers all; the undeclared ones must be refused as such.
_TYPES = [
    "Account",
    "AllergyIntolerance",
    "Appointment",
    "Basic",
    "Binary",
    "CarePlan",
    "Claim",
    "Condition",
    "Coverage",
    "Device",
    "Encounter",
    "Flag",
    "Goal",
    "Group",
    "Immunization",
    "List",
    "Location",
    "Medication",
    "MedicationRequest",
    "MolecularSequence",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "Procedure",
    "Provenance",
    "RiskAssessment",
    "Schedule",
    "Slot",
    "Specimen",
    "Substance",
    "Task",
    "TestScript",
    "VisionPrescription",
]
_NOT_OFFERED = frozenset({404, 405, 501})


def _declared(metadata: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Resource type to its entry in the CapabilityStatement."""
    rest = [each for each in metadata.get("rest", []) if isinstance(each, dict)]
    return {str(entry.get("type")): entry for each in rest for entry in each.get("resource", [])}


def _calls(
    context: Context, declared: dict[str, dict[str, Any]]
) -> list[tuple[str, list[tuple[str, str]], bool]]:
    """Calls of declared and undeclared things: a path, parameters, and whether it must be offered."""
    calls: list[tuple[str, list[tuple[str, str]], bool]] = []
    for name, entry in declared.items():
        codes = {each.get("code") for each in entry.get("interaction", [])}
        if "read" in codes:
            calls.append((f"{name}/{context.uuid()}", [], False))
        if "search-type" in codes:
            calls.append(
                (name, [("patient" if name != "Patient" else "_id", context.first.patient_id)], True)
            )
            calls += [
                (name, [(str(each["name"]), _value(str(each.get("type"))))], True)
                for each in entry.get("searchParam", [])
            ]
    calls += [(name, [], False) for name in _TYPES if name not in declared]
    offered = [each for each in calls if each[2]]
    others = [each for each in calls if not each[2]]
    half = min(len(offered), _CALLS // 2)
    return context.random.sample(offered, half) + context.random.sample(
        others, min(len(others), _CALLS - half)
    )


def _value(kind: str) -> str:
    return {
        "date": "ge2020-01-01",
        "number": "1",
        "quantity": "1",
        "reference": "Patient/none",
        "uri": "urn:none",
    }.get(kind, "none")


def _deviation(answer: Answer, name: str, *, offered: bool, declared: bool) -> str | None:
    if answer.status >= 500:
        return "a call was answered with a server error"
    if offered and answer.status in _NOT_OFFERED:
        return f"what the description offers of {name} is not there"
    if not offered and not declared and answer.ok:
        return f"{name} is not in the description and is answered all the same"
    return None


@check(
    "AP-01",
    "description",
    title="The interface is described openly and truly",
    quote="Machine-readable interface description is publicly reachable without contract (OpenAPI or "
    "CapabilityStatement) and matches behaviour.",
    expected="GET /fhir/metadata answers a CapabilityStatement of FHIR 4.0.1 without credentials; 30 calls "
    "generated from it find what it offers, are refused what it does not, and meet no server error.",
    advice="Build the CapabilityStatement from the routes the service has, so that the two cannot "
    "drift apart.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    metadata = await context.fhir("GET", "metadata")
    if not metadata.ok or metadata.tree.get("resourceType") != "CapabilityStatement":
        return context.failed("there is no CapabilityStatement without credentials", metadata)
    if not str(metadata.tree.get("fhirVersion", "")).startswith("4.0"):
        return context.failed(
            f"the FHIR version is {metadata.tree.get('fhirVersion')!r}, not 4.0.1", metadata
        )
    declared = _declared(metadata.tree)
    faults: list[Fault] = []
    calls = _calls(context, declared)
    for path, params, offered in calls:
        answer = await context.fhir("GET", path, identity=context.first, params=params)
        name = path.partition("/")[0]
        text = _deviation(answer, name, offered=offered, declared=name in declared)
        if text:
            faults.append(fault(text, answer))
    return context.judge(faults, tried=len(calls), came=f"{len(calls)} calls behaved as the description says")
