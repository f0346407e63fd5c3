"""The verbs that read: current versions, old versions, history, search."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from carespine.fhir import json_text
from carespine.fhir.search import parse
from carespine.kernel.errors import NotFound
from carespine.security import confidentiality, locating, roles
from carespine.security.visit import Visit
from carespine.storage import history, labels, record, resources, tables
from carespine.storage import search as storage_search
from carespine.storage.sql import Arguments

if TYPE_CHECKING:
    from carespine.fhir.search import Query
    from carespine.storage.point_reads import PointReads
    from carespine.storage.rows import Stored
    from carespine.storage.search import Page


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of matches as trees, with the total where it was asked for."""

    entries: list[dict[str, Any]]
    total: int | None
    next: str | None


class Reading(Visit):
    """Reading, within what the actor may reach."""

    async def read(self, resource_type: str, resource_id: str) -> dict[str, Any]:
        tree: dict[str, Any] = json_text.read((await self.read_stored(resource_type, resource_id)).body)
        return tree

    async def read_stored(self, resource_type: str, resource_id: str) -> Stored:
        """The current version; raises Gone where it was deleted."""
        self._demand(resource_type, "r", "read", what=f"{resource_type}/{resource_id}")
        arguments = Arguments(None, None)
        where = self._reachable(arguments)
        found = await resources.read(
            self.tx, resource_type, resource_id, where=where, arguments=arguments.values[2:]
        )
        seen = self._seen(found, resource_type, resource_id, "read")
        return self._concealed([seen])[0]

    async def read_shared(self, reads: PointReads, resource_type: str, resource_id: str) -> Stored:
        """As `read_stored`, but by statements that answer everyone who asks at this moment."""
        self._demand(resource_type, "r", "read", what=f"{resource_type}/{resource_id}")
        found = await reads.read(
            resource_type,
            resource_id,
            reach=(self.actor, self.purpose),
            reachable=lambda arguments, alias: self._reachable(arguments, alias=alias),
        )
        return self._concealed([self._seen(found, resource_type, resource_id, "read")])[0]

    async def vread_stored(self, resource_type: str, resource_id: str, version: int) -> Stored:
        """One version; raises Gone where that version is the deletion."""
        self._demand(resource_type, "r", "vread", what=f"{resource_type}/{resource_id}")
        arguments = Arguments(None, None, None)
        where = self._reachable(arguments)
        found = await resources.read_version(
            self.tx, resource_type, resource_id, version, where=where, arguments=arguments.values[3:]
        )
        seen = self._seen(found, resource_type, resource_id, "vread", version=version)
        return (await self._concealed_versions([seen]))[0]

    async def history_stored(
        self, resource_type: str | None, resource_id: str | None, page: history.Window
    ) -> history.Versions:
        """Versions, newest first, of one resource, a type or all; NotFound where an instance never had one."""
        if resource_type:
            self._demand(resource_type, "r", "history", what=resource_type)
        arguments = Arguments()
        where = self._reachable(arguments)
        versions = await history.versions(
            self.tx, resource_type, resource_id, page, where=where, arguments=arguments
        )
        if resource_type and resource_id and not versions.total:
            await self._demand_any_version(resource_type, resource_id)
        self._saw((item.patient for item in versions.rows), "history", what=resource_type)
        return replace(versions, rows=await self._concealed_versions(versions.rows))

    async def _demand_any_version(self, resource_type: str, resource_id: str) -> None:
        """Within a window of time there may be none although the resource is there."""
        arguments = Arguments(None, None)
        where = self._reachable(arguments)
        if (
            await resources.read(
                self.tx, resource_type, resource_id, where=where, arguments=arguments.values[2:]
            )
            is None
        ):
            self._refuse("history", what=f"{resource_type}/{resource_id}")
            raise NotFound(f"There is no {resource_type}/{resource_id}.")

    async def search(self, resource_type: str, pairs: Sequence[tuple[str, str]]) -> SearchResult:
        page = await self.search_stored(parse(resource_type, pairs))
        return SearchResult([json_text.read(item.body) for item in page.matches], page.total, page.next)

    async def search_stored(self, query: Query, *, cursor: str | None = None) -> Page:
        """A page of matches and what is included with them."""
        self._demand(query.resource_type, "s", "search-type", what=query.resource_type)

        is_locating = locating.asks(query)

        def reachable(arguments: Arguments, alias: str, *, kind: str | None = None) -> str:
            return self._reachable(arguments, alias=alias, interaction="s", locating=is_locating, kind=kind)

        page = await storage_search.run(self.tx, query, reachable, cursor=cursor)
        seen = (item.patient for item in (*page.matches, *page.included))
        self._saw(seen, "search-type", what=query.resource_type, query=query.text)
        matches, included = self._concealed(page.matches), self._concealed(page.included)
        return replace(page, matches=matches, included=included)

    def searchable(self, resource_types: Iterable[str]) -> list[str]:
        """Those of the types that the actor may search at all."""
        return [name for name in resource_types if roles.allows(self.actor, name, "s")]

    async def search_across(self, queries: Sequence[Query], *, cursor: str | None = None) -> Page:
        """A page over several types, each of which the actor must be allowed to search."""
        for query in queries:
            self._demand(query.resource_type, "s", "search-system", what=query.resource_type)

        is_locating = any(locating.asks(query) for query in queries)

        def reachable(arguments: Arguments, alias: str, *, kind: str | None = None) -> str:
            return self._reachable(arguments, alias=alias, interaction="s", locating=is_locating, kind=kind)

        page = await storage_search.run_across(self.tx, queries, reachable, cursor=cursor)
        seen = (item.patient for item in page.matches)
        types = ",".join(query.resource_type for query in queries)
        self._saw(seen, "search-system", query=f"?_type={types}&{queries[0].text.partition('?')[2]}")
        return replace(page, matches=self._concealed(page.matches))

    async def types_in_use(self) -> list[str]:
        """The types of which anything is stored."""
        rows = await self.tx.fetch(
            "select t.name from resource_type t where exists (select 1 from resource r where r.type = t.number) "
            "order by t.name"
        )
        return [row["name"] for row in rows]

    async def record_stored(self, owner: Stored, wanted: record.Wanted, *, asked: str) -> record.Part:
        """A part of what is on record about `owner`, a Patient or an Encounter that this visit has read.

        `asked` is the request as it was written, for the audit.
        """

        def reachable(arguments: Arguments, alias: str, *, kind: str | None = None) -> str:
            return self._reachable(arguments, alias=alias, kind=kind)

        part = await record.part(self.tx, owner, wanted, reachable)
        seen = (item.patient for item in (*part.items, *part.supporting))
        self._saw(seen, "operation", what=f"{owner.type}/{owner.id}", query=asked)
        items = self._concealed(part.items)
        if await confidentiality.hides_whereabouts(self.tx, self.actor, owner.patient):
            return replace(part, items=items, supporting=[])
        return replace(part, items=items)

    async def table_pages(
        self, resource_type: str, only: tables.Only, *, asked: str
    ) -> AsyncGenerator[list[bytes], None]:
        """The JSON of what the actor reaches of a type, page by page, for a table made from it.

        Each patient whose data was given out has an event, also where the caller stops early.
        """
        self._demand(resource_type, "s", "operation", what=resource_type)
        seen: set[int] = set()

        def reachable(arguments: Arguments) -> str:
            # A table may hold any element: restricted patients are in none of Patients.
            return self._reachable(
                arguments, interaction="s", locating=resource_type == "Patient", kind=resource_type
            )

        try:
            async for page in tables.pages(self.tx, resource_type, only, reachable):
                seen.update(patient for patient, _ in page)
                yield [body for _, body in page]
        finally:
            self._saw(seen, "operation", what=resource_type, query=asked)

    async def labels(self, resource_type: str | None) -> dict[str, list[Any]]:
        """The profiles, tags and security labels in use, of one type or of all, on what may be read."""
        if resource_type:
            self._demand(resource_type, "r", "operation", what=resource_type)
        arguments = Arguments()
        where = self._reachable(arguments)
        found = await labels.in_use(self.tx, resource_type, where=where, arguments=arguments)
        self._saw((), "operation", what=resource_type)
        return found
