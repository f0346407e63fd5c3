"""What FHIR's primitives and quantities are as System values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from carespine.fhir.fhirpath import temporal, ucum
from carespine.fhir.fhirpath.values import Quantity

# From a node (JSON value, type, sibling), see `model`, to its System value.
Converter: TypeAlias = Callable[[Any], Any]


def converter(ancestors: Sequence[str]) -> Converter | None:
    """How nodes of a type become System values; None where the JSON value is one already."""
    for name in ancestors:
        if name in _CONVERTERS:
            return _CONVERTERS[name]
    return _itself


def _itself(node: Any) -> Any:
    return node


def _decimal(node: Any) -> Any:
    value = node[0]
    if type(value) is int:
        return Decimal(value)
    return Decimal(repr(value)) if isinstance(value, float) else value


def _temporal(parse: Callable[[str], Any]) -> Converter:
    def convert(node: Any) -> Any:
        text = node[0]
        if type(text) is not str:
            return text
        value = parse(text)
        return text if value is None else value

    return convert


def _quantity(node: Any) -> Any:
    """Source: FHIR R4, fhirpath.html, Use of FHIR Quantity; with a comparator it is a range, no value."""
    tree = node[0]
    value = tree.get("value") if type(tree) is dict else None
    if value is None or tree.get("comparator") is not None:
        return node
    code, unit_system = tree.get("code"), tree.get("system")
    if code is None:
        unit = tree.get("unit") or "1"
    elif unit_system in (None, ucum.SYSTEM):
        unit = code
    else:
        unit = f"{unit_system}|{code}"
    amount = _decimal((value, node[1], None))
    return Quantity(amount, unit) if type(amount) is Decimal else node


_CONVERTERS: dict[str, Converter | None] = {
    "boolean": None,
    "string": None,
    "uri": None,
    "base64Binary": None,
    "xhtml": None,
    "integer": None,
    "decimal": _decimal,
    "date": _temporal(temporal.parse_date),
    "dateTime": _temporal(temporal.parse_date_time),
    "instant": _temporal(temporal.parse_date_time),
    "time": _temporal(temporal.parse_time),
    "Quantity": _quantity,
}
