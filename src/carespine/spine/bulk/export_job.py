"""The job of an export: a page at a time through the door, each with its piece of a file and a checkpoint.

The piece of a page and the checkpoint behind it are one transaction: after a crash the job goes on behind the last
page that was stored, and no line is there twice or missing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carespine.fhir import codec, definitions, json_text
from carespine.security import roles
from carespine.spine.bulk.export_request import elements_of, query_of
from carespine.spine.fhir_api.subset import subset
from carespine.storage import bulk, job_files
from carespine.storage.bulk import Selection
from carespine.storage.job_files import Piece

if TYPE_CHECKING:
    from carespine.kernel.clock import Clock
    from carespine.security.door import Door
    from carespine.security.tokens import TokenService
    from carespine.spine.jobs.handle import Handle
    from carespine.storage.database import Database
    from carespine.storage.rows import Stored

# Ours: large enough that a transaction costs little beside its rows, small enough to hold a few in memory.
PAGE = 2_000
# Ours: a file of at most this many resources, so that a client can take several at once.
FILE_RESOURCES = 200_000
DELETED = "deleted"
_WAIT_S = 0.01


@dataclass(frozen=True, slots=True)
class _Step:
    """A type of resource, as it is or (deleted) what of it was deleted."""

    type: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """A step, and the row id in it to go on after."""

    step: int
    after: int


class Exporter:
    """Exports for the actor who asked, as far as they reach when each page is read."""

    def __init__(self, database: Database, door: Door, clock: Clock, standings: TokenService) -> None:
        self._database, self._door, self._clock, self._standings = database, door, clock, standings

    async def run(self, job: Handle) -> None:
        """Export from where the last checkpoint is."""
        if "moment" not in job.progress:
            await self._begin(job)
        await self._pages(job, _steps(job))
        if "patients" not in job.progress:
            await self._tell(job)

    async def _pages(self, job: Handle, steps: list[_Step]) -> None:
        """Page after page; the database reads the next one while this one is packed and stored."""
        place = _Place(job.progress["step"], job.progress["after"])
        coming = self._ahead(job, steps, place)
        try:
            while coming is not None:
                found = await coming
                following = _after(place, found)
                coming = self._ahead(job, steps, following)
                await self._store(job, steps[place.step], found, following)
                place = following
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)

    async def _tell(self, job: Handle) -> None:
        async with self._door.enter(job.actor, purpose=job.purpose) as session:
            count = await session.disclosed(
                job.id, what=job.request["target"], description=f"bulk export: {job.request['url']}"
            )
            await session.audit("E", "export", what=job.request["target"], detail={"job": job.id})
            await job.checkpoint(session.tx, {**job.progress, "patients": count})

    async def _begin(self, job: Handle) -> None:
        """Fix the moment: everything that was acknowledged before it is in, and nothing that came after."""
        moment = self._clock()
        async with self._database.connection() as connection:
            # Only the database knows when they have ended, so that it is asked.
            while await bulk.writers_before(connection, moment):  # noqa: ASYNC110
                await asyncio.sleep(_WAIT_S)
            present = await bulk.types_present(connection)
        start = {"moment": moment.isoformat(), "bound": bulk.row_bound(), "present": present}
        start |= {"step": 0, "after": 0, "part": 0}
        async with self._database.transaction() as tx:
            await job.checkpoint(tx, {**start, "file": 1, "in_file": 0, "resources": 0})

    def _ahead(self, job: Handle, steps: list[_Step], place: _Place) -> asyncio.Task[bulk.Rows] | None:
        if place.step >= len(steps):
            return None
        return asyncio.create_task(self._read(job, steps[place.step], place.after))

    async def _read(self, job: Handle, step: _Step, after: int) -> bulk.Rows:
        async with self._door.enter(job.actor, purpose=job.purpose) as session:
            await self._standings.demand_standing(session.tx, job.actor)
            return await session.bulk_rows(job.id, _selection(job, step), after=after, count=PAGE)

    async def _store(self, job: Handle, step: _Step, found: bulk.Rows, following: _Place) -> None:
        """The piece of a page, with the checkpoint behind it."""
        progress = dict(job.progress)
        name = f"{DELETED if step.deleted else step.type}.{progress['file']:05}.ndjson"
        piece = await asyncio.to_thread(_packed, found.items, job.request["elements"], deleted=step.deleted)
        count = len(found.items)
        if following.step != progress["step"] or progress["in_file"] + count >= FILE_RESOURCES:
            progress |= {"file": progress["file"] + 1, "in_file": 0}
        else:
            progress["in_file"] += count
        progress |= {"step": following.step, "after": following.after}
        async with self._database.transaction() as tx:
            if count:
                await job_files.append(tx, job.id, name, progress["part"], resources=count, piece=piece)
                progress["part"] += 1
                progress["resources"] += count
            await job.checkpoint(tx, progress)


def _after(place: _Place, found: bulk.Rows) -> _Place:
    return _Place(place.step + 1, 0) if found.next is None else _Place(place.step, found.next)


def _steps(job: Handle) -> list[_Step]:
    """The types to go over, the same each time that the job is taken up."""
    request, present = job.request, job.progress["present"]
    names = [name for name in request["types"] if name in present]
    if not request["types"]:
        names = [name for name in present if _included(name, request)]
    allowed = [name for name in names if roles.allows(job.actor, name, "r")]
    current = [_Step(name, deleted=False) for name in allowed]
    return current + ([_Step(name, deleted=True) for name in allowed] if request["since"] else [])


def _included(name: str, request: dict[str, Any]) -> bool:
    return not request["of_patients"] or name in definitions.compartment("Patient")


def _selection(job: Handle, step: _Step) -> Selection:
    request = job.request
    queries = [query_of(text) for text in request["filters"] if text.partition("?")[0] == step.type]
    in_record = step.type in definitions.compartment("Patient")
    patients = request["patients"]
    return Selection(
        step.type,
        datetime.fromisoformat(job.progress["moment"]),
        job.progress["bound"],
        since=datetime.fromisoformat(request["since"]) if request["since"] else None,
        patients=tuple(patients) if patients is not None and in_record else None,
        of_patients=request["of_patients"] and in_record,
        queries=tuple(queries),
        deleted=step.deleted,
    )


def _packed(items: list[Stored], elements: list[str], *, deleted: bool) -> Piece:
    if deleted and items:
        return job_files.pack([_deletions(items)])
    wanted = elements_of(elements, items[0].type) if items else None
    return job_files.pack(item.body if wanted is None else _part(item.body, wanted) for item in items)


def _part(body: bytes, elements: str) -> bytes:
    return codec.encode(subset(json_text.read(body), elements=elements, summary=None))


def _deletions(items: list[Stored]) -> bytes:
    """IG 2.0.0, manifest `deleted`: a transaction of DELETEs."""
    entries = [{"request": {"method": "DELETE", "url": f"{item.type}/{item.id}"}} for item in items]
    return codec.encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})
