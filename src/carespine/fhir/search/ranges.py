"""Values that span a range: dates, periods, timings, numbers, quantities, as (low, high) pairs."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from carespine.fhir.search import moments

Range = tuple[Any, Any]
# Money is searched as a quantity whose unit is the currency. FHIR R4, datatypes.html#money.
CURRENCIES = "urn:iso:std:iso:4217"
# Low and high, then system, code and unit.
Amount = tuple[Decimal | None, Decimal | None, str, str, str]


def of_date(value: str) -> Range | None:
    """A date, dateTime or instant."""
    return moments.interval(value)


def of_period(value: dict[str, Any]) -> Range | None:
    """A Period; None on the side that is open. Without start and end there is nothing to find."""
    start, end = value.get("start"), value.get("end")
    if start is None and end is None:
        return None
    return (
        None if start is None else moments.interval(start)[0],
        None if end is None else moments.interval(end)[1],
    )


def of_timing(value: dict[str, Any]) -> Range | None:
    """A Timing: from the first to the last of its events and its bounds."""
    spans = [moments.interval(event) for event in value.get("event", ()) if event is not None]
    bounds = of_period(value.get("repeat", {}).get("boundsPeriod", {}))
    if bounds is not None:
        spans.append(bounds)
    if not spans:
        return None
    lows, highs = [low for low, _ in spans], [high for _, high in spans]
    return (None if None in lows else min(lows), None if None in highs else max(highs))


def of_number(value: Decimal | int) -> Range | None:
    """A decimal or integer: a point."""
    number = Decimal(value)
    return number, number


def of_range(value: dict[str, Any]) -> Range | None:
    """The numbers of a Range."""
    low, high = value.get("low", {}).get("value"), value.get("high", {}).get("value")
    if low is None and high is None:
        return None
    return None if low is None else Decimal(low), None if high is None else Decimal(high)


def amount_of_quantity(value: dict[str, Any]) -> Amount | None:
    """A Quantity, Age, Duration, ...; `< 5` is open below, `> 5` above."""
    number = value.get("value")
    if number is None:
        return None
    low = high = Decimal(number)
    comparator = value.get("comparator", "")
    return (
        None if comparator.startswith("<") else low,
        None if comparator.startswith(">") else high,
        *_unit(value),
    )


def amount_of_money(value: dict[str, Any]) -> Amount | None:
    """A Money: the currency is system, code and unit."""
    number, currency = value.get("value"), value.get("currency", "")
    if number is None:
        return None
    return Decimal(number), Decimal(number), CURRENCIES if currency else "", currency, currency


def amount_of_range(value: dict[str, Any]) -> Amount | None:
    """A Range, in the unit of whichever end has one."""
    span = of_range(value)
    if span is None:
        return None
    system, code, unit = (
        one or other
        for one, other in zip(_unit(value.get("low", {})), _unit(value.get("high", {})), strict=True)
    )
    return (*span, system, code, unit)


# A sample as R4 writes decimals, of a size that a measurement can have; what is none is found by nothing.
_SAMPLE = re.compile(r"-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,2})?")


def amount_of_samples(value: dict[str, Any]) -> Amount | None:
    """A SampledData: from its least to its greatest sample, in the unit of its origin."""
    origin, factor = value.get("origin", {}), Decimal(value.get("factor", 1))
    zero = Decimal(origin.get("value", 0))
    limits = {"L": value.get("lowerLimit"), "U": value.get("upperLimit")}
    samples = [limits.get(word, word) for word in value.get("data", "").split() if word != "E"]
    numbers = [
        Decimal(sample) * factor + zero
        for sample in samples
        if sample is not None and (not isinstance(sample, str) or _SAMPLE.fullmatch(sample))
    ]
    if not numbers:
        return None
    return (min(numbers), max(numbers), *_unit(origin))


def _unit(value: dict[str, Any]) -> tuple[str, str, str]:
    return value.get("system", ""), value.get("code", ""), value.get("unit", "")


DATES: dict[str, Callable[[Any], Range | None]] = {
    "date": of_date,
    "dateTime": of_date,
    "instant": of_date,
    "Period": of_period,
    "Timing": of_timing,
}
NUMBERS: dict[str, Callable[[Any], Range | None]] = {
    "decimal": of_number,
    "integer": of_number,
    "positiveInt": of_number,
    "unsignedInt": of_number,
    "Range": of_range,
}
AMOUNTS: dict[str, Callable[[Any], Amount | None]] = {
    "Quantity": amount_of_quantity,
    "Age": amount_of_quantity,
    "Count": amount_of_quantity,
    "Distance": amount_of_quantity,
    "Duration": amount_of_quantity,
    "Money": amount_of_money,
    "Range": amount_of_range,
    "SampledData": amount_of_samples,
}
