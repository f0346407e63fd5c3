"""`_sort` and the cursor: an order that ends in the row id, so that every row has one place."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from carespine.fhir.search import filed
from carespine.fhir.search.criteria import Query, SortKey
from carespine.kernel.errors import Invalid
from carespine.storage.index_rows import URI
from carespine.storage.search.ranged import Ranged, among, is_single
from carespine.storage.sql import Arguments
from carespine.storage.types import param_number

_COLUMNS = {"_id": ("r.id", "text"), "_lastUpdated": ("r.updated", "timestamptz")}
# Parameter type: table, column, SQL type, suffix of the row's name. Of a range its beginning counts.
_TABLES = {
    "date": ("index_date", "low", "bigint", ""),
    "number": ("index_number", "low", "double precision", ""),
    "quantity": ("index_quantity", "low", "double precision", ""),
    "string": ("index_string", "value", "text", ""),
    "uri": ("index_string", "value", "text", URI),
}
# Those whose index, within one parameter, is in the order of the values.
_IN_ORDER = frozenset({"date", "number", "string", "uri"})


@dataclass(frozen=True, slots=True)
class Order:
    """An order of rows, as SQL: `expressions` with their directions and types, then `row_id`.

    `source` gives, with its placeholders, what stands after `from`: the resources with what they are sorted by, or,
    `is_walked`, rows `a` of an index in whose order the resources are looked up. `lacks`: None where rows without
    the value come last; True or False where this order is of those rows only, or of all others.
    """

    expressions: tuple[str, ...]
    descending: tuple[bool, ...]
    types: tuple[str, ...]
    source: Callable[[Arguments], str]
    row_id: str = "r.rid"
    is_walked: bool = False
    lacks: bool | None = None

    @property
    def by(self) -> str:
        """Rows without the value come last in either direction."""
        pairs = zip(self.expressions, self.descending, strict=True)
        nulls = " nulls last" if self.lacks is None and not self.is_walked else ""
        keys = [f"{expression} {'desc' if down else 'asc'}{nulls}" for expression, down in pairs]
        return ", ".join([*([] if self.lacks else keys), f"{self.row_id} asc"])

    def statement(
        self, columns: str, where: str, arguments: Arguments, *, cursor: str | None, limit: int
    ) -> str:
        """The select of the rows after the cursor; `where` is on `r`, with its values in `arguments`."""
        selected = ", ".join([columns, *self.expressions])
        source = self.source(arguments)
        beyond = "true" if cursor is None else after(cursor, self, arguments)
        if not self.is_walked:
            return f"select {selected} from {source} where {where} and ({beyond}) order by {self.by} limit {limit}"  # noqa: S608
        # OFFSET keeps the look-up one by one, so that it ends with the page.
        found = (
            f"select r.* from resource r where r.patient = a.patient and r.rid = a.rid and {where} offset 0"  # noqa: S608
        )
        return (
            f"select {selected} from ({source}) a cross join lateral ({found}) r where {beyond} "  # noqa: S608
            f"order by {self.by} limit {limit}"
        )


def is_joined(sort: tuple[SortKey, ...]) -> bool:
    """Whether values of index tables have to be looked up for the order."""
    return any(key.parameter.code not in _COLUMNS for key in sort)


def needs_values(sort: tuple[SortKey, ...]) -> bool:
    """Whether the order is by values that no table holds in an order, such as codes and references."""
    return any(key.parameter.code not in _COLUMNS and key.parameter.type not in _TABLES for key in sort)


def order(sort: tuple[SortKey, ...], resource_type: str) -> Order:
    """The order that `_sort` asks for; without it, the one in which the resources were first stored."""
    expressions, types = [], []
    for position, key in enumerate(sort):
        known = _COLUMNS.get(key.parameter.code)
        expression, kind = known or (f"s{position}.value", _TABLES[key.parameter.type][2])
        expressions.append(expression)
        types.append(kind)

    def source(arguments: Arguments) -> str:
        joins = [
            _join(f"s{position}", key, resource_type, arguments)
            for position, key in enumerate(sort)
            if key.parameter.code not in _COLUMNS
        ]
        return " ".join(["resource r", *joins])

    return Order(tuple(expressions), tuple(key.descending for key in sort), tuple(types), source)


def _join(alias: str, key: SortKey, resource_type: str, arguments: Arguments) -> str:
    """Of several values the least counts when ascending, the greatest when descending."""
    table, column, _, suffix = _TABLES[key.parameter.type]
    value = f"{'max' if key.descending else 'min'}({column})"
    under = among("i.param", _params(key, resource_type, suffix), arguments)
    return (
        f"left join lateral (select {value} as value from {table} i where i.patient = r.patient "  # noqa: S608
        f"and i.rid = r.rid and {under}) {alias} on true"
    )


def _params(key: SortKey, resource_type: str, suffix: str) -> list[int]:
    names = filed(resource_type, key.parameter.code).names
    return [param_number(resource_type, name + suffix) for name in names]


def walk(query: Query) -> tuple[Order, ...] | None:
    """The order of `_sort` as walks: along the index of its one key, then the resources that lack the value.

    None where an index does not say the order: several keys, several values, or a key without such an index.
    """
    if len(query.sort) != 1:
        return None
    key, kind = query.sort[0], query.resource_type
    if key.parameter.type not in _IN_ORDER or not is_single(kind, key.parameter.code):
        return None
    table, column, sql_type, suffix = _TABLES[key.parameter.type]
    params = _params(key, kind, suffix)
    if len(params) != 1:
        return None

    def source(arguments: Arguments) -> str:
        param = arguments.add(params[0])
        return f"select i.patient, i.rid, i.{column} as value from {table} i where i.param = {param}"  # noqa: S608

    def others(arguments: Arguments) -> str:
        """With the condition that there is no value put into the join: the one that lets no row with it through."""
        param = arguments.add(params[0])
        rows = f"select 1 from {table} i where i.patient = r.patient and i.rid = r.rid and i.param = {param} offset 0"  # noqa: S608
        return (
            f"resource r join lateral (select null::{sql_type} as value where not exists ({rows})) a on true"
        )

    one = ((key.descending,), (sql_type,))
    return (
        Order(("a.value",), *one, source, "a.rid", is_walked=True, lacks=False),
        Order(("a.value",), *one, others, lacks=True),
    )


def range_sorted(query: Query, ranges: list[Ranged]) -> Ranged | None:
    """The range that the one key of `_sort` is about, whose index then gives both."""
    if len(query.sort) != 1 or query.sort[0].parameter.type not in ("date", "number"):
        return None
    params = _params(query.sort[0], query.resource_type, "")
    return next((each for each in ranges if each.single and list(each.params) == params), None)


def along(wanted: Ranged, *, descending: bool = False) -> Order:
    """The order of the index on a range: no more rows are read than a page has."""
    columns = ("unit", "low") if wanted.table == "index_quantity" else ("low",)
    kinds = {"unit": "bigint", "low": "bigint" if wanted.table == "index_date" else "double precision"}
    listed = ", ".join(f"i.{column}" for column in columns)

    def source(arguments: Arguments) -> str:
        parts = wanted.sources(arguments) or [f"{wanted.table} i where false"]
        return " union all ".join(f"select i.patient, i.rid, {listed} from {part}" for part in parts)  # noqa: S608

    return Order(
        tuple(f"a.{column}" for column in columns),
        tuple(descending for _ in columns),
        tuple(kinds[column] for column in columns),
        source,
        "a.rid",
        is_walked=True,
    )


def may_follow(cursor: str, wanted: Order) -> bool:
    """Whether rows of this order can come after the cursor: none that has a value comes after one that lacks it."""
    return wanted.lacks is not False or _decode(cursor, wanted)[0] is not None


def is_plain(cursor: str) -> bool:
    """Whether a cursor is of the order in which resources were stored: a row id and nothing else."""
    return len(values_of(cursor)) == 1


def after(cursor: str, wanted: Order, arguments: Arguments) -> str:
    """The condition for rows that come after the cursor's; raises Invalid where the cursor is not one of ours."""
    *values, rid = _decode(cursor, wanted)
    alternatives = [f"{wanted.row_id} > {arguments.add(rid)}"]
    if wanted.lacks:
        return alternatives[0] if values[0] is None else "true"
    known = list(zip(wanted.expressions, wanted.descending, wanted.types, values, strict=True))
    for expression, down, kind, value in reversed(known):
        rest = " or ".join(alternatives)
        if value is None:
            alternatives = [f"({expression} is null and ({rest}))"]
            continue
        placed = f"{arguments.add(value)}::{kind}"
        beyond = f"{expression} {'<' if down else '>'} {placed}"
        if not wanted.is_walked:
            beyond = f"({beyond} or {expression} is null)"
        alternatives = [f"({beyond} or ({expression} = {placed} and ({rest})))"]
    if wanted.is_walked:
        # Says the same of the first column alone, which an index can begin with.
        expression, down, kind, value = known[0]
        alternatives[0] += f" and {expression} {'<=' if down else '>='} {arguments.add(value)}::{kind}"
    return alternatives[0]


def cursor(values: list[Any]) -> str:
    """The place of a row, by the values of its order and its row id."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(plain)).rstrip(b"=").decode()


_KINDS: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "timestamptz": str,
    "bigint": int,
    "double precision": (int, float),
}


def _refusal() -> Invalid:
    return Invalid("The page's cursor is not one of this search; begin again from the first page.")


def values_of(text: str) -> list[Any]:
    """What a cursor holds; raises Invalid where it is none."""
    try:
        values = msgspec.msgpack.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise _refusal() from error
    if not isinstance(values, list) or not values:
        raise _refusal()
    if not all(value is None or isinstance(value, str | int | float) for value in values):
        raise _refusal()
    if isinstance(values[-1], bool) or not isinstance(values[-1], int) or not -(2**63) <= values[-1] < 2**63:
        raise _refusal()
    return values


def _decode(text: str, wanted: Order) -> list[Any]:
    values, refusal = values_of(text), _refusal()
    if len(values) != len(wanted.types) + 1:
        raise refusal
    if wanted.is_walked and wanted.lacks is None and None in values:
        raise refusal
    kinds = [*(_KINDS[kind] for kind in wanted.types), int]
    for value, kind in zip(values, kinds, strict=True):
        if isinstance(value, bool) or not (value is None or isinstance(value, kind)):
            raise refusal
    return [
        _placed(value, kind, refusal) for value, kind in zip(values, (*wanted.types, "bigint"), strict=True)
    ]


def _placed(value: Any, kind: str, refusal: Invalid) -> Any:
    if kind == "timestamptz" and isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise refusal
            return moment.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise refusal from error
    if kind == "bigint" and isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise refusal
    return value
