"""Running a search: one page of matches by key, its total, and what is included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from carespine.kernel.errors import Invalid
from carespine.storage.resources import stored
from carespine.storage.rows import Stored
from carespine.storage.search import by_value, sorting
from carespine.storage.search.includes import included
from carespine.storage.search.plans import COLUMNS, Plan, plan, plan_beside_others
from carespine.storage.search.sorting import Order, Walk
from carespine.storage.sql import Arguments

if TYPE_CHECKING:
    import asyncpg

    from carespine.fhir.search import Query
    from carespine.storage.database import Connection
    from carespine.storage.search.clauses import Reachable

DEFAULT_COUNT, MOST_COUNT = 20, 1_000
# Ours: how a batch of an index grows where its rows do not fill the page, and how far.
_MORE, _MOST_WALKED = 4, 5_000
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


async def run_across(
    connection: Connection, queries: Sequence[Query], reachable: Reachable, *, cursor: str | None = None
) -> Page:
    """A page over several types: what is found by each of the queries, which differ in nothing but their type.

    Raises Invalid for an order by a parameter of a type: over several there are `_id` and `_lastUpdated`.
    """
    first = queries[0]
    if sorting.is_joined(first.sort):
        raise Invalid("A search over several types is sorted by _id and _lastUpdated only.")
    count = min(DEFAULT_COUNT if first.count is None else first.count, MOST_COUNT)
    arguments = Arguments()
    plans = [
        await plan_beside_others(connection, query, reachable, arguments, count=count) for query in queries
    ]
    if first.summary == "count" or count == 0:
        return Page([], [], await _totals(connection, plans), None)
    counted = list(arguments.values)
    order, limit = plans[0].orders[0], count + 1
    assert isinstance(order, Order)  # noqa: S101 -- plan_beside_others walks along nothing
    parts = [order.statement(COLUMNS, each.where, arguments, cursor=cursor, limit=limit) for each in plans]
    union = " union all ".join(f"({part})" for part in parts)
    rows = await connection.fetch(
        f"select * from ({union}) u order by {order.by_columns('u')} limit {limit}",  # noqa: S608
        *arguments.values,
    )
    matches = [stored(row[:_WIDTH]) for row in rows[:count]]
    following = _following(order, rows, count)
    total = None
    if first.total != "none" and cursor is None and following is None:
        total = len(matches)
    elif first.total in ("accurate", "estimate"):
        total = await _totals(connection, [replace(each, arguments=Arguments(*counted)) for each in plans])
    return Page(matches, [], total, following)


async def _totals(connection: Connection, plans: Sequence[Plan]) -> int:
    """The plans share their arguments, so that they are counted in one statement."""
    parts = " + ".join(f"(select count(*) from resource r where {each.where})" for each in plans)  # noqa: S608
    return int(await connection.fetchval(f"select {parts}", *plans[0].arguments.values))


def _following(order: Order | Walk, rows: Sequence[asyncpg.Record], count: int) -> str | None:
    """The cursor of the next page, where there are more rows than on this one."""
    if len(rows) <= count:
        return None
    last = rows[count - 1]
    return sorting.cursor([*tuple(last)[_WIDTH : _WIDTH + len(order.types)], last["rid"]])


async def _rows(
    connection: Connection, chosen: Plan, *, cursor: str | None, count: int
) -> tuple[list[asyncpg.Record], str | None]:
    """The rows of a page and the cursor of the next: those that have the value first, then those that lack it."""
    found: list[asyncpg.Record] = []
    for order in chosen.orders:
        if cursor is not None and not sorting.may_follow(cursor, order, len(chosen.orders) > 1):
            continue
        wanted = count + 1 - len(found)
        if isinstance(order, Walk):
            found += await _walked(connection, chosen, order, cursor=cursor, wanted=wanted)
        else:
            arguments = Arguments(*chosen.arguments.values)
            statement = order.statement(
                COLUMNS, chosen.of_source, arguments, cursor=cursor, limit=wanted, source=chosen.source
            )
            found += await connection.fetch(statement, *arguments.values)
        if len(found) > count:
            return found[:count], _following(order, found, count)
        cursor = None
    return found, None


async def _walked(
    connection: Connection, chosen: Plan, walk: Walk, *, cursor: str | None, wanted: int
) -> list[asyncpg.Record]:
    """As many rows as wanted, or all there are: a batch of the index at a time, more where most do not match."""
    found: list[asyncpg.Record] = []
    batch = wanted if chosen.is_bare else wanted * _MORE
    while True:
        arguments = Arguments(*chosen.arguments.values)
        statement = walk.statement(COLUMNS, chosen.where, arguments, cursor=cursor, limit=batch)
        rows = await connection.fetch(statement, *arguments.values)
        found += [row for row in rows if row["id"] is not None]
        if len(found) >= wanted or len(rows) < batch:
            return found[:wanted]
        cursor = sorting.cursor(list(tuple(rows[-1])[_WIDTH:]))
        batch = min(batch * _MORE, _MOST_WALKED)


async def _total(connection: Connection, chosen: Plan) -> int:
    arguments = Arguments(*chosen.arguments.values)
    where = chosen.whole(arguments)
    return int(await connection.fetchval(f"select count(*) from resource r where {where}", *arguments.values))  # noqa: S608
