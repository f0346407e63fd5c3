"""TR-03: what the service answers is valid FHIR, by R4's own rules and by the profiles it claims."""

from __future__ import annotations

from typing import Any

from carespine.fhir import codec, validation
from carespine.kernel.errors import Invalid
from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context
from carespine.standards.models import Fault, Finding

# Ours: types of which a sample is looked at, where the service has them.
_TYPES = (
    "Observation",
    "Condition",
    "MedicationRequest",
    "AllergyIntolerance",
    "Appointment",
    "DocumentReference",
    "RiskAssessment",
    "EpisodeOfCare",
)
_COUNT = 50


def errors(tree: dict[str, Any]) -> list[str]:
    """The errors of a resource, by structure, rules, codes and claimed profiles; not its warnings."""
    try:
        codec.check(tree)
    except Invalid as error:
        return [error.message]
    return [each.diagnostics for each in validation.validate(tree) if each.severity in {"error", "fatal"}]


def _told(answer: Answer) -> list[Fault]:
    return [
        Fault(f"{each.get('resourceType')}/{each.get('id')}: {text}", answer.n)
        for each in answer.exact_resources
        for text in errors(each)[:1]
    ]


@check(
    "TR-03",
    "valid",
    title="What is answered is valid FHIR",
    quote="Resources validate against UK Core/our profiles.",
    expected="The CapabilityStatement, the patient, and up to 50 resources of each type that the "
    "service offers, a reading "
    "just written among them, validate without error: structure, invariants, required codes, claimed profiles.",
    advice="Validate what you store when it comes in; the fault below names the element and the rule.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    own = context.first.patient_id
    await context.fhir("POST", "Observation", identity=context.first, json=readings.reading(context, own))
    metadata = await context.fhir("GET", "metadata")
    offered = {
        each.get("type") for rest in metadata.tree.get("rest", []) for each in rest.get("resource", [])
    }
    answers = [metadata, await context.fhir("GET", f"Patient/{own}", identity=context.first)]
    search = [("patient", own), ("_count", str(_COUNT))]
    for name in _TYPES:
        if name in offered:
            answers.append(await context.fhir("GET", name, identity=context.first, params=search))
    faults = [each for answer in answers if answer.ok for each in _told(answer)]
    tried = sum(len(answer.resources) for answer in answers if answer.ok)
    return context.judge(faults, tried=tried, came=f"{tried} resources are valid")
