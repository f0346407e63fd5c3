"""`_include` and `_revinclude`: what the matches point to, and what points to the matches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from carespine.fhir import definitions, json_text
from carespine.fhir.search import index
from carespine.fhir.search.criteria import Include, Query
from carespine.kernel.errors import Invalid
from carespine.storage.resources import stored
from carespine.storage.rows import Stored
from carespine.storage.search.clauses import Reachable
from carespine.storage.search.conditions import any_key
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from carespine.storage.database import Connection

Identity = tuple[str, str]
# Ours: included resources of one page, and rounds of :iterate.
MOST_INCLUDED = 2_000
_MOST_ROUNDS = 10
_COLUMNS = "r.type, r.id, r.version, r.updated, r.deleted, r.body, r.patient, r.rid"


async def included(
    connection: Connection, query: Query, matches: list[Stored], reachable: Reachable
) -> list[Stored]:
    """Every included resource once, none of them a match; raises Invalid beyond 2,000."""
    if any(include.source_type == "*" for include in query.revincludes):
        raise Invalid("_revinclude=* is not supported: name the type that points here, as in Observation:*.")
    known: dict[Identity, Stored] = {(item.type, item.id): item for item in matches}
    found: dict[Identity, Stored] = {}
    fresh, first = matches, True
    for _ in range(_MOST_ROUNDS):
        new: list[Stored] = []
        for include in query.includes:
            if first or include.iterate:
                wanted = _targets(include, fresh) - known.keys()
                new += await _fetch(connection, wanted, reachable)
        for include in query.revincludes:
            if first or include.iterate:
                new += await _pointing(connection, include, fresh, reachable)
        fresh = [
            item for item in {(i.type, i.id): i for i in new}.values() if (item.type, item.id) not in known
        ]
        found |= {(item.type, item.id): item for item in fresh}
        known |= found
        if len(found) > MOST_INCLUDED:
            raise Invalid(
                f"This page would include more than {MOST_INCLUDED} resources; ask with a lower _count."
            )
        first = False
        if not fresh or not any(item.iterate for item in (*query.includes, *query.revincludes)):
            break
    return list(found.values())


def _targets(include: Include, sources: Iterable[Stored]) -> set[Identity]:
    return {
        (kind, resource_id)
        for source in sources
        if source.type == include.source_type
        for code, kind, resource_id in index(json_text.read(source.body)).references
        if include.code in ("*", code) and include.target_type in (None, kind)
    }


async def _fetch(connection: Connection, wanted: set[Identity], reachable: Reachable) -> list[Stored]:
    known = [(type_number(kind), resource_id) for kind, resource_id in sorted(wanted)]
    if not known:
        return []
    arguments = Arguments([number for number, _ in known], [resource_id for _, resource_id in known])
    rows = await connection.fetch(
        f"select {_COLUMNS} from resource r join unnest($1::smallint[], $2::text[]) as wanted(type, id) "  # noqa: S608
        f"on r.type = wanted.type and r.id = wanted.id where not r.deleted and ({reachable(arguments, 'r')}) "
        f"limit {MOST_INCLUDED + 1}",
        *arguments.values,
    )
    return [stored(row) for row in rows]


async def _pointing(
    connection: Connection, include: Include, targets: list[Stored], reachable: Reachable
) -> list[Stored]:
    identities = [(item.type, item.id) for item in targets if include.target_type in (None, item.type)]
    if not identities:
        return []
    wanted = [key for code in _codes(include) for key in any_key(include.source_type, code, identities)]
    arguments = Arguments(type_number(include.source_type), wanted)
    rows = await connection.fetch(
        f"select {_COLUMNS} from resource r where r.type = $1 and r.keys && $2::bigint[] and not r.deleted "  # noqa: S608
        f"and ({reachable(arguments, 'r')}) limit {MOST_INCLUDED + 1}",
        *arguments.values,
    )
    return [stored(row) for row in rows]


def _codes(include: Include) -> list[str]:
    if include.code != "*":
        return [include.code]
    parameters = definitions.search_parameters(include.source_type).values()
    return [parameter.code for parameter in parameters if parameter.type == "reference"]
