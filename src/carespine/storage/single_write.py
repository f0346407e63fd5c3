"""Storing one version in one statement: what a create, an update or a delete over HTTP comes to.

A statement for each table costs a round trip each. Within one statement all parts see the tables as they were before
it, so that the old version is moved and its index rows go while the new ones come.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from carespine.storage import index_rows
from carespine.storage.bodies import pack
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from carespine.storage.database import Connection
    from carespine.storage.rows import Write

_CREATE = (
    "insert into resource (patient, rid, type, id, version, updated, deleted, body, keys) "
    "values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
)
_UPDATE = (
    "update resource set patient = $1, type = $3, id = $4, version = $5, updated = $6, deleted = $7, body = $8, "
    "keys = $9 where patient = $10 and rid = $2"
)
_HISTORY = (
    "history as (insert into resource_history (patient, rid, version, type, id, updated, deleted, body) "
    "select patient, rid, version, type, id, updated, deleted, body from resource where patient = $10 and rid = $2)"
)
_UNITS = ("unit", "kind", "system", "code", "printed")


async def save_one(tx: Connection, write: Write) -> None:
    """Store the write; a `previous` is locked by the caller. Raises asyncpg.UniqueViolationError as `save` does."""
    values: list[Any] = [
        write.patient,
        write.rid,
        type_number(write.type),
        write.id,
        write.version,
        write.updated,
        write.deleted,
        pack(write.body),
        sorted(write.entries.keys) if write.entries else [],
    ]
    if write.previous is not None:
        values.append(write.previous.patient)
    tables = []
    for table, rows in index_rows.rows_of([write]).items():
        if rows:
            tables.append(table)
            values += [list(column) for column in list(zip(*rows, strict=True))[2:]]
    units = index_rows.units_of([write])
    if units:
        numbers = sorted(units)
        values += [numbers, *(list(column) for column in zip(*(units[n] for n in numbers), strict=True))]
    statement = _statement(tuple(tables), replaces=write.previous is not None, has_units=bool(units))
    await tx.execute(statement, *values)


@cache
def _statement(tables: tuple[str, ...], *, replaces: bool, has_units: bool) -> str:
    parts, number = [], 10
    if replaces:
        number = 11
        parts.append(_HISTORY)
        parts += [
            f"no_{table} as (delete from {table} where patient = $10 and rid = $2)"  # noqa: S608
            for table in index_rows.COLUMNS
        ]
    for table in tables:
        columns = index_rows.columns(table)
        arrays = ", ".join(
            f"${number + place}::{index_rows.TYPES[table][place]}[]" for place in range(len(columns))
        )
        number += len(columns)
        parts.append(
            f"new_{table} as (insert into {table} (patient, rid, {', '.join(columns)}) "  # noqa: S608
            f"select $1, $2, * from unnest({arrays}))"
        )
    if has_units:
        kinds = ("bigint", "bigint", "text", "text", "text")
        arrays = ", ".join(f"${number + place}::{kind}[]" for place, kind in enumerate(kinds))
        parts.append(
            f"units as (insert into quantity_unit ({', '.join(_UNITS)}) select * from unnest({arrays}) "  # noqa: S608
            "on conflict do nothing)"
        )
    head = f"with {', '.join(parts)} " if parts else ""
    return head + (_UPDATE if replaces else _CREATE)
