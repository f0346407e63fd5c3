"""Ids within a resource: of contained resources, and of elements."""

from __future__ import annotations

from typing import Any

from carespine.fhir.faults import shown
from carespine.fhir.validation.findings import ERROR
from carespine.fhir.validation.places import Place, spot
from carespine.fhir.validation.scope import Scope

# The two views of a StructureDefinition name the same elements; its own rules keep the ids of each apart.
_VIEWS = ("snapshot", "differential")
_CONTAINED = spot("DomainResource", "contained", "Resource")


def check(resource: dict[str, Any], place: Place, scope: Scope) -> None:
    """Report contained resources without an id, and ids that are given twice."""
    if "contained" in resource:
        _contained(resource["contained"], place, scope)
    seen: set[str] = set()
    twice: list[str] = []
    for name, value in resource.items():
        if (type(value) is list or type(value) is dict) and name not in _VIEWS:
            _collect(value, seen, twice)
    for each in dict.fromkeys(twice):
        message = f"has two elements with the id {shown(each)}; an id must be unique within its resource."
        scope.findings.add(ERROR, "duplicate", place, message, "element-id")


def _contained(resources: list[Any], place: Place, scope: Scope) -> None:
    seen: set[str] = set()
    for position, each in enumerate(resources):
        here = (place, _CONTAINED, position)
        identifier = each.get("id")
        if identifier is None:
            message = "has no id; without one nothing can refer to a contained resource."
            scope.findings.add(ERROR, "required", here, message, "contained-id")
        elif identifier in seen:
            message = f"has the id {shown(identifier)}, as another contained resource has."
            scope.findings.add(ERROR, "duplicate", here, message, "contained-id")
        else:
            seen.add(identifier)


def _collect(value: Any, seen: set[str], twice: list[str]) -> None:
    """Ids of elements, those of resources inside left out."""
    if type(value) is list:
        for each in value:
            if type(each) is dict:
                _collect(each, seen, twice)
        return
    if "resourceType" in value:
        return
    own = value.get("id")
    if own is not None:
        if own in seen:
            twice.append(own)
        seen.add(own)
    for each in value.values():
        if type(each) is dict or type(each) is list:
            _collect(each, seen, twice)
