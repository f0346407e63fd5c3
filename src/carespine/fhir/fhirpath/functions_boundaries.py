"""lowBoundary, highBoundary, precision, comparable: what a value may stand for, given how precise it is."""

from __future__ import annotations

from calendar import monthrange
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

from carespine.fhir.fhirpath import quantities
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Items, system
from carespine.fhir.fhirpath.registry import one, predicate, scalar
from carespine.fhir.fhirpath.temporal import Date, DateTime, Part, Temporal, Time
from carespine.fhir.fhirpath.values import Quantity

# Source: FHIRPath trial-use text, lowBoundary: the default and the greatest number of decimal places.
_DEFAULT_PLACES, _MOST_PLACES = 8, 28
_WIDE = Context(prec=80)

# Digits of precision -> number of parts. Source: FHIRPath trial-use text, precision: `@2014-01` has 6 digits.
_DIGITS: dict[type[Temporal], dict[int, int]] = {
    Date: {4: 1, 6: 2, 8: 3},
    DateTime: {4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 17: 6},
    Time: {2: 1, 4: 2, 9: 3},
}
# A value without an offset begins first in the easternmost zone. Source: FHIR R4 dateTime (up to +14:00), the
# official suite (down to -12:00).
_EASTERNMOST, _WESTERNMOST = 14 * 60, -12 * 60


@scalar("lowBoundary", 0, 1)
def low_boundary(value: Any, precision: int | None = None) -> Any:
    """The least value that `value` may stand for; None for a precision that there is not."""
    return _boundary(value, precision, high=False)


@scalar("highBoundary", 0, 1)
def high_boundary(value: Any, precision: int | None = None) -> Any:
    """The greatest value that `value` may stand for; None for a precision that there is not."""
    return _boundary(value, precision, high=True)


def _boundary(value: Any, precision: int | None, *, high: bool) -> Any:
    if isinstance(value, Temporal):
        return _temporal_boundary(value, precision, high=high)
    if isinstance(value, Quantity):
        number = _decimal_boundary(value.value, precision, high=high)
        return None if number is None else Quantity(number, value.unit)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _decimal_boundary(Decimal(value), precision, high=high)
    return None


def _decimal_boundary(value: Decimal, places: int | None, *, high: bool) -> Decimal | None:
    """Half a unit of the last digit written to either side, rounded away from the value to `places`."""
    places = _DEFAULT_PLACES if places is None else places
    exponent = value.as_tuple().exponent
    if not 0 <= places <= _MOST_PLACES or not isinstance(exponent, int):
        return None
    half = Decimal(5).scaleb(min(exponent, 0) - 1)
    edge = _WIDE.add(value, half if high else -half)
    return edge.quantize(Decimal(1).scaleb(-places), ROUND_CEILING if high else ROUND_FLOOR, _WIDE)


def _temporal_boundary(value: Temporal, digits: int | None, *, high: bool) -> Temporal | None:
    table = _DIGITS[type(value)]
    count = table.get(max(table) if digits is None else digits)
    if count is None:
        return None
    parts = _filled(value, count, high=high)
    offset = value.offset
    if isinstance(value, DateTime) and count > 3 and offset is None:
        offset = _WESTERNMOST if high else _EASTERNMOST
    return type(value)(parts, offset if count > 3 else None)


def _filled(value: Temporal, count: int, *, high: bool) -> tuple[Part, ...]:
    is_time = isinstance(value, Time)
    parts: list[Part] = [2000, 1, 1, *value.parts] if is_time else list(value.parts)
    wanted = count + 3 if is_time else count
    while len(parts) < wanted:
        parts.append(_bound(parts, high=high, given=len(value.parts) + (3 if is_time else 0)))
    if wanted == 6:
        parts[5] = _with_milliseconds(Decimal(parts[5]), high=high)
    return tuple(parts[3:wanted] if is_time else parts[:wanted])


def _bound(parts: list[Part], *, high: bool, given: int) -> Part:
    """The least or greatest value of the part after `parts`."""
    place = len(parts)
    if not high:
        return Decimal(0) if place == 5 else 1 if place < 3 else 0
    if place == 4 and given == 4:
        # FHIR's times always have minutes: an hour alone can only have been written for the full hour.
        return 0
    if place == 2:
        return monthrange(int(parts[0]), int(parts[1]))[1]
    return (12, 12, 31, 23, 59, Decimal(59))[place]


def _with_milliseconds(second: Decimal, *, high: bool) -> Decimal:
    whole, _, fraction = f"{second:f}".partition(".")
    return Decimal(f"{whole}.{fraction[:3].ljust(3, '9' if high else '0')}")


@scalar("precision", returns="Integer")
def precision(value: Any) -> int | None:
    """Digits after the point of a number, or digits written of a date or time."""
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return 0
    if isinstance(value, Temporal):
        return sum(character.isdigit() for character in str(type(value)(value.parts)))
    return None


@predicate("comparable", 1)
def comparable(items: Items, other: Items) -> bool | None:
    """Whether two quantities have units that convert into one another."""
    here, there = one(items, "comparable"), one(other, "comparable")
    if here is None or there is None:
        return None
    left, right = quantities.as_quantity(system(here)), quantities.as_quantity(system(there))
    if left is None or right is None:
        raise FhirPathEvaluationError("comparable() takes quantities")
    return quantities.are_comparable(left, right)
