"""Reading very many resources in the order of their row ids, as they were at one moment.

A row that was changed after the moment gives the version of the moment instead. Conditions of a search are asked of
the current index: a resource that came to match them, or ceased to, after the moment counts as it is now.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carespine.kernel.ids import NOT_PATIENT_SCOPED
from carespine.storage.resources import stored
from carespine.storage.rows import Stored
from carespine.storage.search.clauses import Compiler, Reachable
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from carespine.fhir.search import Query
    from carespine.storage.database import Connection

_COLUMNS = "r.type, r.id, r.version, r.updated, r.deleted, r.body, r.patient, r.rid"
# Row ids count microseconds in their high bits (storage/rows.py). The margin is ours, for clocks that differ.
_RID_SHIFT, _RID_MARGIN_US = 12, 10_000_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Resources of one type as they were at `moment`, changed after `since` (None: ever).

    `patients` None for all, else keys; `of_patients` leaves out what belongs to no patient; any one of `queries`
    must match (none: all do); `deleted` asks for what was deleted, instead. `bound` is from `row_bound()`.
    """

    type: str
    moment: datetime
    bound: int
    since: datetime | None = None
    patients: tuple[int, ...] | None = None
    of_patients: bool = False
    queries: tuple[Query, ...] = ()
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows, and the row id to go on after; None at the end."""

    items: list[Stored]
    next: int | None


async def types_present(connection: Connection) -> list[str]:
    """The types of which anything is or was stored."""
    rows = await connection.fetch(
        "select t.name from resource_type t where exists (select 1 from resource r where r.type = t.number) "
        "order by t.number"
    )
    return [row["name"] for row in rows]


def row_bound() -> int:
    """A row id above all that are there now: a reader that stops here does not run after its writers."""
    return (time.time_ns() // 1000 + _RID_MARGIN_US) << _RID_SHIFT


async def rows(
    connection: Connection, wanted: Selection, reachable: Reachable, *, after: int, count: int
) -> Rows:
    """At most `count` rows after the row id `after`."""
    arguments = Arguments(type_number(wanted.type), after, wanted.bound, wanted.moment)
    conditions = ["r.type = $1", "r.rid > $2", "r.rid < $3"]
    conditions.append(
        "r.deleted and r.updated <= $4" if wanted.deleted else "(not r.deleted or r.updated > $4)"
    )
    if wanted.since is not None:
        conditions.append(f"r.updated > {arguments.add(wanted.since)}")
    if wanted.patients is not None:
        conditions.append(f"r.patient = any({arguments.add(list(wanted.patients))}::bigint[])")
    elif wanted.of_patients:
        conditions.append(f"r.patient <> {NOT_PATIENT_SCOPED}")
    if wanted.queries and not wanted.deleted:
        conditions.append(await _any_of(connection, wanted.queries, arguments, reachable))
    conditions.append(f"({reachable(arguments, 'r')})")
    found = [
        stored(row)
        for row in await connection.fetch(
            f"select {_COLUMNS} from resource r where {' and '.join(conditions)} order by r.rid limit {count}",  # noqa: S608
            *arguments.values,
        )
    ]
    following = found[-1].rid if len(found) == count else None
    return Rows(await _as_they_were(connection, found, wanted, reachable), following)


async def _any_of(
    connection: Connection, queries: tuple[Query, ...], arguments: Arguments, reachable: Reachable
) -> str:
    asked = [clause for query in queries for clause in query.clauses]
    compiler = await Compiler.of(connection, arguments, reachable, datetime.now(UTC), asked)
    alternatives = []
    for query in queries:
        clauses = [await compiler.compile(clause, "r") for clause in query.clauses]
        alternatives.append(" and ".join(clauses) or "true")
    return "(" + " or ".join(f"({each})" for each in alternatives) + ")"


async def _as_they_were(
    connection: Connection, found: list[Stored], wanted: Selection, reachable: Reachable
) -> list[Stored]:
    later = {item.id: item for item in found if item.updated > wanted.moment}
    if not later:
        return found
    arguments = Arguments(type_number(wanted.type), sorted(later), wanted.moment)
    since = f"and r.updated > {arguments.add(wanted.since)}" if wanted.since is not None else ""
    rows = await connection.fetch(
        f"select {_COLUMNS} from (select distinct on (h.id) h.* from resource_history h "  # noqa: S608
        f"where h.type = $1 and h.id = any($2::text[]) and h.updated <= $3 order by h.id, h.version desc) r "
        f"where not r.deleted {since} and ({reachable(arguments, 'r')})",
        *arguments.values,
    )
    before = {row["id"]: stored(row) for row in rows}
    settled = [before.get(item.id) if item.id in later else item for item in found]
    return [item for item in settled if item is not None]


async def writers_before(connection: Connection, moment: datetime) -> bool:
    """Whether a transaction of ours that began before the moment is still at work: what it writes belongs before."""
    return bool(
        await connection.fetchval(
            "select exists (select 1 from pg_stat_activity where datname = current_database() "
            "and application_name = 'carespine' and pid <> pg_backend_pid() and state <> 'idle' "
            "and backend_type = 'client backend' and xact_start <= $1)",
            moment,
        )
    )
