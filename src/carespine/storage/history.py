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

_TABLES = ("resource", "resource_history")
_COLUMNS = "r.type, r.id, r.version, r.updated, r.deleted, r.body, r.patient, r.rid"
_ORDER = "order by updated desc, rid desc, version desc"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the versions that follow are older, so that writes meanwhile move nothing."""

    updated: datetime
    rid: int
    version: int
    total: int


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a history is wanted: at most `count` versions after a place.

    `since`: those made at or after it. `at` (first and last instant): those that were current at some time in it.
    """

    count: int
    since: datetime | None = None
    at: tuple[datetime, datetime] | None = None
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """A page of versions, how many there were in all at the first page, and where the next page begins."""

    rows: list[Stored]
    total: int
    next: Place | None


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
    condition = _condition(resource_type, resource_id, window, where, arguments)
    total = window.after.total if window.after else await _total(connection, condition, arguments)
    if window.after is not None:
        place = (
            arguments.add(value) for value in (window.after.updated, window.after.rid, window.after.version)
        )
        condition += f" and (r.updated, r.rid, r.version) < ({', '.join(place)})"
    limit = arguments.add(window.count + 1)
    pages = " union all ".join(_page(table, resource_type, condition, limit) for table in _TABLES)
    found = await connection.fetch(f"{pages} {_ORDER} limit {limit}", *arguments.values)
    rows = [stored(row) for row in found[: window.count]]
    more = len(found) > window.count and bool(rows)
    following = Place(rows[-1].updated, rows[-1].rid, rows[-1].version, total) if more else None
    return Versions(rows, total, following)


def _condition(
    resource_type: str | None, resource_id: str | None, window: Window, where: str, arguments: Arguments
) -> str:
    conditions = [f"({where})"]
    if resource_type is not None:
        conditions.append(f"r.type = {arguments.add(type_number(resource_type))}")
    if resource_id is not None:
        conditions.append(f"r.id = {arguments.add(resource_id)}")
    if window.since is not None:
        conditions.append(f"r.updated >= {arguments.add(window.since)}")
    if window.at is not None:
        conditions.append(_current(*(arguments.add(moment) for moment in window.at)))
    return " and ".join(conditions)


def _current(first: str, last: str) -> str:
    """That a version was current at some time from `first` to `last`: made by then, and not replaced before."""
    replaced = " or ".join(
        f"exists (select 1 from {table} n where n.type = r.type and n.id = r.id "  # noqa: S608
        f"and n.version = r.version + 1 and n.updated <= {first})"
        for table in _TABLES
    )
    return f"r.updated <= {last} and (r.updated >= {first} or not (r.deleted or {replaced}))"


async def _total(connection: Connection, condition: str, arguments: Arguments) -> int:
    counts = " + ".join(f"(select count(*) from {table} r where {condition})" for table in _TABLES)  # noqa: S608
    total: int = await connection.fetchval(f"select {counts}", *arguments.values)
    return total


def _page(table: str, resource_type: str | None, condition: str, limit: str) -> str:
    """The newest rows of one table. Over all types, type by type: the index of updates begins with the type."""
    one = f"select {_COLUMNS} from {table} r where {condition}"  # noqa: S608
    if resource_type is not None:
        return f"({one} {_ORDER} limit {limit})"
    each = f"({one} and r.type = t.number {_ORDER} limit {limit})"
    return f"(select v.* from resource_type t cross join lateral {each} v {_ORDER} limit {limit})"  # noqa: S608
