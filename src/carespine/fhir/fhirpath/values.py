"""The System types that Python has no value for, and the reading of texts as System values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from carespine.fhir.fhirpath.temporal import Date, DateTime, Time

# Source: FHIRPath N1, section 3.5 (Integer is 32 bits) and the Long type of its trial-use part (64 bits).
INTEGER_MAX, INTEGER_MIN = 2**31 - 1, -(2**31)
LONG_MAX, LONG_MIN = 2**63 - 1, -(2**63)

CALENDAR_UNITS = frozenset(
    word + plural
    for word in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
)


class Long(int):
    """A whole number of the type Long; plain int is Integer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount with a UCUM code (`mg`) or a calendar word (`days`) as its unit; `1` for no unit."""

    value: Decimal
    unit: str = "1"

    def __str__(self) -> str:
        unit = self.unit if self.unit in CALENDAR_UNITS else f"'{self.unit}'"
        return f"{text_of(self.value)} {unit}"


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """What `type()` answers."""

    namespace: str
    name: str
    base_type: str | None = None


_SYSTEM_NAMES: dict[type, str] = {
    str: "String",
    bool: "Boolean",
    int: "Integer",
    Long: "Long",
    Decimal: "Decimal",
    Date: "Date",
    DateTime: "DateTime",
    Time: "Time",
    Quantity: "Quantity",
    TypeInfo: "ClassInfo",
}
SYSTEM_TYPES = frozenset(_SYSTEM_NAMES.values())


def system_name(value: Any) -> str:
    """The name of a value's System type."""
    return _SYSTEM_NAMES[type(value)]


def text_of(value: Any) -> str:
    """A System value as `toString()` writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)


_QUANTITY = re.compile(r"(?P<value>[+-]?\d+(?:\.\d+)?)\s*(?:'(?P<code>[^']+)'|(?P<word>[a-z]+))?", re.ASCII)


def parse_quantity(text: str) -> Quantity | None:
    """A Quantity from `4 days`, `10.1 'mg'` or a bare number; None for anything else."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    value, code, word = match.groups()
    if word is not None and word not in CALENDAR_UNITS:
        return None
    return Quantity(Decimal(value), code or word or "1")
