"""Which patient a resource belongs to: the patient key that its row carries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carespine.kernel.ids import NOT_PATIENT_SCOPED, patient_key

# Elements that name the patient, in the order asked; after the R4 Patient compartment definition.
_ELEMENTS = (
    "subject",
    "patient",
    "beneficiary",
    "for",
    "individual",
    "candidate",
    "deliverTo",
    "actor",
    "policyHolder",
    "source",
)
_NESTED = (
    ("participant", "actor"),
    ("target", None),
    ("entity", "what"),
    ("entry", "item"),
    ("link", "target"),
)


def patient_id_of(resource: dict[str, Any]) -> str | None:
    """The logical id of the Patient whose record the resource is part of, or None.

    Where a resource names several patients the first counts.
    """
    if resource.get("resourceType") == "Patient":
        return resource.get("id")
    for name in _references(resource):
        kind, _, resource_id = name.partition("/")
        if kind == "Patient" and resource_id:
            return resource_id.split("/", 1)[0]
    return None


def patient_key_of(resource: dict[str, Any]) -> int:
    """The patient key for the row of this resource; 0 where it belongs to no patient."""
    found = patient_id_of(resource)
    return patient_key(found) if found else NOT_PATIENT_SCOPED


def _references(resource: dict[str, Any]) -> Iterator[str]:
    for element in _ELEMENTS:
        yield from _of(resource.get(element))
    for element, inner in _NESTED:
        values = resource.get(element)
        for value in values if isinstance(values, list) else ():
            yield from _of(value.get(inner) if inner and isinstance(value, dict) else value)


def _of(value: Any) -> Iterator[str]:
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict) and isinstance(item.get("reference"), str):
            yield item["reference"]
