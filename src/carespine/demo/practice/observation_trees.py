"""Measurements as FHIR Observations."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from carespine.demo.practice import codes
from carespine.demo.practice.codes import Measure
from carespine.demo.practice.trees import Tree, coded, concept, quantity, reference

_CATEGORY_WORDS = {
    "vital-signs": "Vital Signs",
    "laboratory": "Laboratory",
    "social-history": "Social History",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """The circumstances of a measurement: whose, when (a FHIR dateTime), by whom, at which encounter."""

    patient_id: str
    at: str
    performer: Tree
    encounter_id: str | None = None
    issued: str | None = None


def value(resource_id: str, measure: Measure, taken: Taken, number: int | Decimal) -> Tree:
    """An Observation of one number."""
    return {**_observation(resource_id, measure, taken), "valueQuantity": quantity(number, measure)}


def derived(
    resource_id: str, measure: Measure, taken: Taken, number: int | Decimal, *, sources: list[str]
) -> Tree:
    """An Observation computed from others, named by their ids."""
    tree = value(resource_id, measure, taken, number)
    tree["derivedFrom"] = [reference("Observation", source) for source in sources]
    return tree


def smoking(resource_id: str, taken: Taken, status: str) -> Tree:
    tree = _observation(resource_id, codes.SMOKING, taken)
    code = codes.SMOKING_CODES[status]
    tree["valueCodeableConcept"] = concept(code, text=code.display)
    return tree


def blood_pressure(resource_id: str, taken: Taken, *, systolic: int, diastolic: int) -> Tree:
    """A blood pressure panel, in mmHg."""
    tree = _observation(resource_id, codes.BLOOD_PRESSURE, taken)
    tree["component"] = [
        {"code": concept(codes.SYSTOLIC), "valueQuantity": quantity(systolic, codes.BLOOD_PRESSURE)},
        {"code": concept(codes.DIASTOLIC), "valueQuantity": quantity(diastolic, codes.BLOOD_PRESSURE)},
    ]
    return tree


def home_average(resource_id: str, taken: Taken, *, systolic: int, diastolic: int) -> Tree:
    """A home blood pressure average that the practice recorded from a patient's paper diary, in mmHg."""
    tree = _observation(resource_id, codes.BLOOD_PRESSURE, taken)
    tree["code"]["text"] = "Average home blood pressure"
    parts = (
        (codes.SYSTOLIC, codes.HOME_SYSTOLIC, systolic),
        (codes.DIASTOLIC, codes.HOME_DIASTOLIC, diastolic),
    )
    tree["component"] = [
        {"code": concept(home, plain), "valueQuantity": quantity(number, codes.BLOOD_PRESSURE)}
        for plain, home, number in parts
    ]
    return tree


def _observation(resource_id: str, measure: Measure, taken: Taken) -> Tree:
    tree: Tree = {
        "resourceType": "Observation",
        "id": resource_id,
        "status": "final",
        "category": [coded(codes.OBSERVATION_CATEGORY, measure.category, _CATEGORY_WORDS[measure.category])],
        "code": concept(*measure.codes, text=measure.name),
        "subject": reference("Patient", taken.patient_id),
        "effectiveDateTime": taken.at,
        "performer": [taken.performer],
    }
    if taken.encounter_id:
        tree["encounter"] = reference("Encounter", taken.encounter_id)
    if taken.issued:
        tree["issued"] = taken.issued
    return tree
