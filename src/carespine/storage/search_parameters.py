"""Search parameters added at run time as rows, the count of their changes, and what each process knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.storage import bell

if TYPE_CHECKING:
    from carespine.storage.database import Connection

TOPIC = "search-parameter"
# Ours: a process that was not seen for so long is not at work any more.
_GONE_S = 15.0


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """A SearchParameter in force; `changed` is the change that brought it."""

    id: str
    url: str
    code: str
    type: str
    expression: str
    bases: tuple[str, ...]
    targets: tuple[str, ...]
    ready: bool = False
    changed: int = 0


async def rows(connection: Connection) -> list[ParameterRow]:
    found = await connection.fetch(
        "select id, url, code, type, expression, bases, targets, ready, changed from search_parameter order by id"
    )
    lists = ("bases", "targets")
    return [ParameterRow(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in found]


async def put(tx: Connection, row: ParameterRow) -> None:
    """Put a parameter in force, not ready; one that is the same already stays as it is."""
    same = await tx.fetchval(
        "select true from search_parameter where id = $1 and url = $2 and code = $3 and type = $4 "
        "and expression = $5 and bases = $6 and targets = $7",
        *_values(row),
    )
    if same:
        return
    number = await _change(tx)
    await tx.execute(
        "insert into search_parameter (id, url, code, type, expression, bases, targets, changed) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do update set url = excluded.url, "
        "code = excluded.code, type = excluded.type, expression = excluded.expression, bases = excluded.bases, "
        "targets = excluded.targets, changed = excluded.changed, ready = false",
        *_values(row),
        number,
    )


async def remove(tx: Connection, resource_id: str) -> None:
    """Take a parameter out of force; nothing where there is none."""
    if await tx.fetchval("delete from search_parameter where id = $1 returning true", resource_id):
        await _change(tx)


async def rival(connection: Connection, row: ParameterRow) -> str | None:
    """The URL of another parameter with the same code for one of the same types, or with the same URL."""
    found: str | None = await connection.fetchval(
        "select url from search_parameter where id <> $1 and (url = $2 or (code = $3 and bases && $4)) limit 1",
        row.id,
        row.url,
        row.code,
        list(row.bases),
    )
    return found


async def make_ready(tx: Connection, parameters: Sequence[tuple[str, int]]) -> None:
    """Call (id, change) parameters ready; one that was changed since is not."""
    done = await tx.fetch(
        "update search_parameter p set ready = true from unnest($1::text[], $2::bigint[]) as done(id, changed) "
        "where p.id = done.id and p.changed = done.changed and not p.ready returning p.id",
        [each[0] for each in parameters],
        [each[1] for each in parameters],
    )
    if done:
        await _change(tx)


async def last_change(connection: Connection) -> int:
    return int(await connection.fetchval("select number from search_parameter_change"))


async def seen(connection: Connection, worker: str, known: int) -> None:
    """Note that a process is at work, and what it knows."""
    await connection.execute(
        "insert into worker (id, known, seen) values ($1, $2, now()) "
        "on conflict (id) do update set known = excluded.known, seen = excluded.seen",
        worker,
        known,
    )


async def leave(connection: Connection, worker: str) -> None:
    """Note that a process is no longer at work; and forget those that left without a word."""
    await connection.execute(
        "delete from worker where id = $1 or seen < now() - 10 * $2 * interval '1 second'", worker, _GONE_S
    )


async def all_know(connection: Connection, change: int) -> bool:
    """Whether every process at work knows the parameters as of this change."""
    return not await connection.fetchval(
        "select exists (select 1 from worker where known < $1 and seen > now() - $2 * interval '1 second')",
        change,
        _GONE_S,
    )


async def _change(tx: Connection) -> int:
    number = await tx.fetchval("update search_parameter_change set number = number + 1 returning number")
    await bell.ring(tx, TOPIC)
    return int(number)


def _values(row: ParameterRow) -> tuple[object, ...]:
    return row.id, row.url, row.code, row.type, row.expression, list(row.bases), list(row.targets)
