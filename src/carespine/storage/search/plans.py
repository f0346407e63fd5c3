"""How a search is run: which index leads, and in which order its rows come.

PostgreSQL's planner does not know that a key implies a resource type, nor how many rows a range leaves. So the choice
is made here, and written so that it has no other: a condition that is not to lead stands where no index serves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carespine.fhir.search.criteria import AllOf, Clause, Criterion
from carespine.fhir.search.lookup import keys_for, must_be_missing
from carespine.storage.search import estimates, sorting
from carespine.storage.search.clauses import Compiler, Reachable, is_selective
from carespine.storage.search.conditions import carries
from carespine.storage.search.contents import is_of_content
from carespine.storage.search.ranged import Ranged
from carespine.storage.search.sorting import Order, Walk
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from carespine.fhir.search import Query
    from carespine.storage.database import Connection

COLUMNS = "r.type, r.id, r.version, r.updated, r.deleted, r.body, r.patient, r.rid"


@dataclass(frozen=True, slots=True)
class Plan:
    """A search's conditions on the resource `r` and its order: one, or two where some rows lack the value.

    `arguments` are those of `where`. `along` is the range whose index is walked; `where` leaves it out. `is_bare`:
    nothing further is asked of the resources than who may see them. `source` is where their rows come from, `rest` what
    is to be asked of those then.
    """

    where: str
    arguments: Arguments
    orders: tuple[Order | Walk, ...]
    along: Ranged | None = None
    is_bare: bool = False
    source: str = "resource"
    rest: str | None = None

    @property
    def of_source(self) -> str:
        """The conditions on the rows of `source`."""
        return self.where if self.rest is None else self.rest

    def whole(self, arguments: Arguments) -> str:
        """All conditions; `arguments` begin with the plan's."""
        return self.where if self.along is None else f"{self.where} and {self.along.filter(arguments, 'r')}"


@dataclass(slots=True)
class _Found:
    """Conditions by what may be done with them: sets of keys, lists of rows, wide ranges, all others."""

    of_type: str
    keys: list[frozenset[int]]
    ranges: list[Ranged]
    others: list[str]
    is_listed: bool = False


async def plan(
    connection: Connection, query: Query, reachable: Reachable, *, cursor: str | None, count: int
) -> Plan:
    """The plan of a query's page after `cursor`."""
    arguments = Arguments()
    found = await _conditions(connection, query, reachable, arguments)
    is_rare = bool(found.keys) and not found.is_listed and await _is_rare(connection, query, found, count)
    if not is_rare and not found.is_listed and (walked := _walked(query, found, cursor)) is not None:
        return _along(walked, query, found, arguments)
    if sorting.is_joined(query.sort) and not sorting.needs_values(query.sort):
        if not is_rare and not found.is_listed and (both := sorting.range_sorted(query, found.ranges)):
            return _along(both, query, found, arguments)
        if not is_rare and not found.is_listed and (alone := sorting.walk(query)) is not None:
            where = _where(found, arguments, lead="order")
            return Plan(where, arguments, alone, is_bare=_is_bare(found))
        is_rare = bool(found.keys) and not found.is_listed
    lead = "keys" if is_rare else "list" if found.is_listed else "order"
    first, rest = _parts(found, arguments, lead=lead)
    where = " and ".join([*first, *rest])
    sort = () if sorting.needs_values(query.sort) else query.sort
    orders = (sorting.order(sort, query.resource_type),)
    if lead != "keys" or query.sort or set(found.others) <= {"(true)"}:
        return Plan(where, arguments, orders)
    # What costs more, above all who may see a row, is asked in the order of the page, of no more rows than it needs.
    source = f"(select * from resource r where {' and '.join(first)} order by r.rid offset 0)"  # noqa: S608
    return Plan(where, arguments, orders, source=source, rest=" and ".join(rest))


def _along(walked: Ranged, query: Query, found: _Found, arguments: Arguments) -> Plan:
    found.ranges.remove(walked)
    where = _where(found, arguments, lead="order")
    descending = any(key.descending for key in query.sort)
    return Plan(where, arguments, (sorting.along(walked, descending=descending),), walked, _is_bare(found))


def _is_bare(found: _Found) -> bool:
    """Whether nothing but who may see them is asked of the rows."""
    return not found.keys and not found.ranges and len(found.others) == 1


def _walked(query: Query, found: _Found, cursor: str | None) -> Ranged | None:
    """The range whose index is walked: one that leaves many, where nothing else leads and no order is asked for.

    A page that follows another goes on in the same order, whatever would be chosen now.
    """
    if query.sort or (cursor is not None and sorting.is_plain(cursor)):
        return None
    fitting = [wanted for wanted in found.ranges if wanted.is_disjoint]
    if cursor is None and (found.keys or len(found.ranges) > 1):
        return None
    return fitting[0] if fitting else None


async def _is_rare(connection: Connection, query: Query, found: _Found, count: int) -> bool:
    wanted = tuple(tuple(sorted(keys)) for keys in found.keys)
    condition = " and ".join(f"r.keys && ${place}::bigint[]" for place in range(1, len(wanted) + 1))
    matches = await estimates.rows(connection, condition, *wanted)
    of_type = await estimates.rows(connection, "r.type = $1", type_number(query.resource_type))
    return estimates.is_rare(matches, of_type, page=count + 1)


def _where(found: _Found, arguments: Arguments, *, lead: str) -> str:
    first, rest = _parts(found, arguments, lead=lead)
    return " and ".join([*first, *rest])


def _parts(found: _Found, arguments: Arguments, *, lead: str) -> tuple[list[str], list[str]]:
    """The conditions: those of type and keys, and all others."""
    by_keys = [carries(keys, arguments, "r") for keys in found.keys]
    of_type = found.of_type
    if lead == "keys":
        of_type = f"({of_type}) is true"
    else:
        by_keys = [f"({condition}) is true" for condition in by_keys]
    ranges = [wanted.filter(arguments, "r") for wanted in found.ranges]
    return [of_type, "not r.deleted", *by_keys], [*found.others, *ranges]


async def plan_beside_others(
    connection: Connection, query: Query, reachable: Reachable, arguments: Arguments, *, count: int
) -> Plan:
    """The plan of a query that is one of several, all in the order of their resources and with shared arguments."""
    found = await _conditions(connection, query, reachable, arguments, is_alone=False)
    is_rare = bool(found.keys) and not found.is_listed and await _is_rare(connection, query, found, count)
    where = _where(found, arguments, lead="keys" if is_rare else "order")
    return Plan(where, arguments, (sorting.order(query.sort, query.resource_type),))


async def _conditions(
    connection: Connection, query: Query, reachable: Reachable, arguments: Arguments, *, is_alone: bool = True
) -> _Found:
    clauses = list(_flat(query.clauses))
    compiler = await Compiler.of(connection, arguments, reachable, datetime.now(UTC), clauses)
    narrowed = any(is_selective(clause) for clause in clauses)
    found = _Found(f"r.type = {arguments.add(type_number(query.resource_type))}", [], [], [])
    ranges: list[Ranged] = []
    is_all_ranges = True
    for clause in clauses:
        wanted = compiler.range_of(clause)
        is_all_ranges &= wanted is not None
        if wanted is not None:
            _merge(ranges, wanted)
        elif (keys := _keys(clause)) is not None:
            found.keys.append(keys)
        elif not is_of_content(clause):
            found.others.append(await compiler.compile(clause, "r", narrowed=narrowed))
    # One range and nothing else is walked, however many it leaves: there is no need to know.
    is_walked = is_alone and len(ranges) == 1 and ranges[0].is_disjoint and is_all_ranges
    for wanted in ranges:
        few = None if narrowed or is_walked else await compiler.few(wanted)
        if few is None:
            found.ranges.append(wanted)
        else:
            found.others.append(compiler.among("r", few))
            found.is_listed = True
    found.others.append(f"({reachable(arguments, 'r', kind=query.resource_type)})")
    for clause in clauses:
        if is_of_content(clause):
            rows = await _of_content(compiler, clause, found, arguments if is_alone else None)
            found.others.append(compiler.among("r", rows))
            found.is_listed = True
    return found


async def _of_content(
    compiler: Compiler, clause: Clause, found: _Found, arguments: Arguments | None
) -> list[tuple[int, int]]:
    """The rows with the words, among those of the other conditions where these have all the arguments."""
    if arguments is None:
        return await compiler.of_content(clause)
    apart = Arguments(*arguments.values)
    return await compiler.of_content(clause, _where(found, apart, lead="order"), apart)


def _flat(clauses: Iterable[Clause]) -> Iterator[Clause]:
    """What all must hold, one by one."""
    for clause in clauses:
        if isinstance(clause, AllOf) and not is_of_content(clause):
            yield from _flat(clause.clauses)
        else:
            yield clause


def _keys(clause: Clause) -> frozenset[int] | None:
    """The keys of which a resource must have one; None where that is not what the clause asks."""
    if not isinstance(clause, Criterion) or clause.modifier in ("not", "in", "not-in", "above", "below"):
        return None
    if clause.parameter.code in ("_id", "_lastUpdated", "_list") or must_be_missing(clause):
        return None
    return keys_for(clause)


def _merge(ranges: list[Ranged], wanted: Ranged) -> None:
    """Two halves of one range are one condition: `date=ge2020&date=lt2021`."""
    for place, other in enumerate(ranges):
        both = other.joined(wanted)
        if both is not None:
            ranges[place] = both
            return
    ranges.append(wanted)
