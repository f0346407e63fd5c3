"""Walking the tree without naming elements, and looking at types: children, descendants, type."""

from __future__ import annotations

from carespine.fhir.fhirpath.model import Items, children_of
from carespine.fhir.fhirpath.registry import collection
from carespine.fhir.fhirpath.types import type_info


@collection("children", returns=None)
def children(items: Items) -> Items:
    return [child for each in items if type(each) is tuple for child in children_of(each)]


@collection("descendants", returns=None)
def descendants(items: Items) -> Items:
    """Every node below, level by level; equal nodes are all kept, since each has its own place."""
    found: Items = []
    level = items
    while level:
        level = children(level)
        found += level
    return found


@collection("type", returns="ClassInfo")
def type_(items: Items) -> Items:
    return [type_info(each) for each in items]
