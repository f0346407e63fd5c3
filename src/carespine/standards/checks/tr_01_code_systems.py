"""TR-01: readings are coded in systems that others know, with codes that can exist."""

from __future__ import annotations

from typing import Any

from carespine.standards.engine import codes, readings
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context
from carespine.standards.models import Fault, Finding

# minimum-standards, TR-01: at least 98 % of the codes valid (ours), none of an unknown system.
_VALID_SHARE = 0.98


def _units(resource: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [resource, *resource.get("component", [])]
    return [each["valueQuantity"] for each in parts if isinstance(each.get("valueQuantity"), dict)]


@check(
    "TR-01",
    "code-systems",
    title="Codes come from known systems and can exist",
    quote="Clinical codes use SNOMED CT UK (or mapped legacy kept beside original), medicines dm+d, tests "
    "with UCUM units.",
    expected="In a sample of the patient's Observations every coding names a known system; at least 98 % of "
    "SNOMED CT and LOINC codes have a right check digit, and quantities carry a UCUM code.",
    advice="Map your own codes to SNOMED CT or LOINC and keep yours as text; send quantities with UCUM "
    "system and code.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    for kind in (readings.HEART_RATE, readings.BODY_WEIGHT):
        sent = readings.reading(context, context.first.patient_id, quantity=kind)
        await context.fhir("POST", "Observation", identity=context.first, json=sent)
    search = [("patient", context.first.patient_id), ("_count", "200")]
    answer = await context.fhir("GET", "Observation", identity=context.first, params=search)
    sample = [each for each in answer.resources if each.get("resourceType") == "Observation"]
    if not answer.ok or not sample:
        return context.skipped(f"the first identity's patient has no Observations to look at ({answer})")
    unknown: list[Fault] = []
    invalid: list[Fault] = []
    tried = 0
    for coding in (each for resource in sample for each in codes.codings(resource)):
        tried += 1
        system = str(coding.get("system", ""))
        if not codes.is_known(system):
            unknown.append(Fault(f"the code system {system!r} is not known", answer.n))
        elif not codes.may_exist(system, str(coding.get("code", ""))):
            invalid.append(Fault(f"{coding.get('code')!r} cannot be a code of {system}", answer.n))
    for quantity in (each for resource in sample for each in _units(resource)):
        tried += 1
        if quantity.get("system") != codes.UCUM or not quantity.get("code"):
            invalid.append(Fault(f"the unit {quantity.get('unit')!r} has no UCUM code", answer.n))
    if len(invalid) <= tried * (1 - _VALID_SHARE):
        invalid = []
    return context.judge(
        unknown + invalid, tried=tried, came=f"{tried} codes and units of {len(sample)} Observations"
    )
