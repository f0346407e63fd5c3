"""History: current and superseded versions together, newest first, paged by key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from carespine.storage.resources import stored
from carespine.storage.rows import Stored
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from carespine.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a history is wanted: at most `count` versions, updated at or after `since`, from `offset`."""

    count: int
    since: datetime | None = None
    offset: int = 0
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """A page of versions, and how many there are in all."""

    rows: list[Stored]
    total: int


async def versions(
    connection: Connection,
    resource_type: str | None,
    resource_id: str | None,
    window: Window,
    *,
    where: str,
    arguments: Arguments,
) -> Versions:
    """Versions of a resource, a type (`resource_id` None) or everything (both None).

    `where` restricts table alias r; `arguments` already holds its values.
    """
    conditions = [f"({where})"]
    if resource_type is not None:
        conditions.append(f"r.type = {arguments.add(type_number(resource_type))}")
    if resource_id is not None:
        conditions.append(f"r.id = {arguments.add(resource_id)}")
    if window.since is not None:
        conditions.append(f"r.updated >= {arguments.add(window.since)}")
    if window.until is not None:
        conditions.append(f"r.updated <= {arguments.add(window.until)}")
    condition = " and ".join(conditions)
    columns = "r.type, r.id, r.version, r.updated, r.deleted, r.body, r.patient, r.rid"
    both = " union all ".join(
        f"select {columns} from {table} r where {condition}"  # noqa: S608
        for table in ("resource", "resource_history")
    )
    total = await connection.fetchval(f"select count(*) from ({both}) both_tables", *arguments.values)  # noqa: S608
    limit, offset = arguments.add(window.count), arguments.add(window.offset)
    rows = await connection.fetch(
        f"{both} order by updated desc, rid desc, version desc limit {limit} offset {offset}",
        *arguments.values,
    )
    return Versions([stored(row) for row in rows], total)
