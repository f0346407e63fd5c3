"""`_sort` by what no index has in an order, codes and references above all: the matches are read and sorted here."""

from __future__ import annotations

import asyncio
from functools import cmp_to_key, partial
from typing import TYPE_CHECKING, Any

from carespine.fhir import json_text
from carespine.fhir.search import ordering
from carespine.kernel.errors import Invalid, Issue
from carespine.storage.bodies import unpack
from carespine.storage.instants import micros
from carespine.storage.search import sorting
from carespine.storage.search.plans import COLUMNS, Plan
from carespine.storage.sql import Arguments

if TYPE_CHECKING:
    import asyncpg

    from carespine.fhir.search import Query
    from carespine.storage.database import Connection

# Ours: about a second's reading.
MOST_SORTED = 20_000
_AT_ONCE = 500
# Values of the keys, then the row id; and beside them the row's patient.
Place = tuple[list[Any], int, int]


async def page(
    connection: Connection, query: Query, chosen: Plan, *, cursor: str | None, count: int
) -> tuple[list[asyncpg.Record], str | None]:
    """The rows of a page and the cursor of the next. Raises Invalid where more match than are sorted here."""
    places = await _places(connection, query, chosen)
    places.sort(key=cmp_to_key(partial(_compare, query=query)))
    if cursor is not None:
        last = _last(cursor, query)
        places = [place for place in places if _compare(place, last, query) > 0]
    wanted = places[:count]
    rows = await _fetched(connection, wanted)
    following = sorting.cursor([*wanted[-1][0], wanted[-1][1]]) if len(places) > count else None
    return rows, following


async def _places(connection: Connection, query: Query, chosen: Plan) -> list[Place]:
    arguments = Arguments(*chosen.arguments.values)
    where = chosen.whole(arguments)
    after = arguments.add(-(2**63))
    statement = (
        f"select {COLUMNS} from resource r where {where} and r.rid > {after} order by r.rid limit {_AT_ONCE}"  # noqa: S608
    )
    found: list[Place] = []
    while rows := await connection.fetch(statement, *arguments.values):
        found += [(_values(row, query), row["rid"], row["patient"]) for row in rows]
        if len(found) > MOST_SORTED:
            raise _too_costly(query)
        arguments.values[-1] = rows[-1]["rid"]
        await asyncio.sleep(0)  # other requests get their turn
        if len(rows) < _AT_ONCE:
            break
    return found


def _values(row: asyncpg.Record, query: Query) -> list[Any]:
    tree = json_text.read(unpack(row["body"]))
    found: list[Any] = []
    for key in query.sort:
        if key.parameter.code == "_id":
            found.append(row["id"])
        elif key.parameter.code == "_lastUpdated":
            found.append(micros(row["updated"]))
        else:
            found.append(ordering.value(tree, query.resource_type, key.parameter, descending=key.descending))
    return found


def _compare(one: Place, other: Place, query: Query) -> int:
    """What lacks a value comes last, in either direction; where all are equal, what was stored first comes first."""
    for left, right, key in zip(one[0], other[0], query.sort, strict=True):
        if left == right:
            continue
        if left is None or right is None:
            return 1 if left is None else -1
        return (1 if left > right else -1) * (-1 if key.descending else 1)
    return (one[1] > other[1]) - (one[1] < other[1])


def _last(cursor: str, query: Query) -> Place:
    *values, rid = sorting.values_of(cursor)
    if len(values) != len(query.sort) or not all(map(_fits, values, query.sort)):
        raise Invalid("The page's cursor is not one of this search; begin again from the first page.")
    return values, rid, 0


def _fits(value: Any, key: Any) -> bool:
    is_number = key.parameter.type in ("date", "number", "quantity")
    return value is None or isinstance(value, int | float if is_number else str)


def _too_costly(query: Query) -> Invalid:
    named = ",".join(key.parameter.code for key in query.sort)
    message = f"_sort={named} sorts at most {MOST_SORTED} matches; add a condition that narrows the search."
    return Invalid(message, issues=[Issue("too-costly", message)])


async def _fetched(connection: Connection, places: list[Place]) -> list[asyncpg.Record]:
    rows = await connection.fetch(
        f"select {COLUMNS} from resource r join unnest($1::bigint[], $2::bigint[]) with ordinality "  # noqa: S608
        "as wanted(patient, rid, place) on r.patient = wanted.patient and r.rid = wanted.rid order by wanted.place",
        [patient for _, _, patient in places],
        [rid for _, rid, _ in places],
    )
    return list(rows)
