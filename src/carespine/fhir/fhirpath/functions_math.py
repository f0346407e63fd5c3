"""Functions on numbers and quantities, and the sums over collections."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException
from functools import reduce, wraps
from typing import Any, ParamSpec

from carespine.fhir.fhirpath import arithmetic, comparing
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Items
from carespine.fhir.fhirpath.quantities import ARITHMETIC
from carespine.fhir.fhirpath.registry import collection, scalar
from carespine.fhir.fhirpath.values import Quantity, system_name

_P = ParamSpec("_P")
# Logarithms are rounded to this many digits, fewer than they are calculated with, so that log(16, 2) is 4.
_LOGARITHM_DIGITS = 20


def _on_numbers(function: Callable[_P, Any]) -> Callable[_P, Any]:
    """Refuse anything but numbers; a result out of range, or none at all, is the empty collection."""

    @wraps(function)
    def checked(*values: _P.args, **none: _P.kwargs) -> Any:
        for value in values:
            if not comparing.is_number(value):
                found = "a resource's element" if type(value) is tuple else system_name(value)
                raise FhirPathEvaluationError(f"{function.__name__}() takes numbers, not {found}")
        try:
            result = function(*values, **none)
        except DecimalException:
            return None
        return None if result is None else arithmetic.number(result, like=values)

    return checked


@scalar("abs")
def absolute(value: Any) -> Any:
    if isinstance(value, Quantity):
        return Quantity(abs(value.value), value.unit)
    return _absolute(value)


@_on_numbers
def _absolute(value: Any) -> Any:
    return abs(value)


@scalar("ceiling", returns="Integer")
@_on_numbers
def ceiling(value: Any) -> Any:
    return int(Decimal(value).to_integral_value(ROUND_CEILING))


@scalar("floor", returns="Integer")
@_on_numbers
def floor(value: Any) -> Any:
    return int(Decimal(value).to_integral_value(ROUND_FLOOR))


@scalar("truncate", returns="Integer")
@_on_numbers
def truncate(value: Any) -> Any:
    return int(Decimal(value).to_integral_value(ROUND_DOWN))


@scalar("round", 0, 1)
@_on_numbers
def round_(value: Any, places: int = 0) -> Any:
    if places < 0:
        raise FhirPathEvaluationError("round() takes a number of places from 0 on")
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    if isinstance(value, int) or not isinstance(exponent, int) or -exponent <= places:
        return value
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


@scalar("exp", returns="Decimal")
@_on_numbers
def exp(value: Any) -> Any:
    return Decimal(value).exp(ARITHMETIC)


@scalar("ln", returns="Decimal")
@_on_numbers
def ln(value: Any) -> Any:
    return Decimal(value).ln(ARITHMETIC) if value > 0 else None


@scalar("log", 1, returns="Decimal")
@_on_numbers
def log(value: Any, base: Any) -> Any:
    if value <= 0 or base <= 0 or base == 1:
        return None
    exact = ARITHMETIC.divide(Decimal(value).ln(ARITHMETIC), Decimal(base).ln(ARITHMETIC))
    return +exact.quantize(Decimal(1).scaleb(exact.adjusted() + 1 - _LOGARITHM_DIGITS)).normalize()


@scalar("power", 1)
@_on_numbers
def power(value: Any, exponent: Any) -> Any:
    if value < 0 and Decimal(exponent) % 1:
        return None
    result = ARITHMETIC.power(Decimal(value), Decimal(exponent))
    whole = isinstance(value, int) and isinstance(exponent, int) and exponent >= 0
    return int(result) if whole and abs(result) < 10**20 else None if whole else result


@scalar("sqrt", returns="Decimal")
@_on_numbers
def sqrt(value: Any) -> Any:
    return Decimal(value).sqrt(ARITHMETIC) if value >= 0 else None


def _total(items: Items) -> Any:
    return reduce(lambda left, right: arithmetic.apply("+", left, right), items)


@collection("sum")
def sum_(items: Items) -> Items:
    total = _total(items) if items else None
    return [] if total is None else [total]


@collection("avg", returns="Decimal")
def avg(items: Items) -> Items:
    total = _total(items) if items else None
    mean = None if total is None else arithmetic.apply("/", total, len(items))
    return [] if mean is None else [mean]


def _extreme(items: Items, sign: int) -> Items:
    best = items[:1]
    for each in items[1:]:
        order = comparing.order(each, best[0])
        if order is None:
            return []
        if order == sign:
            best = [each]
    return best


@collection("min")
def min_(items: Items) -> Items:
    return _extreme(items, -1)


@collection("max")
def max_(items: Items) -> Items:
    return _extreme(items, 1)
