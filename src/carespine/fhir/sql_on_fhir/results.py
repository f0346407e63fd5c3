"""Items of FHIRPath as values of a table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from carespine.fhir.fhirpath.values import Quantity

_PLAIN = (str, bool, int, Decimal)


def plain_value(item: Any) -> Any:
    """The JSON of a node, a System value as text, number or truth; None for a primitive without a value."""
    if type(item) is tuple:
        return item[0]
    if isinstance(item, _PLAIN):
        return item
    if isinstance(item, Quantity):
        return {"value": item.value, "unit": item.unit}
    return str(item).removeprefix("@").removeprefix("T")
