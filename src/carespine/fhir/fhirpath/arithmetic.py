"""The operators + - * / div mod & and the sign, on single items."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal, DecimalException
from typing import Any

from carespine.fhir.fhirpath import durations, quantities
from carespine.fhir.fhirpath.comparing import describe, is_number
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Item, Items, system
from carespine.fhir.fhirpath.quantities import ARITHMETIC
from carespine.fhir.fhirpath.temporal import Temporal
from carespine.fhir.fhirpath.values import (
    INTEGER_MAX,
    INTEGER_MIN,
    LONG_MAX,
    LONG_MIN,
    Long,
    Quantity,
)

Operation = Callable[[Item, Item], Any]

# FHIR's quantities name calendar steps by UCUM's codes. Source: FHIR R4, fhirpath.html, Use of FHIR Quantity.
_STEPS_OF_FHIR = {"a": "year", "mo": "month"}


def number(value: Any, *, like: tuple[Any, ...] = ()) -> Any:
    """A result as a number of FHIRPath: Decimal as it is, whole numbers as Integer or Long; None on overflow.

    A whole number is a Long where one of `like` is.
    """
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if any(type(each) is Long for each in like):
        return Long(value) if LONG_MIN <= value <= LONG_MAX else None
    return int(value) if INTEGER_MIN <= value <= INTEGER_MAX else None


def _numbers(left: Any, right: Any) -> bool:
    return is_number(left) and is_number(right)


def _whole(left: Any, right: Any) -> bool:
    return isinstance(left, int) and isinstance(right, int)


def _refuse(sign: str, left: Item, right: Item) -> FhirPathEvaluationError:
    return FhirPathEvaluationError(f"{sign} has no meaning for {describe(left)} and {describe(right)}")


def plus(left: Item, right: Item) -> Any:
    one, other = system(left), system(right)
    if isinstance(one, str) and isinstance(other, str):
        return one + other
    return _sum(left, right, 1)


def minus(left: Item, right: Item) -> Any:
    return _sum(left, right, -1)


def _sum(left: Item, right: Item, sign: int) -> Any:
    one, other = system(left), system(right)
    if _whole(one, other) and _numbers(one, other):
        return number(one + sign * other, like=(one, other))
    if _numbers(one, other):
        return number(ARITHMETIC.add(Decimal(one), sign * Decimal(other)))
    if isinstance(one, Temporal) and isinstance(other, Quantity):
        return _moved(one, other, sign, from_resource=type(right) is tuple)
    if isinstance(one, Quantity) and isinstance(other, Quantity):
        return quantities.add(one, other, sign)
    raise _refuse("+" if sign > 0 else "-", left, right)


def _moved(moment: Temporal, step: Quantity, sign: int, *, from_resource: bool) -> Any:
    unit = _STEPS_OF_FHIR.get(step.unit, step.unit) if from_resource else step.unit
    word = durations.calendar_unit(unit)
    if word is None:
        raise FhirPathEvaluationError("only a duration with a calendar unit can be added to a date or time")
    return durations.add(moment, sign * step.value, word)


def times(left: Item, right: Item) -> Any:
    one, other = system(left), system(right)
    if _whole(one, other) and _numbers(one, other):
        return number(one * other, like=(one, other))
    if _numbers(one, other):
        return number(ARITHMETIC.multiply(Decimal(one), Decimal(other)))
    return _of_quantities(left, right, "*", quantities.multiply)


def divide(left: Item, right: Item) -> Any:
    one, other = system(left), system(right)
    if _numbers(one, other):
        return number(ARITHMETIC.divide(Decimal(one), Decimal(other))) if other else None
    return _of_quantities(left, right, "/", quantities.divide)


def _of_quantities(
    left: Item, right: Item, sign: str, operation: Callable[[Quantity, Quantity], Quantity | None]
) -> Quantity | None:
    one, other = quantities.as_quantity(system(left)), quantities.as_quantity(system(right))
    if one is None or other is None:
        raise _refuse(sign, left, right)
    return operation(one, other)


def whole_divide(left: Item, right: Item) -> Any:
    one, other = system(left), system(right)
    if not _numbers(one, other):
        raise _refuse("div", left, right)
    if not other:
        return None
    quotient = ARITHMETIC.divide(Decimal(one), Decimal(other)).to_integral_value(ROUND_DOWN)
    return number(int(quotient), like=(one, other))


def modulo(left: Item, right: Item) -> Any:
    one, other = system(left), system(right)
    if not _numbers(one, other):
        raise _refuse("mod", left, right)
    if not other:
        return None
    rest = ARITHMETIC.remainder(Decimal(one), Decimal(other))
    return number(int(rest), like=(one, other)) if _whole(one, other) else rest


def concatenate(left: Items, right: Items) -> str:
    """`&`: the empty collection counts as the empty text."""
    texts = [system(items[0]) if items else "" for items in (left, right)]
    for text, items in zip(texts, (left, right), strict=True):
        if text is not None and not isinstance(text, str):
            raise FhirPathEvaluationError(f"& joins texts, not {describe(items[0])}")
    return "".join(text or "" for text in texts)


def negate(item: Item) -> Any:
    value = system(item)
    if is_number(value):
        return -value if isinstance(value, Decimal) else number(-value, like=(value,))
    if isinstance(value, Quantity):
        return Quantity(-value.value, value.unit)
    raise FhirPathEvaluationError(f"- has no meaning for {describe(item)}")


BINARY: dict[str, Operation] = {
    "+": plus,
    "-": minus,
    "*": times,
    "/": divide,
    "div": whole_divide,
    "mod": modulo,
}


def apply(operator: str, left: Item, right: Item) -> Any:
    """The value of `left operator right`; None for the empty collection (overflow, division by zero)."""
    if system(left) is None or system(right) is None:
        return None
    try:
        return BINARY[operator](left, right)
    except DecimalException:
        return None
