"""The stored definitions that validation needs, all at once, and whether they have changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carespine.fhir import json_text
from carespine.storage.bodies import unpack
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from carespine.storage.database import Connection

KINDS = ("CodeSystem", "StructureDefinition", "ValueSet")
# Ours: a larger one stays in the database; its codes are asked for there.
_LARGEST = 8 * 1024 * 1024
# (type, rows, sum of versions, latest moment): changes with every write of one of the kinds.
Stamp = frozenset[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Stored:
    """(kind, URL) to tree, and the URLs of code systems that were loaded from releases."""

    trees: dict[tuple[str, str], dict[str, Any]]
    releases: frozenset[str]


async def stamp(connection: Connection) -> Stamp:
    """What is different after any of them was written or deleted, or a release loaded."""
    rows = await connection.fetch(
        "select type, count(*), sum(version), max(updated) from resource where type = any($1::smallint[]) "
        "group by type union all select null, count(*), null, null from terminology_system",
        [type_number(kind) for kind in KINDS],
    )
    return frozenset(tuple(row) for row in rows)


async def load(connection: Connection) -> Stored:
    """All of them, of two with one URL the one written last."""
    trees: dict[tuple[str, str], dict[str, Any]] = {}
    rows = await connection.fetch(
        "select body from resource where type = any($1::smallint[]) and not deleted and "
        "octet_length(body) < $2 order by updated, rid",
        [type_number(kind) for kind in KINDS],
        _LARGEST,
    )
    for row in rows:
        tree = json_text.read(unpack(row["body"]))
        if isinstance(tree.get("url"), str):
            trees[tree["resourceType"], tree["url"].partition("|")[0]] = tree
    releases = await connection.fetch("select distinct url from terminology_system")
    return Stored(trees, frozenset(row["url"] for row in releases))
