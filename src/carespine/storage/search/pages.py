"""Running a search: one page of matches by key, its total, and what is included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carespine.storage.resources import stored
from carespine.storage.rows import Stored
from carespine.storage.search import sorting
from carespine.storage.search.clauses import Compiler, Reachable
from carespine.storage.search.includes import included
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from carespine.fhir.search import Query
    from carespine.storage.database import Connection

DEFAULT_COUNT, MOST_COUNT = 20, 1_000
# Ours: a total is counted as far as this unless `_total=accurate` asks for more.
COUNTED = 1_000
_COLUMNS = "r.type, r.id, r.version, r.updated, r.deleted, r.body, r.patient, r.rid"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `next` is the cursor of the following one, None on the last; `total` None where not counted."""

    matches: list[Stored]
    included: list[Stored]
    total: int | None
    next: str | None


async def run(
    connection: Connection, query: Query, reachable: Reachable, *, cursor: str | None = None
) -> Page:
    """The page of `query` that follows `cursor`; `reachable` gives the condition that holds for the asker's rows."""
    arguments = Arguments(type_number(query.resource_type))
    compiler = Compiler(connection, arguments, reachable, datetime.now(UTC))
    conditions = ["r.type = $1", "not r.deleted"]
    conditions += [await compiler.compile(clause, "r") for clause in query.clauses]
    conditions.append(f"({reachable(arguments, 'r')})")
    where = " and ".join(conditions)
    total_arguments = list(arguments.values)
    count = min(DEFAULT_COUNT if query.count is None else query.count, MOST_COUNT)
    if query.summary == "count" or count == 0:
        return Page([], [], await _total(connection, where, total_arguments, everything=True), None)
    order = sorting.order(query.sort, query.resource_type, arguments)
    beyond = f" and ({sorting.after(cursor, order, arguments)})" if cursor is not None else ""
    selected = ", ".join([_COLUMNS, *order.expressions])
    rows = await connection.fetch(
        f"select {selected} from resource r {order.joins} where {where}{beyond} order by {order.by} limit {count + 1}",  # noqa: S608
        *arguments.values,
    )
    matches = [stored(row) for row in rows[:count]]
    last = rows[count - 1] if len(rows) > count else None
    following = sorting.cursor([*tuple(last)[8:], last["rid"]]) if last is not None else None
    total = await _page_total(connection, query, where, total_arguments, len(matches), cursor, following)
    extra = (
        await included(connection, query, matches, reachable) if query.includes or query.revincludes else []
    )
    return Page(matches, extra, total, following)


async def _page_total(
    connection: Connection,
    query: Query,
    where: str,
    arguments: list[object],
    found: int,
    cursor: str | None,
    following: str | None,
) -> int | None:
    if query.total == "none":
        return None
    if cursor is None and following is None:
        return found
    return await _total(connection, where, arguments, everything=query.total == "accurate")


async def _total(
    connection: Connection, where: str, arguments: list[object], *, everything: bool
) -> int | None:
    """How many match: all of them, or None beyond 1,000 where that is enough."""
    if everything:
        return int(await connection.fetchval(f"select count(*) from resource r where {where}", *arguments))  # noqa: S608
    some = f"select 1 from resource r where {where} limit {COUNTED + 1}"  # noqa: S608
    counted = int(await connection.fetchval(f"select count(*) from ({some}) counted", *arguments))  # noqa: S608
    return counted if counted <= COUNTED else None
