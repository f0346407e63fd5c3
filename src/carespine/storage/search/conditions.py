"""One criterion as a condition in SQL on a row of `resource`; each value kind has its own few lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
from carespine.storage.index_rows import LONGEST_VALUE, URI
from carespine.storage.instants import instant, micros
from carespine.storage.search import spans
from carespine.storage.search.ranged import Ranged, among, is_single
from carespine.storage.search.spans import Part, Test
from carespine.storage.search.units import Units
from carespine.storage.sql import Arguments
from carespine.storage.types import param_number

# What `_filter` asks of texts: their order is that of code points.
_COMPARED = {"differs": "<>", "gt": ">", "lt": "<", "ge": ">=", "le": "<="}
_KM_PER_DEGREE = 111.32
_EARTH_KM = 6371.0
_SURROGATES = (0xD800, 0xDFFF)  # no characters: they cannot be stored
_LAST_CHARACTER = 0x10FFFF


def equality(criterion: Criterion, arguments: Arguments, alias: str, now: datetime) -> str | None:
    """The condition on table alias `alias` where one is to be had from the row of `resource` itself, or None."""
    code = criterion.parameter.code
    if code == "_id":
        return _by_id(criterion, arguments, alias)
    if code == "_lastUpdated":
        return _by_update(criterion, arguments, alias, now)
    wanted = keys_for(criterion)
    if wanted is None:
        return None
    found = carries(wanted, arguments, alias)
    return f"not ({found})" if criterion.modifier == "not" or must_be_missing(criterion) else found


def carries(wanted: Iterable[int], arguments: Arguments, alias: str) -> str:
    """The condition that the row has one of the keys."""
    numbers = sorted(wanted)
    operator = "@>" if len(numbers) == 1 else "&&"
    return f"{alias}.keys {operator} {arguments.add(numbers)}::bigint[]"


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
    parts = []
    for value in criterion.values:
        if isinstance(value, DateValue):
            parts.append(_updated(spans.of_date(value, micros(now)), arguments, alias))
    return f"({' or '.join(f'({part})' for part in parts)})"


def _updated(test: Test, arguments: Arguments, alias: str) -> str:
    def moment(number: float) -> str:
        return f"{arguments.add(instant(int(number)))}::timestamptz"

    low, high = f"{alias}.updated", f"({alias}.updated + interval '1 millisecond')"
    placed = [moment(n) if f"{{{place}}}" in test.holds else "" for place, n in enumerate(test.numbers)]
    conditions = [test.holds.format(*placed, low=low, high=high)]
    if test.narrow.least is not None:
        conditions.append(f"{low} >= {moment(test.narrow.least)}")
    if test.narrow.most is not None:
        conditions.append(f"{low} <= {moment(test.narrow.most)}")
    return " and ".join(conditions)


@dataclass(frozen=True, slots=True)
class Rows:
    """A criterion on the rows of an index table that are no ranges: texts, URIs, positions."""

    table: str
    params: tuple[int, ...]
    ways: Callable[[Arguments], list[str]]

    def filter(self, arguments: Arguments, alias: str) -> str:
        """A condition on the resource `alias`, asked of its own rows; OFFSET keeps it from becoming a join."""
        place = f"i.patient = {alias}.patient and i.rid = {alias}.rid"
        return f"exists (select 1 from {self.table} i where {place} and {self._where(arguments)} offset 0)"  # noqa: S608

    def sources(self, arguments: Arguments) -> list[str]:
        """The from-clause and condition of all rows that match."""
        return [f"{self.table} i where {self._where(arguments)}"]

    def _where(self, arguments: Arguments) -> str:
        under = f"{among('i.param', self.params, arguments)} and " if self.params else ""
        return f"{under}({' or '.join(self.ways(arguments))})"


def rows(criterion: Criterion) -> Rows:
    """The rows of texts, URIs or positions that a criterion asks for."""
    table, suffix, compare = _table(criterion)
    return Rows(
        table,
        () if table == "index_position" else _params(criterion, suffix),
        lambda arguments: [compare(value, criterion.modifier, arguments) for value in criterion.values],
    )


def ranged(criterion: Criterion, now: datetime, units: Units) -> Ranged | None:
    """The ranges that a criterion on dates, numbers or quantities asks for; None for any other."""
    match criterion.values[0]:
        case DateValue():
            table = "index_date"
            moment = micros(now)
            parts = [Part((spans.of_date(v, moment),)) for v in criterion.values if isinstance(v, DateValue)]
        case NumberValue():
            table = "index_number"
            parts = [Part((spans.of_number(v),)) for v in criterion.values if isinstance(v, NumberValue)]
        case QuantityValue():
            table = "index_quantity"
            parts = [p for v in criterion.values if isinstance(v, QuantityValue) for p in units.parts(v)]
        case _:
            return None
    return Ranged(table, _params(criterion), tuple(parts), is_single(criterion.resource_type, criterion.row))


def _params(criterion: Criterion, suffix: str = "") -> tuple[int, ...]:
    return tuple(param_number(criterion.resource_type, name + suffix) for name in row_names(criterion))


Compare = Callable[[Value, "str | None", Arguments], str]


def _table(criterion: Criterion) -> tuple[str, str, Compare]:
    match criterion.values[0]:
        case NearValue():
            return "index_position", "", _near
        case UriValue():
            return "index_string", URI, _uri
        case StringValue() if criterion.modifier == "text":
            return "index_text", "", _contains
        case StringValue():
            return "index_string", URI if criterion.parameter.type == "uri" else "", _string
    raise Invalid(f"The parameter {criterion.parameter.code} is not supported by this server yet.")


def _string(value: Value, modifier: str | None, arguments: Arguments) -> str:
    assert isinstance(value, StringValue)  # noqa: S101
    if modifier == "contains":
        return _contains(value, modifier, arguments)
    if modifier == "ends":
        return f"i.value like {arguments.add('%' + _escaped(value.normal))}"
    if modifier in _COMPARED:
        return f"i.value {_COMPARED[modifier]} {arguments.add(value.normal[:LONGEST_VALUE])}"
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


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def any_key(resource_type: str, code: str, identities: Sequence[tuple[str, str]]) -> list[int]:
    """The keys of references to any of the (type, id) pairs."""
    return sorted(reference_keys(resource_type, code, identities))
