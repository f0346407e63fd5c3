"""Bodies of one resource type in bulk, in parts that several processes can read side by side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from carespine.storage.bodies import unpack
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from carespine.storage.database import Connection

# Rows that a page of `pages` holds.
_PAGE = 2_000
# PostgreSQL, COPY binary format: signature, flags and extension length before the first row.
_HEADER = 19
_BEFORE_BODY = 6  # the number of fields (2 bytes) and the length of the only one (4 bytes)


@dataclass(frozen=True, slots=True)
class Part:
    """The resources of a type with a row id from `low` up to, not including, `high` (None: to the end)."""

    resource_type: str
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Only:
    """Which resources of a type: of these patients, changed at `since` or later; None for all."""

    patients: list[int] | None = None
    since: datetime | None = None


async def parts(connection: Connection, resource_type: str, count: int) -> list[Part]:
    """About equal parts of a type; fewer where there are few."""
    number = type_number(resource_type)
    total = await connection.fetchval("select count(*) from resource where type = $1 and not deleted", number)
    starts = [0]
    for place in range(1, count):
        rid = await connection.fetchval(
            "select rid from resource where type = $1 order by rid offset $2 limit 1",
            number,
            total * place // count,
        )
        if rid is not None and rid > starts[-1]:
            starts.append(rid)
    ends: list[int | None] = [*starts[1:], None]
    return [Part(resource_type, low, high) for low, high in zip(starts, ends, strict=True)]


def bodies(url: str, part: Part) -> Iterator[bytes]:
    """The JSON of each resource of a part, over a connection of its own, by COPY."""
    where = "type = %s and not deleted and rid >= %s" + (" and rid < %s" if part.high is not None else "")
    values = [type_number(part.resource_type), part.low, *([] if part.high is None else [part.high])]
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("set statement_timeout = 0")
        statement = f"copy (select body from resource where {where}) to stdout (format binary)"  # noqa: S608
        with cursor.copy(statement, values) as copy:
            for number, block in enumerate(copy):
                row = block[_HEADER:] if number == 0 else block
                if len(row) > _BEFORE_BODY:  # the last block is the trailer alone
                    yield unpack(bytes(row[_BEFORE_BODY:]))


async def pages(
    connection: Connection, resource_type: str, only: Only, reachable: Callable[[Arguments], str]
) -> AsyncIterator[list[tuple[int, bytes]]]:
    """(patient key, JSON) of all reachable resources of a type, page by page, in the order of their row ids."""
    after = 0
    while True:
        arguments = Arguments(type_number(resource_type), after, only.patients, only.since)
        rows = await connection.fetch(
            f"select r.patient, r.rid, r.body from resource r where r.type = $1 and r.rid > $2 and not r.deleted "  # noqa: S608
            f"and ($3::bigint[] is null or r.patient = any($3)) and ($4::timestamptz is null or r.updated >= $4) "
            f"and ({reachable(arguments)}) order by r.rid limit {_PAGE}",
            *arguments.values,
        )
        if rows:
            yield [(row["patient"], unpack(row["body"])) for row in rows]
            after = rows[-1]["rid"]
        if len(rows) < _PAGE:
            return
