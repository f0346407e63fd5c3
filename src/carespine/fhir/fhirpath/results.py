"""Results as the caller gets them."""

from __future__ import annotations

from typing import Any, NamedTuple

from carespine.fhir.fhirpath.model import Items
from carespine.fhir.fhirpath.values import system_name


class TypedValue(NamedTuple):
    """One result with its type: `FHIR.Quantity`, `System.String`, ...

    `value` is the JSON of a node of the resource, None for a primitive that only has extensions; `sibling`
    is the JSON of the primitive's `_name`, if any.
    """

    type: str
    value: Any
    sibling: Any = None


def plain(items: Items) -> list[Any]:
    """The JSON values of nodes and the System values; primitives without a value are left out."""
    values = [item[0] if type(item) is tuple else item for item in items]
    return [value for value in values if value is not None] if None in values else values


def typed(items: Items) -> list[TypedValue]:
    """The results with their types."""
    return [
        TypedValue(f"FHIR.{item[1].name}", item[0], item[2])
        if type(item) is tuple
        else TypedValue(f"System.{system_name(item)}", item)
        for item in items
    ]
