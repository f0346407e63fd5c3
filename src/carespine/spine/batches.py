"""Storing resources in batches, each one transaction, a few of them at once.

The next batches are read and checked while the database is at work on the ones before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from carespine.fhir import codec
from carespine.kernel.errors import CarespineError, Unavailable
from carespine.security.actor import ADMINISTRATION, Actor
from carespine.storage.database import retrying

if TYPE_CHECKING:
    from carespine.security.door import Door

BATCH = 500
# Ours: two for the database to work on while a third is being read; more would only hold locks for longer.
_AT_ONCE = 3
Progress = Callable[[int], None]
Item = tuple[str, dict[str, Any]]  # its place, for the report of a refusal, and the resource


@dataclass(slots=True)
class Loaded:
    """What a load did: resources stored (new or changed), unchanged, and the refusals with their place."""

    stored: int = 0
    unchanged: int = 0
    refused: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        return self.stored + self.unchanged + len(self.refused)


class Batches:
    """Stores batches, a few at once. Two that name one resource never meet, so that the later one has the last word."""

    def __init__(
        self, door: Door, actor: Actor, progress: Progress, loaded: Loaded, *, checked: bool
    ) -> None:
        self._door, self._actor, self._progress, self._loaded = door, actor, progress, loaded
        self._checked = checked
        self._waiting: list[Item] = []
        self._names: set[tuple[str, str | None]] = set()
        self._at_work: dict[asyncio.Task[None], set[tuple[str, str | None]]] = {}

    async def take(self, place: str, text: bytes) -> dict[str, Any] | None:
        """Take a line in; a Bundle is given back, for its resources to be taken in or its requests to be made."""
        tree = decoded(place, text, self._loaded)
        if tree is None or tree["resourceType"] == "Bundle":
            return tree
        await self.add([(place, tree)])
        return None

    async def add(self, items: Iterable[Item]) -> None:
        """Take the items in; a full batch is set to work as soon as it may be."""
        for item in items:
            name = (item[1]["resourceType"], item[1].get("id"))
            if name in self._names:  # a batch is one transaction, which holds a resource once
                await self._start()
            self._waiting.append(item)
            self._names.add(name)
            if len(self._waiting) == BATCH:
                await self._start()

    async def settle(self) -> None:
        """Store what waits, and return once everything is stored."""
        await self._start()
        await self._until(0)

    async def abandon(self) -> None:
        """Let what is under way roll back; what was stored stays."""
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    async def _start(self) -> None:
        batch, self._waiting = self._waiting, []
        names, self._names = self._names, set()
        if not batch:
            return
        while len(self._at_work) >= _AT_ONCE or any(names & others for others in self._at_work.values()):
            await self._until(len(self._at_work) - 1)
        self._at_work[asyncio.create_task(self._store(batch))] = names
        await asyncio.sleep(0)  # so that its first statement is on its way before more is read

    async def _until(self, left: int) -> None:
        while len(self._at_work) > left:
            done, _ = await asyncio.wait(self._at_work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                del self._at_work[task]
                task.result()

    async def _store(self, batch: list[Item]) -> None:
        await _flush(self._door, self._actor, batch, self._loaded, checked=self._checked)
        self._progress(len(batch))


@asynccontextmanager
async def batches(
    door: Door, actor: Actor, progress: Progress, loaded: Loaded, *, checked: bool
) -> AsyncIterator[Batches]:
    """Batches that are all stored on leaving; on an error, those under way are rolled back."""
    storing = Batches(door, actor, progress, loaded, checked=checked)
    try:
        yield storing
        await storing.settle()
    except BaseException:
        await storing.abandon()
        raise


def decoded(place: str, text: bytes, loaded: Loaded) -> dict[str, Any] | None:
    """The document, checked; None where it was refused, which is noted."""
    try:
        return codec.decode(text)
    except CarespineError as error:
        loaded.refused.append(f"{place}: {error.message}")
        return None


async def _flush(
    door: Door,
    actor: Actor,
    batch: list[Item],
    loaded: Loaded,
    *,
    checked: bool,
) -> None:
    """Store a batch as one transaction; where it is refused, each half of it, so that only the faulty stay out."""

    async def attempt() -> list[Any]:
        async with door.enter(actor, purpose=ADMINISTRATION) as session:
            return await session.upsert_many([tree for _, tree in batch], checked=checked)

    try:
        stored = await retrying(attempt)
    except Unavailable:  # nothing is wrong with the resources
        raise
    except CarespineError as error:
        if len(batch) == 1:
            loaded.refused.append(f"{batch[0][0]}: {error.message}")
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            await _flush(door, actor, half, loaded, checked=checked)
        return
    changed = sum(item is not None for item in stored)
    loaded.stored += changed
    loaded.unchanged += len(stored) - changed
