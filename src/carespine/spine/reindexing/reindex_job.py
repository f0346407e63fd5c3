"""The job of $reindex: every current resource of some types indexed anew, while the server goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from carespine.fhir import json_text
from carespine.fhir.search import index
from carespine.kernel.errors import Unavailable
from carespine.storage import bulk, fresh_index, search_parameters
from carespine.storage.database import retrying

if TYPE_CHECKING:
    from carespine.spine.jobs.handle import Handle
    from carespine.storage.database import Database

# Ours: large enough to be quick, small enough that a client who writes one of them does not wait long.
PAGE = 500
_LOOK_S, _PATIENCE_S = 0.02, 30.0


class Reindexer:
    """Runs reindexing jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, job: Handle) -> None:
        """Go over the types from where the last checkpoint is."""
        if not job.progress:
            await self._begin(job)
        types = job.progress["types"]
        while job.progress["step"] < len(types):
            await retrying(lambda: self._page(job, types[job.progress["step"]]))
        done = [(each["id"], each["changed"]) for each in job.progress["parameters"]]
        async with self._database.transaction() as tx:
            await search_parameters.make_ready(tx, done)
            await job.checkpoint(tx, job.progress)
        async with self._database.connection() as connection:
            last = await search_parameters.last_change(connection)
        await self._until_all_know(last)

    async def _begin(self, job: Handle) -> None:
        """What is to be made ready, once every process indexes by it what it writes from now on."""
        async with self._database.connection() as connection:
            last = await search_parameters.last_change(connection)
            known = await search_parameters.rows(connection)
            asked = job.request["types"]
            waiting = [row for row in known if not row.ready and set(row.bases) <= set(asked or row.bases)]
            affected = sorted({base for row in waiting for base in row.bases})
            types = asked or affected or await bulk.types_present(connection)
            total = await fresh_index.count(connection, types)
        await self._until_all_know(last)
        parameters = [{"id": row.id, "code": row.code, "changed": row.changed} for row in waiting]
        start: dict[str, Any] = {"types": types, "step": 0, "after": 0, "resources": 0, "total": total}
        async with self._database.transaction() as tx:
            await job.checkpoint(tx, {**start, "bound": bulk.row_bound(), "parameters": parameters})

    async def _until_all_know(self, change: int) -> None:
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            async with self._database.connection() as connection:
                if await search_parameters.all_know(connection, change):
                    return
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable("A server process does not learn of the new search parameters.")
            await asyncio.sleep(_LOOK_S)

    async def _page(self, job: Handle, resource_type: str) -> None:
        progress = job.progress
        async with self._database.transaction() as tx:
            page = await fresh_index.lock_page(
                tx, resource_type, after=progress["after"], bound=progress["bound"], count=PAGE
            )
            fresh = [(item, index(json_text.read(item.body))) for item in page.items if not item.deleted]
            await fresh_index.rewrite(tx, fresh)
            following = {"resources": progress["resources"] + len(fresh), "after": page.next}
            if page.next is None:
                following |= {"step": progress["step"] + 1, "after": 0}
            await job.checkpoint(tx, {**progress, **following})
