"""One criterion as a condition in SQL on a row of `resource`; each value kind has its own few lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from carespine.fhir.search import keys_for, must_be_missing, reference_keys, row_names
from carespine.fhir.search.criteria import (
    Criterion,
    DateValue,
    MissingValue,
    NearValue,
    NumberValue,
    QuantityValue,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from carespine.kernel.errors import Invalid
from carespine.storage.index_rows import LONGEST_VALUE, URI, code_number, unit_number
from carespine.storage.instants import instant, micros
from carespine.storage.sql import Arguments
from carespine.storage.types import param_number

_KM_PER_DEGREE = 111.32
_EARTH_KM = 6371.0
_SURROGATES = (0xD800, 0xDFFF)  # no characters: they cannot be stored
_LAST_CHARACTER = 0x10FFFF

# How a stored range [low, high) compares with the asked range [$low, $high): R4 search.html#prefix.
_DATES = {
    "eq": "({low} >= {a} and {high} <= {b})",
    "ne": "not ({low} >= {a} and {high} <= {b})",
    "gt": "{high} > {b}",
    "lt": "{low} < {a}",
    "ge": "({high} > {b} or ({low} >= {a} and {high} <= {b}))",
    "le": "({low} < {a} or ({low} >= {a} and {high} <= {b}))",
    "sa": "{low} >= {b}",
    "eb": "{high} <= {a}",
    "ap": "({low} < {b} and {high} > {a})",
}
# Stored numbers are points (or closed ranges); only eq, ne and ap use the width of the number asked for.
_NUMBERS = {
    "eq": "({low} >= {a} and {high} < {b})",
    "ne": "not ({low} >= {a} and {high} < {b})",
    "gt": "{high} > {v}",
    "lt": "{low} < {v}",
    "ge": "{high} >= {v}",
    "le": "{low} <= {v}",
    "sa": "{low} > {v}",
    "eb": "{high} < {v}",
    "ap": "({low} <= {b} and {high} >= {a})",
}


def condition(criterion: Criterion, arguments: Arguments, alias: str, *, now: datetime) -> str:
    """The condition on table alias `alias` that holds where one of the criterion's values matches."""
    code = criterion.parameter.code
    if code == "_id":
        return _by_id(criterion, arguments, alias)
    if code == "_lastUpdated":
        return _by_update(criterion, arguments, alias, now)
    if criterion.modifier in ("in", "not-in", "above", "below") and criterion.parameter.type in (
        "token",
        "reference",
    ):
        raise Invalid(
            f"The modifier :{criterion.modifier} of {code} needs a terminology that is not loaded here."
        )
    wanted = keys_for(criterion)
    if wanted is None:
        return _by_rows(criterion, arguments, alias, now)
    operator = "@>" if len(wanted) == 1 else "&&"
    found = f"{alias}.keys {operator} {arguments.add(sorted(wanted))}::bigint[]"
    return f"not ({found})" if criterion.modifier == "not" or must_be_missing(criterion) else found


def _by_id(criterion: Criterion, arguments: Arguments, alias: str) -> str:
    if isinstance(criterion.values[0], MissingValue):
        return "false" if criterion.values[0].missing else "true"
    wanted = [value.code for value in criterion.values if isinstance(value, TokenValue)]
    found = f"{alias}.id = any({arguments.add(wanted)}::text[])"
    return f"not ({found})" if criterion.modifier == "not" else found


def _by_update(criterion: Criterion, arguments: Arguments, alias: str, now: datetime) -> str:
    """The stored instant is a point in milliseconds, so that it is compared as an interval of that width."""
    if isinstance(criterion.values[0], MissingValue):
        return "false" if criterion.values[0].missing else "true"
    high = f"({alias}.updated + interval '1 millisecond')"
    parts = []
    for value in criterion.values:
        if isinstance(value, DateValue):
            low_us, high_us = (
                value.approximately(micros(now)) if value.prefix == "ap" else (value.low, value.high)
            )
            bounds = {"a": (instant(low_us), "timestamptz"), "b": (instant(high_us), "timestamptz")}
            parts.append(_compared(_DATES[value.prefix], f"{alias}.updated", high, arguments, bounds))
    return f"({' or '.join(parts)})"


def _compared(
    template: str, low: str, high: str, arguments: Arguments, bounds: Mapping[str, tuple[object, str]]
) -> str:
    """The template with its columns, and with a placeholder for each of the bounds that it names."""
    placed = {
        name: f"{arguments.add(value)}::{kind}"
        for name, (value, kind) in bounds.items()
        if f"{{{name}}}" in template
    }
    return template.format(low=low, high=high, **placed)


def _by_rows(criterion: Criterion, arguments: Arguments, alias: str, now: datetime) -> str:
    """A match among the rows of an index table: one `exists` for all values of the criterion."""
    table, suffix, compare = _table(criterion, now)
    conditions = [compare(value, criterion.modifier, arguments) for value in criterion.values]
    place = f"i.patient = {alias}.patient and i.rid = {alias}.rid"
    if table != "index_position":
        names = [name + suffix for name in row_names(criterion)]
        place += f" and {params('i', criterion.resource_type, names, arguments)}"
    return f"exists (select 1 from {table} i where {place} and ({' or '.join(conditions)}))"  # noqa: S608


Compare = Callable[[Value, "str | None", Arguments], str]


def _table(criterion: Criterion, now: datetime) -> tuple[str, str, Compare]:
    match criterion.values[0]:
        case DateValue():
            return "index_date", "", lambda value, _modifier, arguments: _date(value, arguments, now)
        case NumberValue():
            return "index_number", "", _number
        case QuantityValue():
            return "index_quantity", "", _quantity
        case NearValue():
            return "index_position", "", _near
        case UriValue():
            return "index_string", URI, _uri
        case StringValue() if criterion.modifier == "text":
            return "index_text", "", _contains
        case StringValue():
            return "index_string", "", _string
    raise Invalid(f"The parameter {criterion.parameter.code} is not supported by this server yet.")


def _date(value: Value, arguments: Arguments, now: datetime) -> str:
    assert isinstance(value, DateValue)  # noqa: S101 -- the reader of a parameter gives one kind of value
    low, high = value.approximately(micros(now)) if value.prefix == "ap" else (value.low, value.high)
    bounds = {"a": (low, "bigint"), "b": (high, "bigint")}
    return _compared(_DATES[value.prefix], "i.low", "i.high", arguments, bounds)


def _number(value: Value, _modifier: str | None, arguments: Arguments) -> str:
    assert isinstance(value, NumberValue)  # noqa: S101
    numbers = {"a": value.low, "b": value.high, "v": value.value}
    bounds = {name: (float(number), "double precision") for name, number in numbers.items()}
    return _compared(_NUMBERS[value.prefix], "i.low", "i.high", arguments, bounds)


def _quantity(value: Value, modifier: str | None, arguments: Arguments) -> str:
    assert isinstance(value, QuantityValue)  # noqa: S101
    amount = _number(value.number, modifier, arguments)
    if value.system:
        return f"(i.unit = {arguments.add(unit_number(value.system, value.code))} and {amount})"
    if value.code:
        return f"(i.code = {arguments.add(code_number(value.code))} and {amount})"
    return amount


def _string(value: Value, modifier: str | None, arguments: Arguments) -> str:
    assert isinstance(value, StringValue)  # noqa: S101
    if modifier == "contains":
        return _contains(value, modifier, arguments)
    return _begins(value.normal, arguments)


def _contains(value: Value, _modifier: str | None, arguments: Arguments) -> str:
    assert isinstance(value, StringValue)  # noqa: S101
    return f"i.value like {arguments.add('%' + _escaped(value.normal) + '%')}"


def _begins(text: str, arguments: Arguments) -> str:
    """A beginning as a range, which the index on values serves (the column's order is that of code points)."""
    text = text[:LONGEST_VALUE]
    beyond = _following(text)
    condition = f"i.value >= {arguments.add(text)}"
    return f"({condition} and i.value < {arguments.add(beyond)})" if beyond else condition


def _following(text: str) -> str | None:
    """The least text that is greater than all that begin with `text`; None where there is none."""
    for position in range(len(text) - 1, -1, -1):
        number = ord(text[position]) + 1
        if number == _SURROGATES[0]:
            number = _SURROGATES[1] + 1
        if number <= _LAST_CHARACTER:
            return text[:position] + chr(number)
    return None


def _uri(value: Value, modifier: str | None, arguments: Arguments) -> str:
    assert isinstance(value, UriValue)  # noqa: S101
    if modifier == "below":
        exact = f"i.value = {arguments.add(value.uri[:LONGEST_VALUE])}"
        return f"({exact} or {_begins(value.uri.rstrip('/') + '/', arguments)})"
    parts = value.uri.split("/")
    ancestors = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return f"i.value = any({arguments.add([*ancestors, *(text + '/' for text in ancestors)])}::text[])"


def _near(value: Value, _modifier: str | None, arguments: Arguments) -> str:
    """Great-circle distance, after a box that the index serves; the box is left out near the poles."""
    assert isinstance(value, NearValue)  # noqa: S101
    height = value.distance_km / _KM_PER_DEGREE
    latitude, longitude = (
        f"{arguments.add(number)}::double precision" for number in (value.latitude, value.longitude)
    )
    box = f"i.latitude between {latitude} - {height} and {latitude} + {height}"
    if abs(value.latitude) + height < 80 and abs(value.longitude) < 150:
        width = height / math.cos(math.radians(abs(value.latitude) + height))
        box += f" and i.longitude between {longitude} - {width} and {longitude} + {width}"
    haversine = (
        f"sin(radians(i.latitude - {latitude}) / 2) ^ 2 + cos(radians({latitude})) * cos(radians(i.latitude)) * "
        f"sin(radians(i.longitude - {longitude}) / 2) ^ 2"
    )
    distance = arguments.add(value.distance_km)
    return f"({box} and {2 * _EARTH_KM} * asin(sqrt(least(1, {haversine}))) <= {distance}::double precision)"


def params(alias: str, resource_type: str, names: Iterable[str], arguments: Arguments) -> str:
    """The condition that an index row is filed under one of the names (extraction.filed)."""
    numbers = [param_number(resource_type, name) for name in names]
    if len(numbers) == 1:
        return f"{alias}.param = {arguments.add(numbers[0])}"
    return f"{alias}.param = any({arguments.add(numbers)}::bigint[])"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def any_key(resource_type: str, code: str, identities: Sequence[tuple[str, str]]) -> list[int]:
    """The keys of references to any of the (type, id) pairs."""
    return sorted(reference_keys(resource_type, code, identities))
