"""The terminology of a server: what is stored or loaded here, and behind it what R4 publishes.

Every question is asked of the database anew, so that what another worker stored counts at once. What is made from
the answers (parsed resources, evaluated value sets) is kept under the versions of the rows that it was made from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from carespine.fhir import json_text
from carespine.fhir.search import keys
from carespine.fhir.search.extraction import filed
from carespine.fhir.terminology import reading
from carespine.fhir.terminology.caching import Kept
from carespine.fhir.terminology.library import R4Library
from carespine.fhir.terminology.memory import MemorySystem
from carespine.fhir.terminology.models import Described, Tree
from carespine.fhir.terminology.segments import Chosen, Codes
from carespine.fhir.terminology.selection import Selection, Versions, select
from carespine.fhir.terminology.system import Grammar, System
from carespine.kernel.ids import NOT_PATIENT_SCOPED
from carespine.storage.bodies import unpack
from carespine.storage.terminology.tables import TableSystem
from carespine.storage.types import type_number

if TYPE_CHECKING:
    import asyncpg

    from carespine.storage.database import Connection
    from carespine.storage.rows import Stored

# One row that an answer came from: a resource (row, version, moment) or a loaded release.
ResourceRow = tuple[int, int, datetime]
Row = ResourceRow | tuple[UUID, bool]
_KINDS = ("CodeSystem", "ConceptMap", "ValueSet")
# Ours: what a process keeps. Trees and selections weigh their bytes and codes.
_trees: Kept[Tree] = Kept(64 * 1024 * 1024)
_systems: Kept[MemorySystem] = Kept(500_000)
_selections: Kept[tuple[Selection, frozenset[str], frozenset[Row]]] = Kept(128 * 1024 * 1024)
# (URL, version) of a value set -> URLs it was made from, rows that answered, its own row.
_known: Kept[tuple[frozenset[str], frozenset[Row], ResourceRow]] = Kept(2_000)
_about = msgspec.msgpack.Decoder(Described).decode
_R4 = R4Library()
_ROWS = (
    "select rid, version, updated, null::uuid as number, null::boolean as latest from resource "
    "where type = any($1::smallint[]) and keys && $2::bigint[] and not deleted "
    "union all select null, null, null, number, latest from terminology_system where url = any($3::text[])"
)


@dataclass(frozen=True, slots=True)
class _Found:
    """A stored resource that has a URL: its row and its tree."""

    row: ResourceRow
    tree: Tree


class StoredLibrary:
    """Terminology through one connection. Remembers which URLs it was asked for, and what rows it answered from."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked: set[str] = set()
        self._rows: set[Row] = set()
        self._row_of: dict[int, _Found] = {}
        # What value sets were asked for by, and what was found unchanged just now.
        self._named: dict[int, tuple[str, str | None]] = {}
        self._unchanged: tuple[frozenset[str], frozenset[Row]] | None = None

    async def system(self, url: str, version: str | None = None) -> System | Grammar | None:
        release = await self._release(url, version)
        if release is not None:
            return release
        stored = [item for item in await self._stored("CodeSystem", url) if _content(item) != "supplement"]
        if found := _best(stored, version):
            return _memory(found)
        return await _R4.system(url, version)

    async def value_set(self, url: str, version: str | None = None) -> Tree | None:
        found = await self._as_before(url, version) or _best(await self._stored("ValueSet", url), version)
        if found is None:
            return await _R4.value_set(url, version)
        self._row_of[id(found.tree)] = found
        self._named[id(found.tree)] = url, version
        return found.tree

    async def _as_before(self, url: str, version: str | None) -> _Found | None:
        """The value set that was found before, where neither it nor what it was made from has changed: one question
        instead of two."""
        kept = _known.get((url, version))
        tree = None if kept is None else _trees.get(kept[2])
        if kept is None or tree is None or await self._state(kept[0]) != kept[1]:
            return None
        self._asked.update(kept[0])
        self._rows.update(kept[1])
        self._unchanged = kept[0], kept[1]
        return _Found(kept[2], tree)

    async def concept_map(self, url: str, version: str | None = None) -> Tree | None:
        if found := _best(await self._stored("ConceptMap", url), version):
            return found.tree
        return await _R4.concept_map(url, version)

    def hold(self, item: Stored) -> Tree:
        """A stored resource as a tree, under whose row what is made from it is remembered."""
        row = (item.rid, item.version, item.updated)
        tree = _trees.get(row)
        if tree is None:
            tree = json_text.read(item.body)
            _trees.put(row, tree, weight=len(item.body) * 4)
        self._row_of[id(tree)] = _Found(row, tree)
        return tree

    def read(self, tree: Tree) -> System:
        """The code system that a CodeSystem resource is."""
        known = self._row_of.get(id(tree))
        return reading.system(tree) if known is None else _memory(known)

    async def concept_maps(self) -> Sequence[Tree]:
        rows = await self._connection.fetch(
            "select rid, version, updated from resource where type = $1 and not deleted order by rid",
            type_number("ConceptMap"),
        )
        own = [item.tree for item in await self._read([tuple(row) for row in rows])]
        urls = {tree.get("url") for tree in own}
        return [*own, *(tree for tree in await _R4.concept_maps() if tree["url"] not in urls)]

    async def selecting(self, _: object, value_set: Tree, versions: Versions) -> Selection:
        """`selection.select`, remembered for as long as nothing it was made from has changed."""
        known = self._row_of.get(id(value_set))  # the tree lives as long as this library holds it
        key = (known.row if known else msgspec.json.encode(value_set), versions.key)
        kept = _selections.get(key)
        if kept is not None and (self._unchanged == kept[1:] or await self._state(kept[1]) == kept[2]):
            return self._rebound(kept[0])
        fresh = StoredLibrary(self._connection)
        selection = await select(fresh, value_set, versions)
        asked, rows = frozenset(self._asked | fresh._asked), frozenset(self._rows | fresh._rows)
        _selections.put(key, (selection, asked, rows), weight=_weight(selection))
        if known is not None and id(value_set) in self._named:
            _known.put(self._named[id(value_set)], (asked, rows, known.row))
        return selection

    async def _state(self, urls: Iterable[str]) -> frozenset[Row]:
        """The rows that answer for these URLs now."""
        listed = list(urls)
        rows = await self._connection.fetch(
            _ROWS, [type_number(kind) for kind in _KINDS], _keys(listed), listed
        )
        return frozenset(_row(row) for row in rows)

    async def _release(self, url: str, version: str | None) -> TableSystem | None:
        self._asked.add(url)
        rows = await self._connection.fetch(
            "select number, version, latest, about, size from terminology_system where url = $1", url
        )
        self._rows.update((row["number"], row["latest"]) for row in rows)
        row = next((r for r in rows if (r["latest"] if version is None else r["version"] == version)), None)
        if row is None:
            return None
        return TableSystem(self._connection, row["number"], _about(row["about"]), row["size"])

    async def _stored(self, kind: str, url: str) -> list[_Found]:
        self._asked.add(url)
        rows = await self._connection.fetch(
            "select rid, version, updated from resource where type = $1 and keys && $2::bigint[] "
            "and not deleted order by rid",
            type_number(kind),
            _keys([url], kind),
        )
        self._rows.update(tuple(row) for row in rows)
        return await self._read([tuple(row) for row in rows])

    async def _read(self, rows: list[ResourceRow]) -> list[_Found]:
        missing = [row for row in rows if _trees.get(row) is None]
        read: dict[ResourceRow, Tree] = {}
        for row, body in await self._bodies(missing):
            read[row] = json_text.read(body)
            _trees.put(row, read[row], weight=len(body) * 4)
        found = [(row, read.get(row) or _trees.get(row)) for row in rows]
        return [_Found(row, tree) for row, tree in found if tree is not None]

    async def _bodies(self, rows: list[ResourceRow]) -> list[tuple[ResourceRow, bytes]]:
        """The JSON of these rows; one that has changed meanwhile is left out, and found anew by the next question."""
        if not rows:
            return []
        found = await self._connection.fetch(
            "select rid, version, updated, body from resource where patient = $1 and rid = any($2::bigint[])",
            NOT_PATIENT_SCOPED,
            [row[0] for row in rows],
        )
        return [((r["rid"], r["version"], r["updated"]), unpack(r["body"])) for r in found]

    def _rebound(self, selection: Selection) -> Selection:
        """A remembered selection whose systems ask this connection."""
        segments = tuple(
            replace(segment, system=segment.system.on(self._connection))
            if isinstance(segment, Chosen | Codes) and isinstance(segment.system, TableSystem)
            else segment
            for segment in selection.segments
        )
        return replace(selection, segments=segments)


def _row(row: asyncpg.Record) -> Row:
    if row["number"] is not None:
        return row["number"], row["latest"]
    return row["rid"], row["version"], row["updated"]


def _keys(urls: Iterable[str], *kinds: str) -> list[int]:
    """The search keys under which resources of these URLs are filed."""
    listed = list(urls)
    return [
        keys.key(kind, name, (keys.URI, url))
        for kind in kinds or _KINDS
        for name in filed(kind, "url").names
        for url in listed
    ]


def _best(found: list[_Found], version: str | None) -> _Found | None:
    """The one of this business version; without one asked for, the latest: active before others, then by version."""
    if version is not None:
        found = [item for item in found if item.tree.get("version") == version]
    return max(found, key=_rank, default=None)


def _rank(item: _Found) -> tuple[bool, list[tuple[int, str]], datetime]:
    parts = re.split("[.-]", item.tree.get("version", ""))
    numbers = [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in parts]
    return item.tree.get("status") == "active", numbers, item.row[2]


def _memory(found: _Found) -> MemorySystem:
    system = _systems.get(found.row)
    if system is None:
        system = reading.system(found.tree)
        _systems.put(found.row, system, weight=system.size + 1)
    return system


def _weight(selection: Selection) -> int:
    """About the bytes that a selection takes."""
    return 1_000 + sum(
        segment.chosen.nbytes if isinstance(segment, Chosen) else 200 * len(segment.listed)
        for segment in selection.segments
        if isinstance(segment, Chosen | Codes)
    )


def _content(item: _Found) -> str:
    return str(item.tree.get("content", "complete"))
