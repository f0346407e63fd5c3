"""Conversion: toInteger and the rest, each with its convertsTo companion."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from carespine.fhir.fhirpath import quantities, temporal
from carespine.fhir.fhirpath.model import Items, system
from carespine.fhir.fhirpath.registry import argument, collection, one, predicate
from carespine.fhir.fhirpath.temporal import Date, DateTime, Time
from carespine.fhir.fhirpath.values import (
    INTEGER_MAX,
    INTEGER_MIN,
    LONG_MAX,
    LONG_MIN,
    Long,
    Quantity,
    parse_quantity,
    text_of,
)

# Source: FHIRPath N1, section 5.5.2, table of texts that stand for true and false.
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?", re.ASCII)


def to_boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.lower()
        return True if word in _TRUE else False if word in _FALSE else None
    if isinstance(value, int | Decimal) and value in (0, 1):
        return bool(value)
    return None


def to_integer(value: Any) -> int | None:
    number = _whole(value)
    return int(number) if number is not None and INTEGER_MIN <= number <= INTEGER_MAX else None


def to_long(value: Any) -> Long | None:
    number = _whole(value)
    return Long(number) if number is not None and LONG_MIN <= number <= LONG_MAX else None


def _whole(value: Any) -> int | None:
    if isinstance(value, int):
        return int(value)
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else None


def to_decimal(value: Any) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int):
        return Decimal(value)
    return Decimal(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else None


def to_string(value: Any) -> str | None:
    return None if type(value) is tuple else text_of(value)


def to_date(value: Any) -> Date | None:
    if isinstance(value, Date):
        return value
    if isinstance(value, DateTime):
        return Date(value.parts[:3])
    if not isinstance(value, str):
        return None
    moment = temporal.parse_date_time(value)
    return None if moment is None else Date(moment.parts[:3])


def to_date_time(value: Any) -> DateTime | None:
    if isinstance(value, DateTime):
        return value
    if isinstance(value, Date):
        return DateTime(value.parts)
    return temporal.parse_date_time(value) if isinstance(value, str) else None


def to_time(value: Any) -> Time | None:
    if isinstance(value, Time):
        return value
    return temporal.parse_time(value.removeprefix("T")) if isinstance(value, str) else None


def to_quantity(value: Any, unit: Any = None) -> Quantity | None:
    found = parse_quantity(value) if isinstance(value, str) else quantities.as_quantity(value)
    if isinstance(value, bool):
        found = Quantity(Decimal("1.0" if value else "0.0"))
    return found if found is None or unit is None else quantities.convert(found, str(unit))


_CONVERSIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "Boolean": (to_boolean, 0),
    "Integer": (to_integer, 0),
    "Long": (to_long, 0),
    "Decimal": (to_decimal, 0),
    "String": (to_string, 0),
    "Date": (to_date, 0),
    "DateTime": (to_date_time, 0),
    "Time": (to_time, 0),
    "Quantity": (to_quantity, 1),
}


def _register(name: str, convert: Callable[..., Any], most: int) -> None:
    def converted(items: Items, *arguments: Items) -> Any:
        item = one(items, f"to{name}")
        value = None if item is None else system(item)
        return None if value is None else convert(value, *[argument(each, f"to{name}") for each in arguments])

    @collection(f"to{name}", 0, most, returns=name)
    def to(items: Items, *arguments: Items) -> Items:
        value = converted(items, *arguments)
        return [] if value is None else [value]

    @predicate(f"convertsTo{name}", 0, most)
    def converts_to(items: Items, *arguments: Items) -> bool | None:
        return converted(items, *arguments) is not None if items else None


for _name, (_convert, _most) in _CONVERSIONS.items():
    _register(_name, _convert, _most)
