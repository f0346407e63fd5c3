"""Running a search: one page of matches by key, its total, and what is included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carespine.storage.resources import stored
from carespine.storage.rows import Stored
from carespine.storage.search import sorting
from carespine.storage.search.clauses import Compiler, Reachable, is_selective
from carespine.storage.search.contents import is_of_content
from carespine.storage.search.includes import included
from carespine.storage.search.ranged import Ranged
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from carespine.fhir.search import Query
    from carespine.storage.database import Connection

DEFAULT_COUNT, MOST_COUNT = 20, 1_000
_COLUMNS = "r.type, r.id, r.version, r.updated, r.deleted, r.body, r.patient, r.rid"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `next` is the cursor of the following one, None on the last; `total` None where not counted."""

    matches: list[Stored]
    included: list[Stored]
    total: int | None
    next: str | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query's conditions on the resource r, and the one range, if any, in whose order it is best walked."""

    where: str
    along: Ranged | None


async def run(
    connection: Connection, query: Query, reachable: Reachable, *, cursor: str | None = None
) -> Page:
    """The page of `query` that follows `cursor`; `reachable` gives the condition that holds for the asker's rows."""
    arguments = Arguments(type_number(query.resource_type))
    asked = await _conditions(connection, query, reachable, arguments)
    total_arguments = list(arguments.values)
    count = min(DEFAULT_COUNT if query.count is None else query.count, MOST_COUNT)
    if query.summary == "count" or count == 0:
        return Page([], [], await _total(connection, asked.where, total_arguments), None)
    order = sorting.order(query.sort, query.resource_type, arguments, along=asked.along)
    beyond = f" and ({sorting.after(cursor, order, arguments)})" if cursor is not None else ""
    selected = ", ".join([_COLUMNS, *order.expressions])
    rows = await connection.fetch(
        f"select {selected} from {order.source} {order.joins} where {asked.where}{beyond} "  # noqa: S608
        f"order by {order.by} limit {count + 1}",
        *arguments.values,
    )
    matches = [stored(row) for row in rows[:count]]
    last = rows[count - 1] if len(rows) > count else None
    following = sorting.cursor([*tuple(last)[8:], last["rid"]]) if last is not None else None
    total = None
    if query.total != "none" and cursor is None and following is None:
        total = len(matches)
    elif query.total in ("accurate", "estimate"):
        total = await _total(connection, asked.where, total_arguments)
    extra = (
        await included(connection, query, matches, reachable) if query.includes or query.revincludes else []
    )
    return Page(matches, extra, total, following)


async def _conditions(
    connection: Connection, query: Query, reachable: Reachable, arguments: Arguments
) -> _Asked:
    compiler = await Compiler.of(connection, arguments, reachable, datetime.now(UTC), query.clauses)
    narrowed = any(is_selective(clause) for clause in query.clauses)
    ranges: list[Ranged] = []
    conditions = ["r.type = $1", "not r.deleted"]
    of_content = [clause for clause in query.clauses if is_of_content(clause)]
    for clause in query.clauses:
        wanted = compiler.range_of(clause)
        if clause in of_content:
            continue
        if wanted is None:
            conditions.append(await compiler.compile(clause, "r", narrowed=narrowed))
        else:
            _merge(ranges, wanted)
    along = None
    for wanted in ranges:
        condition = await compiler.of_rows(wanted, "r", narrowed=narrowed)
        is_many = condition.startswith("exists")
        conditions.append(condition)
        if is_many and len(query.clauses) == 1:
            along = wanted
    conditions.append(f"({reachable(arguments, 'r')})")
    for clause in of_content:
        conditions.append(await compiler.of_content(clause, "r", conditions))
    return _Asked(" and ".join(conditions), along)


def _merge(ranges: list[Ranged], wanted: Ranged) -> None:
    """Two halves of one range are one condition: `date=ge2020&date=lt2021`."""
    for place, other in enumerate(ranges):
        both = other.joined(wanted)
        if both is not None:
            ranges[place] = both
            return
    ranges.append(wanted)


async def _total(connection: Connection, where: str, arguments: list[object]) -> int:
    return int(await connection.fetchval(f"select count(*) from resource r where {where}", *arguments))  # noqa: S608
