"""`_sort` and the cursor: an order that ends in the row id, so that every row has one place."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from carespine.fhir.search import filed
from carespine.fhir.search.criteria import SortKey
from carespine.kernel.errors import Invalid
from carespine.storage.index_rows import URI
from carespine.storage.search.ranged import Ranged, among
from carespine.storage.sql import Arguments
from carespine.storage.types import param_number

_COLUMNS = {"_id": ("r.id", "text"), "_lastUpdated": ("r.updated", "timestamptz")}
# Parameter type: table, column that counts when ascending, when descending, SQL type, suffix of the row's name.
_TABLES = {
    "date": ("index_date", "min(low)", "max(high)", "bigint", ""),
    "number": ("index_number", "min(low)", "max(high)", "double precision", ""),
    "quantity": ("index_quantity", "min(low)", "max(high)", "double precision", ""),
    "string": ("index_string", "min(value)", "max(value)", "text", ""),
    "uri": ("index_string", "min(value)", "max(value)", "text", URI),
}


@dataclass(frozen=True, slots=True)
class Order:
    """SQL for an order: expressions to select, joins that provide them, their direction and type."""

    expressions: tuple[str, ...]
    joins: str
    descending: tuple[bool, ...]
    types: tuple[str, ...]
    source: str = "resource r"

    @property
    def by(self) -> str:
        """Rows without the value come last in either direction."""
        pairs = zip(self.expressions, self.descending, strict=True)
        keys = [f"{expression} {'desc' if down else 'asc'} nulls last" for expression, down in pairs]
        return ", ".join([*keys, "r.rid asc"])


def order(
    sort: tuple[SortKey, ...], resource_type: str, arguments: Arguments, *, along: Ranged | None = None
) -> Order:
    """The order that `_sort` asks for; without it that of the range `along`, or else the one in which the
    resources were first stored."""
    if along is not None and not sort:
        return _along(along, arguments)
    expressions, joins, types = [], [], []
    for position, key in enumerate(sort):
        code = key.parameter.code
        if code in _COLUMNS:
            expression, kind = _COLUMNS[code]
        elif key.parameter.type in _TABLES:
            table, ascending, descending, kind, suffix = _TABLES[key.parameter.type]
            value = descending if key.descending else ascending
            names = [name + suffix for name in filed(resource_type, code).names]
            under = among("i.param", [param_number(resource_type, name) for name in names], arguments)
            alias = f"s{position}"
            joins.append(
                f"left join lateral (select {value} as value from {table} i where i.patient = r.patient "  # noqa: S608
                f"and i.rid = r.rid and {under}) {alias} on true"
            )
            expression = f"{alias}.value"
        else:
            raise Invalid(f"_sort by {code}, a {key.parameter.type} parameter, is not supported.")
        expressions.append(expression)
        types.append(kind)
    return Order(tuple(expressions), " ".join(joins), tuple(key.descending for key in sort), tuple(types))


def _along(wanted: Ranged, arguments: Arguments) -> Order:
    """The order of the index on a range, from its least: a page ends after as many rows as it has."""
    columns = ("unit", "low") if wanted.table == "index_quantity" else ("low",)
    listed = ", ".join(f"i.{column}" for column in columns)
    sources = [f"select i.patient, i.rid, {listed} from {source}" for source in wanted.sources(arguments)]  # noqa: S608
    source = f"({' union all '.join(sources)}) a join resource r on r.patient = a.patient and r.rid = a.rid"
    kinds = {"unit": "bigint", "low": "bigint" if wanted.table == "index_date" else "double precision"}
    return Order(
        tuple(f"a.{column}" for column in columns),
        "",
        tuple(False for _ in columns),
        tuple(kinds[column] for column in columns),
        source,
    )


def after(cursor: str, wanted: Order, arguments: Arguments) -> str:
    """The condition for rows that come after the cursor's; raises Invalid where the cursor is not one of ours."""
    *values, rid = _decode(cursor, wanted)
    alternatives = [f"r.rid > {arguments.add(rid)}"]
    for expression, down, kind, value in reversed(
        list(zip(wanted.expressions, wanted.descending, wanted.types, values, strict=True))
    ):
        rest = " or ".join(alternatives)
        if value is None:
            alternatives = [f"({expression} is null and ({rest}))"]
            continue
        placed = f"{arguments.add(value)}::{kind}"
        beyond = f"({expression} {'<' if down else '>'} {placed} or {expression} is null)"
        alternatives = [f"({beyond} or ({expression} = {placed} and ({rest})))"]
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


def _decode(text: str, wanted: Order) -> list[Any]:
    refusal = Invalid("The page's cursor is not one of this search; begin again from the first page.")
    try:
        values = msgspec.msgpack.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise refusal from error
    if not isinstance(values, list) or len(values) != len(wanted.types) + 1:
        raise refusal
    kinds = [*(_KINDS[kind] for kind in wanted.types), int]
    for value, kind in zip(values, kinds, strict=True):
        if isinstance(value, bool) or not (value is None or isinstance(value, kind)):
            raise refusal
    if not isinstance(values[-1], int) or not -(2**63) <= values[-1] < 2**63:
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
