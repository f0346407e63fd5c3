"""`_content`: words anywhere in a resource, looked for in the resources themselves.

An index of all words would be larger than the resources (docs/decisions/0014). So the other conditions of the search
come first, and what they leave is read; a search that leaves too much is refused.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from carespine.fhir import json_text
from carespine.fhir.search import words
from carespine.fhir.search.criteria import AllOf, AnyOf, Clause, Criterion, Not, StringValue
from carespine.kernel.errors import Invalid, Issue
from carespine.storage.bodies import unpack

if TYPE_CHECKING:
    from carespine.storage.database import Connection

# Ours: about two seconds' reading.
MOST_READ = 50_000
_AT_ONCE = 500
_ESCAPES = frozenset(b"&\\")


def is_of_content(clause: Clause) -> bool:
    """Whether the clause asks for words of `_content` and for nothing else."""
    match clause:
        case Criterion():
            return clause.parameter.code == "_content"
        case AllOf() | AnyOf():
            return all(is_of_content(part) for part in clause.clauses)
        case Not():
            return is_of_content(clause.clause)
    return False


async def matches(
    connection: Connection, clause: Clause, where: str, arguments: list[object]
) -> list[tuple[int, int]]:
    """The patient and row id of those rows of `resource r` under a condition whose words satisfy the clause."""
    found: list[tuple[int, int]] = []
    looked_at, after = 0, -(2**63)
    place = len(arguments) + 1
    while rows := await connection.fetch(
        f"select r.patient, r.rid, r.body from resource r where {where} and r.rid > ${place} "  # noqa: S608
        f"order by r.rid limit {_AT_ONCE}",
        *arguments,
        after,
    ):
        looked_at, after = looked_at + len(rows), rows[-1]["rid"]
        if looked_at > MOST_READ:
            raise _too_costly()
        found += [(row["patient"], row["rid"]) for row in rows if _matches(clause, row["body"])]
        await asyncio.sleep(0)  # other requests get their turn
        if len(rows) < _AT_ONCE:
            break
    return found


def _matches(clause: Clause, packed: bytes) -> bool:
    body = unpack(packed)
    # Most resources lack the word in any form. Only in plain text is it sure to stand as it compares.
    lowered = body.lower().translate(None, b"'`")
    if lowered.isascii() and not _ESCAPES & frozenset(lowered) and not _could(clause, lowered):
        return False
    return _holds(clause, words.of_resource(json_text.read(body)))


def _could(clause: Clause, lowered: bytes) -> bool:
    match clause:
        case Criterion(values=(StringValue(_, word),)):
            return word.encode() in lowered
        case AllOf():
            return all(_could(part, lowered) for part in clause.clauses)
        case AnyOf():
            return any(_could(part, lowered) for part in clause.clauses)
    return True


def _holds(clause: Clause, found: frozenset[str]) -> bool:
    match clause:
        case Criterion(values=(StringValue(_, word),)):
            return word in found
        case AllOf():
            return all(_holds(part, found) for part in clause.clauses)
        case AnyOf():
            return any(_holds(part, found) for part in clause.clauses)
        case Not():
            return not _holds(clause.clause, found)
    return False


def _too_costly() -> Invalid:
    message = f"_content would read more than {MOST_READ} resources; add a condition that narrows the search."
    return Invalid(message, issues=[Issue("too-costly", message)])
