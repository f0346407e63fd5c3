"""Whether a value is what a profile fixes it to, or holds what its pattern shows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def is_fixed(value: Any, wanted: Any) -> bool:
    """Whether a value is exactly the wanted one, order and all. FHIR R4, elementdefinition.html: `fixed[x]`."""
    if isinstance(wanted, dict):
        return (
            isinstance(value, dict)
            and value.keys() == wanted.keys()
            and all(is_fixed(value[name], each) for name, each in wanted.items())
        )
    if isinstance(wanted, list):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(is_fixed(own, each) for own, each in zip(value, wanted, strict=True))
        )
    return same(value, wanted)


def fits(value: Any, pattern: Any) -> bool:
    """Whether a value holds all that the pattern has, perhaps more. FHIR R4, elementdefinition.html: `pattern[x]`."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            name in value and fits(value[name], each) for name, each in pattern.items()
        )
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(fits(own, each) for own in value) for each in pattern)
    return same(value, pattern)


def same(value: Any, wanted: Any) -> bool:
    """Whether two primitive values are the same; true is not 1, and 1.0 is 1.00."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, Decimal) or isinstance(wanted, Decimal):
        return isinstance(value, Decimal | int) and Decimal(value) == Decimal(wanted)
    return bool(value == wanted)
