"""Index rows made anew for resources that are there: the resource itself, its version and its moment stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from carespine.storage import index_rows, resources
from carespine.storage.bulk import Rows
from carespine.storage.rows import Stored, Write
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from carespine.fhir.search import IndexEntries
    from carespine.storage.database import Connection


async def count(connection: Connection, types: Sequence[str]) -> int:
    """How many current resources of these types there are."""
    numbers = [type_number(name) for name in types]
    statement = "select count(*) from resource where type = any($1::smallint[]) and not deleted"
    return int(await connection.fetchval(statement, numbers))


async def lock_page(tx: Connection, resource_type: str, *, after: int, bound: int, count: int) -> Rows:
    """The next resources in the order of their row ids, as they are once nobody else is at work on them.

    They are locked in the order that every writer keeps to.
    """
    rows = await tx.fetch(
        "select id, rid from resource where type = $1 and rid > $2 and rid < $3 and not deleted order by rid limit $4",
        type_number(resource_type),
        after,
        bound,
        count,
    )
    found = await resources.lock(tx, [(resource_type, row["id"]) for row in rows])
    return Rows(list(found.values()), rows[-1]["rid"] if len(rows) == count else None)


async def rewrite(tx: Connection, fresh: Sequence[tuple[Stored, IndexEntries]]) -> None:
    """Replace the index rows and keys of resources that are locked."""
    if not fresh:
        return
    writes = [_write(item, entries) for item, entries in fresh]
    where = [write.patient for write in writes], [write.rid for write in writes]
    for table in index_rows.COLUMNS:
        await tx.execute(
            f"delete from {table} i using unnest($1::bigint[], $2::bigint[]) as old(patient, rid) "  # noqa: S608
            "where i.patient = old.patient and i.rid = old.rid",
            *where,
        )
    await tx.executemany(
        "update resource set keys = $3 where patient = $1 and rid = $2",
        [
            (write.patient, write.rid, sorted(entries.keys))
            for write, (_, entries) in zip(writes, fresh, strict=True)
        ],
    )
    await resources.save_index(tx, writes)


def _write(item: Stored, entries: IndexEntries) -> Write:
    return Write(
        item.type,
        item.id,
        item.version,
        item.updated,
        False,
        item.body,
        item.patient,
        item.rid,
        entries,
        item,
    )
