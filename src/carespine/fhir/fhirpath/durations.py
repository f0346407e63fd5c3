"""Adding a duration to a date or time, by the rules of the calendar."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import TypeVar

from carespine.fhir.fhirpath.temporal import Part, Temporal, Time

AnyTemporal = TypeVar("AnyTemporal", bound=Temporal)

_MONTHS_A_YEAR = 12
# Place of a unit among the parts year, month, day, hour, minute, second.
_PLACES = {
    "year": 0, "month": 1, "week": 2, "day": 2, "hour": 3, "minute": 4, "second": 5, "millisecond": 5,
}  # fmt: skip
_UCUM = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
# How many of a part make up one of the part before it. Source: FHIRPath N1, 6.7, date/time arithmetic.
_PER_LARGER = (1, 12, 30, 24, 60, 60)


def calendar_unit(unit: str) -> str | None:
    """The singular calendar word for a unit that may be added to dates; None for any other unit.

    UCUM's `a` and `mo` are means (365.25 and 30.4375 days), not calendar steps, and so are none.
    """
    word = unit.removesuffix("s") if unit.endswith("s") and len(unit) > 2 else unit
    return word if word in _PLACES else _UCUM.get(unit)


def add(value: AnyTemporal, amount: Decimal, unit: str) -> AnyTemporal | None:
    """`value` moved by `amount` of a `calendar_unit`; None where the result leaves the years 1 to 9999.

    Fractions count for seconds and milliseconds only. A unit finer than the value is converted to the value's
    own precision first, fractions dropped.
    """
    if unit == "week":
        amount, unit = amount.to_integral_value(ROUND_DOWN) * 7, "day"
    if unit == "millisecond":
        amount, unit = amount / 1000, "second"
    place = _PLACES[unit]
    if place < 5:
        amount = amount.to_integral_value(ROUND_DOWN)
    last = len(value.parts) - 1 + (3 if isinstance(value, Time) else 0)
    while place > last:
        amount = (amount / _PER_LARGER[place]).to_integral_value(ROUND_DOWN)
        place -= 1
    try:
        parts = (
            _add_time(value.parts, amount, place)
            if isinstance(value, Time)
            else _add(value.parts, amount, place)
        )
    except (OverflowError, ValueError):
        return None
    return type(value)(parts, value.offset)


def _add_time(parts: tuple[Part, ...], amount: Decimal, place: int) -> tuple[Part, ...]:
    if place < 3:
        return parts
    moved = _add((2000, 1, 15, *parts), _within_a_day(amount, place), place)
    return moved[3:]


def _within_a_day(amount: Decimal, place: int) -> Decimal:
    return amount % {3: 24, 4: 1440, 5: 86400}[place]


def _add(parts: tuple[Part, ...], amount: Decimal, place: int) -> tuple[Part, ...]:
    if place < 2:
        return _add_months(parts, int(amount) * (_MONTHS_A_YEAR if place == 0 else 1))
    return _add_exactly(parts, amount, place)


def _add_months(parts: tuple[Part, ...], months: int) -> tuple[Part, ...]:
    if len(parts) == 1:
        return _checked((int(parts[0]) + months // _MONTHS_A_YEAR,))
    year, month = divmod(int(parts[0]) * _MONTHS_A_YEAR + int(parts[1]) - 1 + months, _MONTHS_A_YEAR)
    moved = _checked((year, month + 1))
    if len(parts) == 2:
        return moved
    return (*moved, min(int(parts[2]), monthrange(year, month + 1)[1]), *parts[3:])


def _checked(parts: tuple[int, ...]) -> tuple[Part, ...]:
    if not 1 <= parts[0] <= 9999:
        raise OverflowError
    return parts


def _add_exactly(parts: tuple[Part, ...], amount: Decimal, place: int) -> tuple[Part, ...]:
    """Days, hours, minutes or seconds, carried upwards from the part they are added to."""
    moved = list(parts)
    for at, size in ((5, 60), (4, 60), (3, 24)):
        if at <= place and at < len(moved):
            total = Decimal(moved[at]) + amount
            carry = (total / size).to_integral_value("ROUND_FLOOR")
            rest = total - carry * size
            moved[at] = rest if at == 5 else int(rest)
            amount = carry
    day = date(int(moved[0]), int(moved[1]), int(moved[2])) + timedelta(days=int(amount))
    return (day.year, day.month, day.day, *moved[3:])
