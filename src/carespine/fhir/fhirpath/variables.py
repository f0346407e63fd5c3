"""The variables written with `%`: those of FHIR, those of the caller, those an expression defines."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from carespine.fhir.fhirpath import temporal, ucum
from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Item, Items, root
from carespine.fhir.fhirpath.registry import Fn

# Source: FHIR R4, fhirpath.html, section Variables.
_CONSTANTS = {
    "ucum": ucum.SYSTEM,
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
}
_PREFIXES = {
    "vs-": "http://hl7.org/fhir/ValueSet/",
    "ext-": "http://hl7.org/fhir/StructureDefinition/",
}
_NODES: dict[str, Fn] = {
    "context": lambda item, frame: [frame.context],
    "resource": lambda item, frame: [frame.resource],
    "rootResource": lambda item, frame: [frame.root_resource],
}


def external(name: str) -> Fn:
    """The closure for `%name`."""
    if name in _NODES:
        return _NODES[name]
    default = _constant(name)

    def run(item: Item, frame: Frame) -> Items:
        if frame.variables is not None and name in frame.variables:
            return frame.variables[name]
        if name in frame.environment.variables:
            return as_items(frame.environment.variables[name])
        if default is None:
            raise FhirPathEvaluationError(f"the variable %{name} has no value")
        return default

    return run


def _constant(name: str) -> Items | None:
    if name in _CONSTANTS:
        return [_CONSTANTS[name]]
    for prefix, base in _PREFIXES.items():
        if name.startswith(prefix):
            return [base + name.removeprefix(prefix)]
    return None


def is_reserved(name: str) -> bool:
    """Whether an expression may not define a variable of that name."""
    return name in _NODES or _constant(name) is not None


def as_items(value: Any) -> Items:
    """A value of the caller's as a collection; resources become nodes, Python's dates those of FHIRPath."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [item for each in value for item in as_items(each)]
    if isinstance(value, dict):
        return [root(value)]
    if isinstance(value, datetime):
        return [temporal.date_time(value)]
    if isinstance(value, date):
        return [temporal.Date((value.year, value.month, value.day))]
    return [Decimal(repr(value)) if isinstance(value, float) else value]
