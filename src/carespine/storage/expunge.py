"""Removing for good: versions, deleted resources, whole resources, with their index rows. What is gone is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from carespine.storage import index_rows
from carespine.storage.types import type_name, type_number

if TYPE_CHECKING:
    from carespine.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Gone:
    """A resource of which something was removed; `versions` how many, `whole` whether nothing is left."""

    type: str
    id: str
    patient: int
    versions: int
    whole: bool


async def whole(
    tx: Connection, resource_type: str | None, resource_id: str | None, *, deleted_only: bool, limit: int
) -> list[Gone]:
    """Remove resources with all their versions: one, some of a type, or some of all; only deleted ones, or any."""
    rows = await tx.fetch(
        "select type, id, patient, rid from resource where ($1::smallint is null or type = $1) "
        "and ($2::text is null or id = $2) and (deleted or not $3) order by type, id limit $4 for update",
        type_number(resource_type) if resource_type else None,
        resource_id,
        deleted_only,
        limit,
    )
    if not rows:
        return []
    identities = [row["type"] for row in rows], [row["id"] for row in rows]
    where = [row["patient"] for row in rows], [row["rid"] for row in rows]
    old = await tx.fetch(
        "with gone as (delete from resource_history h using unnest($1::smallint[], $2::text[]) as w(type, id) "
        "where h.type = w.type and h.id = w.id returning h.type, h.id) "
        "select type, id, count(*)::integer from gone group by 1, 2",
        *identities,
    )
    for table in index_rows.COLUMNS:
        await tx.execute(
            f"delete from {table} i using unnest($1::bigint[], $2::bigint[]) as w(patient, rid) "  # noqa: S608
            "where i.patient = w.patient and i.rid = w.rid",
            *where,
        )
    await tx.execute(
        "delete from resource r using unnest($1::bigint[], $2::bigint[]) as w(patient, rid) "
        "where r.patient = w.patient and r.rid = w.rid",
        *where,
    )
    counts = {(row[0], row[1]): row[2] for row in old}
    return [
        Gone(
            type_name(row["type"]),
            row["id"],
            row["patient"],
            1 + counts.get((row["type"], row["id"]), 0),
            True,
        )
        for row in rows
    ]


async def superseded(
    tx: Connection,
    resource_type: str | None,
    resource_id: str | None,
    *,
    limit: int,
    before: datetime | None = None,
) -> list[Gone]:
    """Remove at most `limit` superseded versions; with `before`, those that had been replaced by then."""
    rows = await tx.fetch(
        "with old as (select h.patient, h.rid, h.version from resource_history h "
        "where ($1::smallint is null or h.type = $1) and ($2::text is null or h.id = $2) "
        "and ($3::timestamptz is null or h.updated < $3 and exists (select 1 from resource_history n "
        "where n.type = h.type and n.id = h.id and n.version = h.version + 1 and n.updated < $3 union all "
        "select 1 from resource n where n.type = h.type and n.id = h.id and n.version = h.version + 1 "
        "and n.updated < $3)) limit $4), gone as (delete from resource_history h using old "
        "where h.patient = old.patient and h.rid = old.rid and h.version = old.version "
        "returning h.type, h.id, h.patient) select type, id, patient, count(*)::integer from gone group by 1, 2, 3",
        type_number(resource_type) if resource_type else None,
        resource_id,
        before,
        limit,
    )
    return [Gone(type_name(row[0]), row[1], row[2], row[3], False) for row in rows]


async def deleted_before(tx: Connection, before: datetime, *, limit: int) -> Sequence[Gone]:
    """Remove at most `limit` resources that had been deleted by then, with all their versions."""
    rows = await tx.fetch(
        "select type, id from resource where deleted and updated < $1 order by type, id limit $2",
        before,
        limit,
    )
    found: list[Gone] = []
    for row in rows:
        found += await whole(tx, type_name(row["type"]), row["id"], deleted_only=True, limit=1)
    return found
