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
_NEVER_NULL = frozenset(expression for expression, _ in _COLUMNS.values())
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
    """An order of rows, as SQL: `expressions` with their directions and types, then the row id.

    `joins` gives, with its placeholders, what stands after `resource r` in from. `lacks`: the order is of those rows
    only that have no value.
    """

    expressions: tuple[str, ...]
    descending: tuple[bool, ...]
    types: tuple[str, ...]
    joins: Callable[[Arguments], str]
    lacks: bool = False

    def statement(
        self,
        columns: str,
        where: str,
        arguments: Arguments,
        *,
        cursor: str | None,
        limit: int,
        source: str = "resource",
    ) -> str:
        """The select of the rows after the cursor; `where` is on `r`, with its values in `arguments`."""
        named = [f"{expression} as k{place}" for place, expression in enumerate(self.expressions)]
        selected = ", ".join([columns, *named])
        joins = self.joins(arguments)
        beyond = "true" if cursor is None else self.after(cursor, arguments)
        by = self.by(self.expressions, "r")
        return f"select {selected} from {source} r {joins} where {where} and ({beyond}) order by {by} limit {limit}"  # noqa: S608

    def by_columns(self, alias: str) -> str:
        """The same order over rows that such statements gave."""
        return self.by(tuple(f"{alias}.k{place}" for place in range(len(self.expressions))), alias)

    def by(self, keys: tuple[str, ...], alias: str) -> str:
        """Rows without the value come last in either direction."""
        # A column of the resource itself is never null: saying where nulls come would keep its index from being used.
        parts = [
            f"{key} {'desc' if down else 'asc'}{'' if key in _NEVER_NULL else ' nulls last'}"
            for key, down in zip(keys, self.descending, strict=True)
        ]
        return ", ".join([*([] if self.lacks else parts), f"{alias}.rid asc"])

    def after(self, cursor: str, arguments: Arguments) -> str:
        """The condition for rows that come after the cursor's; raises Invalid where it is not one of ours."""
        *values, rid = _decode(cursor, self.types)
        alternatives = [f"r.rid > {arguments.add(rid)}"]
        if self.lacks:
            return alternatives[0] if values[0] is None else "true"
        known = zip(self.expressions, self.descending, self.types, values, strict=True)
        for expression, down, kind, value in reversed(list(known)):
            rest = " or ".join(alternatives)
            if value is None:
                alternatives = [f"({expression} is null and ({rest}))"]
                continue
            placed = f"{arguments.add(value)}::{kind}"
            beyond = f"({expression} {'<' if down else '>'} {placed} or {expression} is null)"
            alternatives = [f"({beyond} or ({expression} = {placed} and ({rest})))"]
        return alternatives[0]


@dataclass(frozen=True, slots=True)
class Walk:
    """An order that is an index's: its rows are read a batch at a time, and their resources looked up.

    `sources` gives, with its placeholders, from-clauses with conditions on rows `i` that have a patient and a rid.
    """

    columns: tuple[str, ...]
    descending: bool
    types: tuple[str, ...]
    sources: Callable[[Arguments], list[str]]

    @property
    def lacks(self) -> bool:
        return False

    def statement(
        self, columns: str, where: str, arguments: Arguments, *, cursor: str | None, limit: int
    ) -> str:
        """The select of the next `limit` rows of the index, each with its resource or nulls."""
        keys = [f"{column} {'desc' if self.descending else 'asc'}" for column in self.columns]
        by = ", ".join([*keys, "rid asc"])
        beyond = "true" if cursor is None else self.after(cursor, arguments)
        listed = ", ".join(["patient", "rid", *self.columns])
        parts = [
            f"(select i.{listed.replace(', ', ', i.')} from {source} and {beyond} order by {by} limit {limit})"  # noqa: S608
            for source in self.sources(arguments)
        ]
        walked = f"select {listed} from ({' union all '.join(parts)}) every order by {by} limit {limit}"  # noqa: S608
        found = (
            f"select r.* from resource r where r.patient = a.patient and r.rid = a.rid and {where} offset 0"  # noqa: S608
        )
        selected = ", ".join([columns, *(f"a.{column}" for column in self.columns), "a.rid as place"])
        ordered = ", ".join(f"a.{key}" for key in by.split(", "))
        return f"select {selected} from ({walked}) a left join lateral ({found}) r on true order by {ordered}"  # noqa: S608

    def after(self, cursor: str, arguments: Arguments) -> str:
        """The condition for rows of the index that come after the cursor; raises Invalid for one of another search."""
        *values, rid = _decode(cursor, self.types)
        if None in values:
            raise _refusal()
        sign = "<" if self.descending else ">"
        placed = [f"{arguments.add(value)}::{kind}" for value, kind in zip(values, self.types, strict=True)]
        condition = f"i.rid > {arguments.add(rid)}"
        for column, value in reversed(list(zip(self.columns, placed, strict=True))):
            condition = f"(i.{column} {sign} {value} or (i.{column} = {value} and {condition}))"
        # Says the same of the first column alone, with which the index begins.
        return f"i.{self.columns[0]} {sign}= {placed[0]} and {condition}"


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

    def joins(arguments: Arguments) -> str:
        return " ".join(
            _join(f"s{position}", key, resource_type, arguments)
            for position, key in enumerate(sort)
            if key.parameter.code not in _COLUMNS
        )

    return Order(tuple(expressions), tuple(key.descending for key in sort), tuple(types), joins)


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


def walk(query: Query) -> tuple[Walk, Order] | None:
    """The order of `_sort` as a walk along the index of its one key, and then the resources that lack the value.

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

    def sources(arguments: Arguments) -> list[str]:
        return [f"{table} i where i.param = {arguments.add(params[0])}"]

    def without(arguments: Arguments) -> str:
        """A join that lets only those through that have no such row."""
        param = arguments.add(params[0])
        rows = f"select 1 from {table} i where i.patient = r.patient and i.rid = r.rid and i.param = {param} offset 0"  # noqa: S608
        return f"join lateral (select null::{sql_type} as value where not exists ({rows})) a on true"

    return (
        Walk((column,), key.descending, (sql_type,), sources),
        Order(("a.value",), (key.descending,), (sql_type,), without, lacks=True),
    )


def range_sorted(query: Query, ranges: list[Ranged]) -> Ranged | None:
    """The range that the one key of `_sort` is about, whose index then gives both."""
    if len(query.sort) != 1 or query.sort[0].parameter.type not in ("date", "number"):
        return None
    params = _params(query.sort[0], query.resource_type, "")
    return next((each for each in ranges if each.is_disjoint and list(each.params) == params), None)


def along(wanted: Ranged, *, descending: bool = False) -> Walk:
    """The order of the index on a range."""
    columns = ("unit", "low") if wanted.table == "index_quantity" else ("low",)
    kinds = {"unit": "bigint", "low": "bigint" if wanted.table == "index_date" else "double precision"}

    def sources(arguments: Arguments) -> list[str]:
        return wanted.sources(arguments) or [f"{wanted.table} i where false"]

    return Walk(columns, descending, tuple(kinds[column] for column in columns), sources)


def may_follow(cursor: str, wanted: Order | Walk, others: bool) -> bool:
    """Whether rows of this order can come after the cursor; `others`: rows without a value have an order of their own,
    and none that has one comes after them."""
    return not (others and isinstance(wanted, Walk)) or _decode(cursor, wanted.types)[0] is not None


def is_plain(cursor: str) -> bool:
    """Whether a cursor is of the order in which resources were stored: a row id and nothing else."""
    return len(values_of(cursor)) == 1


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


def _decode(text: str, types: tuple[str, ...]) -> list[Any]:
    values, refusal = values_of(text), _refusal()
    if len(values) != len(types) + 1:
        raise refusal
    kinds = [*(_KINDS[kind] for kind in types), int]
    for value, kind in zip(values, kinds, strict=True):
        if isinstance(value, bool) or not (value is None or isinstance(value, kind)):
            raise refusal
    return [_placed(value, kind, refusal) for value, kind in zip(values, (*types, "bigint"), strict=True)]


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
