"""Comparing, converting and calculating with quantities."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from carespine.fhir.fhirpath import ucum
from carespine.fhir.fhirpath.durations import calendar_unit
from carespine.fhir.fhirpath.values import CALENDAR_UNITS, Quantity

# Digits of a Decimal result. Source: FHIRPath N1, section 2.3 (28 digits); the same as Python's default.
ARITHMETIC = Context(prec=28)

# Calendar words that are exactly a UCUM unit. Source: FHIRPath N1, section 2.7, Time-valued Quantities.
_EXACT = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
# Calendar words that are a UCUM unit only in equivalence. Source: the same table.
_ABOUT = {"year": "a", "month": "mo"}
_CALENDAR_MONTHS = {"year": 12, "month": 1}


def as_quantity(value: Any) -> Quantity | None:
    """A Quantity as it is, a number as a Quantity without a unit; None for anything else."""
    if isinstance(value, Quantity):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Quantity(Decimal(value))
    return None


def meaning(unit: str) -> ucum.Unit | None:
    """What a unit, UCUM or calendar word, is worth; None for one that is neither."""
    if unit in CALENDAR_UNITS:
        word = calendar_unit(unit) or unit
        if word in _CALENDAR_MONTHS:
            return ucum.Unit(Fraction(_CALENDAR_MONTHS[word]), (("calendar month", 1),))
        return ucum.unit(_EXACT[word])
    return ucum.unit(unit)


def compare(left: Quantity, right: Quantity) -> int | None:
    """-1, 0 or 1; None where the units measure different things or are not known."""
    if left.unit == right.unit:
        return (left.value > right.value) - (left.value < right.value)
    one, other = meaning(left.unit), meaning(right.unit)
    if one is None or other is None or one.dimensions != other.dimensions:
        return None
    difference = one.in_base(left.value) - other.in_base(right.value)
    return (difference > 0) - (difference < 0)


def are_comparable(left: Quantity, right: Quantity) -> bool:
    """Whether `compare` has an answer for the two units."""
    return compare(left, right) is not None


def key(value: Quantity) -> Any:
    """A hashable that equal quantities share."""
    unit = meaning(value.unit)
    return (value.value, value.unit) if unit is None else (unit.in_base(value.value), unit.dimensions)


def in_coarser_unit(left: Quantity, right: Quantity) -> tuple[Decimal, Decimal] | None:
    """Both values in the larger of the two units, for comparing them roughly; None if they do not convert."""
    if left.unit == right.unit:
        return left.value, right.value
    one, other = _rough_meaning(left.unit), _rough_meaning(right.unit)
    if one is None or other is None or one.dimensions != other.dimensions:
        return None
    if one.factor >= other.factor:
        return left.value, _expressed(right.value, other, one)
    return _expressed(left.value, one, other), right.value


def _rough_meaning(unit: str) -> ucum.Unit | None:
    word = calendar_unit(unit) if unit in CALENDAR_UNITS else None
    return ucum.unit(_ABOUT[word]) if word in _ABOUT else meaning(unit)


def _expressed(value: Decimal, source: ucum.Unit, target: ucum.Unit) -> Decimal:
    return _decimal((source.in_base(value) - target.zero) / target.factor)


def _decimal(value: Fraction) -> Decimal:
    return ARITHMETIC.divide(Decimal(value.numerator), Decimal(value.denominator))


def convert(value: Quantity, unit: str) -> Quantity | None:
    """The same amount in another unit; None where the units do not convert."""
    if value.unit == unit:
        return value
    source, target = meaning(value.unit), meaning(unit)
    if source is None or target is None or source.dimensions != target.dimensions:
        return None
    return Quantity(_expressed(value.value, source, target), unit)


def add(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    """Sum or difference in the unit of the left; None where the units do not convert."""
    other = convert(right, left.unit)
    if other is None:
        return None
    return Quantity(ARITHMETIC.add(left.value, sign * other.value), left.unit)


def multiply(left: Quantity, right: Quantity) -> Quantity | None:
    """The product, its unit the product of the units; None where a unit is no UCUM code."""
    return _combined(left, right, ARITHMETIC.multiply(left.value, right.value), ".")


def divide(left: Quantity, right: Quantity) -> Quantity | None:
    """The quotient; None where a unit is no UCUM code or the divisor is zero."""
    if right.value == 0:
        return None
    return _combined(left, right, ARITHMETIC.divide(left.value, right.value), "/")


def _combined(left: Quantity, right: Quantity, value: Decimal, joint: str) -> Quantity | None:
    one, other = _ucum_code(left.unit), _ucum_code(right.unit)
    if one is None or other is None:
        return None
    if other == "1":
        return Quantity(value, left.unit)
    if one == "1" and joint == ".":
        return Quantity(value, right.unit)
    if one == other and joint == "/":
        return Quantity(value)
    code = f"{_bracketed(one)}{joint}{_bracketed(other)}"
    result = ucum.unit(code)
    if result is not None and not result.dimensions:
        return Quantity(ARITHMETIC.multiply(value, _decimal(result.factor)))
    return Quantity(value, code)


def _ucum_code(unit: str) -> str | None:
    if unit in CALENDAR_UNITS:
        word = calendar_unit(unit) or unit
        return _EXACT.get(word) or _ABOUT[word]
    return unit if ucum.unit(unit) is not None else None


def _bracketed(code: str) -> str:
    return f"({code})" if "." in code or "/" in code else code
