"""Reading and writing resources: current rows, superseded rows, index rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from carespine.storage import index_rows
from carespine.storage.bodies import pack, unpack
from carespine.storage.rows import Stored, Write
from carespine.storage.single_write import save_one
from carespine.storage.sql import Arguments
from carespine.storage.types import type_name, type_number

if TYPE_CHECKING:
    import asyncpg

    from carespine.storage.database import Connection

_COLUMNS = "type, id, version, updated, deleted, body, patient, rid"


def stored(row: asyncpg.Record | Sequence[Any]) -> Stored:
    """A row of the columns type, id, version, updated, deleted, body, patient, rid, in that order."""
    number, resource_id, version, updated, deleted, packed, patient, rid = row[:8]
    return Stored(type_name(number), resource_id, version, updated, deleted, unpack(packed), patient, rid)


async def read(
    connection: Connection,
    resource_type: str,
    resource_id: str,
    *,
    where: str = "true",
    arguments: Sequence[Any] = (),
) -> Stored | None:
    """The current version (also of a deleted resource). `where` restricts table alias r; its arguments
    are numbered from $3."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from resource r where type = $1 and id = $2 and ({where})",  # noqa: S608
        type_number(resource_type),
        resource_id,
        *arguments,
    )
    return stored(row) if row else None


async def read_many(
    connection: Connection,
    identities: Sequence[tuple[str, str]],
    reachable: Callable[[Arguments, str], str],
) -> dict[tuple[str, str], Stored]:
    """The current versions of those (type, id) pairs that are there and within reach; also of deleted resources."""
    arguments = Arguments([type_number(kind) for kind, _ in identities], [name for _, name in identities])
    rows = await connection.fetch(
        "select r.type, r.id, r.version, r.updated, r.deleted, r.body, r.patient, r.rid "  # noqa: S608
        "from unnest($1::smallint[], $2::text[]) as wanted(type, id) "
        f"join resource r on r.type = wanted.type and r.id = wanted.id where ({reachable(arguments, 'r')})",
        *arguments.values,
    )
    found = [stored(row) for row in rows]
    return {(item.type, item.id): item for item in found}


async def read_version(
    connection: Connection,
    resource_type: str,
    resource_id: str,
    version: int,
    *,
    where: str = "true",
    arguments: Sequence[Any] = (),
) -> Stored | None:
    """One version, current or superseded. `where` as for `read`, arguments numbered from $4."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from resource r where type = $1 and id = $2 and version = $3 and ({where}) union all "  # noqa: S608
        f"select {_COLUMNS} from resource_history r where type = $1 and id = $2 and version = $3 and ({where})",
        type_number(resource_type),
        resource_id,
        version,
        *arguments,
    )
    return stored(row) if row else None


async def lock(tx: Connection, identities: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Stored]:
    """The current versions of (type, id) pairs, locked until the transaction ends.

    Always in one order, so that two transactions over the same resources queue up and do not deadlock.
    """
    pairs = sorted({(type_number(kind), resource_id) for kind, resource_id in identities})
    if not pairs:
        return {}
    rows = await tx.fetch(
        "select r.type, r.id, r.version, r.updated, r.deleted, r.body, r.patient, r.rid from resource r "
        "join unnest($1::smallint[], $2::text[]) as wanted(type, id) on r.type = wanted.type and r.id = wanted.id "
        "order by r.type, r.id for update of r",
        [kind for kind, _ in pairs],
        [resource_id for _, resource_id in pairs],
    )
    found = [stored(row) for row in rows]
    return {(item.type, item.id): item for item in found}


async def save(tx: Connection, writes: Sequence[Write]) -> None:
    """Store the writes: superseded rows move to the history, index rows are replaced.

    The caller has locked every `previous`. A new resource whose (type, id) appeared meanwhile raises
    asyncpg.UniqueViolationError: run the transaction again.
    """
    if len(writes) == 1:
        await save_one(tx, writes[0])
        return
    updates = [write for write in writes if write.previous is not None]
    creates = [write for write in writes if write.previous is None]
    if updates:
        await _supersede(tx, updates)
    if creates:
        await tx.copy_records_to_table(
            "resource",
            records=[_resource_record(write) for write in creates],
            columns=["patient", "rid", "type", "id", "version", "updated", "deleted", "body", "keys"],
        )
    await save_index(tx, writes)


def _resource_record(write: Write) -> tuple[Any, ...]:
    keys = sorted(write.entries.keys) if write.entries else []
    number = type_number(write.type)
    return (
        write.patient,
        write.rid,
        number,
        write.id,
        write.version,
        write.updated,
        write.deleted,
        pack(write.body),
        keys,
    )


async def _supersede(tx: Connection, updates: Sequence[Write]) -> None:
    old = [write.previous for write in updates if write.previous is not None]
    where = [item.patient for item in old], [item.rid for item in old]
    await tx.execute(
        "insert into resource_history (patient, rid, version, type, id, updated, deleted, body) "
        "select r.patient, r.rid, r.version, r.type, r.id, r.updated, r.deleted, r.body from resource r "
        "join unnest($1::bigint[], $2::bigint[]) as old(patient, rid) using (patient, rid)",
        *where,
    )
    for table in index_rows.COLUMNS:
        await tx.execute(
            f"delete from {table} i using unnest($1::bigint[], $2::bigint[]) as old(patient, rid) "  # noqa: S608
            "where i.patient = old.patient and i.rid = old.rid",
            *where,
        )
    await tx.executemany(
        "update resource set patient = $3, version = $4, updated = $5, deleted = $6, body = $7, keys = $8 "
        "where patient = $1 and rid = $2",
        [
            (
                previous.patient,
                previous.rid,
                write.patient,
                write.version,
                write.updated,
                write.deleted,
                pack(write.body),
                sorted(write.entries.keys) if write.entries else [],
            )
            for write, previous in zip(updates, old, strict=True)
        ],
    )


async def save_index(tx: Connection, writes: Sequence[Write]) -> None:
    """Add the index rows of writes whose old ones are gone."""
    for table, rows in index_rows.rows_of(writes).items():
        if rows:
            columns = ["patient", "rid", *index_rows.columns(table)]
            await tx.copy_records_to_table(table, records=rows, columns=columns)
    await _save_units(tx, index_rows.units_of(writes))


async def _save_units(tx: Connection, units: Mapping[int, index_rows.UnitRow]) -> None:
    """See that the units can be looked up; in one order, so that two transactions with new ones do not deadlock."""
    if units:
        numbers = sorted(units)
        kinds, systems, codes, printed = zip(*(units[number] for number in numbers), strict=True)
        await tx.execute(
            "insert into quantity_unit (unit, kind, system, code, printed) "
            "select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[]) "
            "on conflict do nothing",
            numbers,
            kinds,
            systems,
            codes,
            printed,
        )
