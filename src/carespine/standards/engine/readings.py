"""The readings that checks send: one shape of Observation, as docs/service-contract.md describes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from carespine.kernel.nhs_number import SYSTEM as NHS_NUMBER
from carespine.standards.engine.context import Context

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured: LOINC code, its display, UCUM unit and a plausible range at rest."""

    loinc: str
    display: str
    unit: str
    low: int
    high: int


# LOINC 2.x: heart rate, body weight. The ranges are ours: values that no service may find odd.
HEART_RATE = Quantity("8867-4", "Heart rate", "/min", 55, 95)
BODY_WEIGHT = Quantity("29463-7", "Body weight", "kg", 55, 95)


def reading(
    context: Context,
    patient_id: str,
    *,
    quantity: Quantity = HEART_RATE,
    effective: str | None = None,
    **over: Any,
) -> dict[str, Any]:
    """An Observation from a device, at a random recent instant unless `effective` says when; `over`
    replaces parts.
    """
    tree: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "meta": {"source": "urn:carespine:check"},
        "category": [{"coding": [{"system": OBSERVATION_CATEGORY, "code": "vital-signs"}]}],
        "code": {"coding": [{"system": LOINC, "code": quantity.loinc, "display": quantity.display}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": effective or recent(context),
        "valueQuantity": {
            "value": context.random.randint(quantity.low, quantity.high),
            "unit": quantity.unit,
            "system": UCUM,
            "code": quantity.unit,
        },
        "method": {"text": "optical sensor at the wrist"},
        "device": {"display": "Check band, model 1"},
    }
    return {**tree, **over}


def instant(context: Context, *, days: int = 300) -> datetime:
    """A random whole second in the last `days` days, never in the last hour."""
    return (context.now() - timedelta(seconds=context.random.randint(3600, days * 86_400))).replace(
        microsecond=0
    )


def recent(context: Context) -> str:
    """A random recent instant as FHIR writes it, in UTC."""
    return instant(context).isoformat()


def patient(context: Context, number: str, **over: Any) -> dict[str, Any]:
    """A synthetic Patient with this NHS number."""
    family = "Check" + "".join(context.random.choices("aeiounrstl", k=8))
    tree: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [{"system": NHS_NUMBER, "value": number}],
        "name": [{"use": "official", "family": family, "given": ["Testa"]}],
        "gender": "unknown",
        "birthDate": instant(context, days=30_000).date().isoformat(),
    }
    return {**tree, **over}


def owner(resource: dict[str, Any]) -> str | None:
    """The logical id of the patient to whom a resource belongs, or None."""
    if resource.get("resourceType") == "Patient":
        return str(resource.get("id"))
    for place in ("subject", "patient"):
        reference = resource.get(place)
        if isinstance(reference, dict) and isinstance(reference.get("reference"), str):
            return str(reference["reference"]).rpartition("/")[2]
    return None
