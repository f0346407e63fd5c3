"""Running a search: one page of matches by key, its total, and what is included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.storage.resources import stored
from carespine.storage.rows import Stored
from carespine.storage.search import by_value, sorting
from carespine.storage.search.includes import included
from carespine.storage.search.plans import COLUMNS, Plan, plan
from carespine.storage.sql import Arguments

if TYPE_CHECKING:
    import asyncpg

    from carespine.fhir.search import Query
    from carespine.storage.database import Connection
    from carespine.storage.search.clauses import Reachable

DEFAULT_COUNT, MOST_COUNT = 20, 1_000
_WIDTH = COLUMNS.count(",") + 1


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
    count = min(DEFAULT_COUNT if query.count is None else query.count, MOST_COUNT)
    chosen = await plan(connection, query, reachable, cursor=cursor, count=count)
    if query.summary == "count" or count == 0:
        return Page([], [], await _total(connection, chosen), None)
    if sorting.needs_values(query.sort):
        rows, following = await by_value.page(connection, query, chosen, cursor=cursor, count=count)
    else:
        rows, following = await _rows(connection, chosen, cursor=cursor, count=count)
    matches = [stored(row[:_WIDTH]) for row in rows]
    total = None
    if query.total != "none" and cursor is None and following is None:
        total = len(matches)
    elif query.total in ("accurate", "estimate"):
        total = await _total(connection, chosen)
    extra = (
        await included(connection, query, matches, reachable) if query.includes or query.revincludes else []
    )
    return Page(matches, extra, total, following)


async def _rows(
    connection: Connection, chosen: Plan, *, cursor: str | None, count: int
) -> tuple[list[asyncpg.Record], str | None]:
    """The rows of a page and the cursor of the next: those that have the value first, then those that lack it."""
    found: list[asyncpg.Record] = []
    for order in chosen.orders:
        if cursor is not None and not sorting.may_follow(cursor, order):
            continue
        arguments = Arguments(*chosen.arguments.values)
        statement = order.statement(
            COLUMNS, chosen.where, arguments, cursor=cursor, limit=count + 1 - len(found)
        )
        found += await connection.fetch(statement, *arguments.values)
        if len(found) > count:
            return found[:count], sorting.cursor([*tuple(found[count - 1])[_WIDTH:], found[count - 1]["rid"]])
        cursor = None
    return found, None


async def _total(connection: Connection, chosen: Plan) -> int:
    arguments = Arguments(*chosen.arguments.values)
    where = chosen.whole(arguments)
    return int(await connection.fetchval(f"select count(*) from resource r where {where}", *arguments.values))  # noqa: S608
