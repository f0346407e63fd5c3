"""The numbers that stand for resource types and search parameters in the tables."""

from __future__ import annotations

from functools import cache, lru_cache

from carespine.fhir import definitions
from carespine.kernel.ids import hash63


@cache
def type_numbers() -> dict[str, int]:
    """Every R4 resource type with its number."""
    return {name: number for number, name in enumerate(sorted(definitions.resource_types()), start=1)}


@cache
def _names() -> dict[int, str]:
    return {number: name for name, number in type_numbers().items()}


def type_number(name: str) -> int:
    """The number of an R4 resource type: its place in the alphabetical list, which R4 has fixed."""
    return type_numbers()[name]


def type_name(number: int) -> str:
    """The R4 resource type with this number."""
    return _names()[number]


@lru_cache(maxsize=65_536)
def param_number(resource_type: str, code: str) -> int:
    """The 63-bit number under which the index tables file a search parameter of a type."""
    return hash63(resource_type, code)
