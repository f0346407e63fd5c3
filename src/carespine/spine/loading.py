"""Loading files of FHIR resources: JSON bundles, NDJSON, either of them gzipped. Any import uses this code.

The next batches are read and checked while the database is at work on the ones before.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carespine.fhir import codec, json_text
from carespine.kernel.errors import CarespineError, Invalid
from carespine.security.actor import ADMINISTRATION, Actor
from carespine.spine.fhir_api import bundles
from carespine.spine.fhir_api.exchange import Exchange
from carespine.storage.database import retrying

if TYPE_CHECKING:
    from carespine.security.door import Door

BATCH = 500
# Ours: two for the database to work on while a third is being read; more would only hold locks for longer.
_AT_ONCE = 3
_MAX_LINE = 256 * 1024 * 1024
Progress = Callable[[int], None]
_Item = tuple[str, dict[str, Any]]  # its place, for the report of a refusal, and the resource


@dataclass(slots=True)
class Loaded:
    """What a load did: resources stored (new or changed), unchanged, and the refusals with their place."""

    stored: int = 0
    unchanged: int = 0
    refused: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        return self.stored + self.unchanged + len(self.refused)


def documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each JSON document of a file with its place ("file.ndjson:3"); raises Invalid for an unreadable file."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            if ".ndjson" in path.name or ".jsonl" in path.name:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        yield f"{path.name}:{number}", line
            else:
                yield path.name, file.read(_MAX_LINE)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise Invalid(f"{path} cannot be read: {reason}.") from error


class _Batches:
    """Stores batches, a few at once. Two that name one resource never meet, so that the later one has the last word."""

    def __init__(
        self, door: Door, actor: Actor, progress: Progress, loaded: Loaded, *, checked: bool
    ) -> None:
        self._door, self._actor, self._progress, self._loaded = door, actor, progress, loaded
        self._checked = checked
        self._waiting: list[_Item] = []
        self._at_work: dict[asyncio.Task[None], set[tuple[str, str | None]]] = {}

    async def add(self, items: Iterable[_Item]) -> None:
        """Take the items in; a full batch is set to work as soon as it may be."""
        for item in items:
            self._waiting.append(item)
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
        if not batch:
            return
        names = {(tree["resourceType"], tree.get("id")) for _, tree in batch}
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

    async def _store(self, batch: list[_Item]) -> None:
        await _flush(self._door, self._actor, batch, self._loaded, checked=self._checked)
        self._progress(len(batch))


@asynccontextmanager
async def _batches(
    door: Door, actor: Actor, progress: Progress, loaded: Loaded, *, checked: bool
) -> AsyncIterator[_Batches]:
    """Batches that are all stored on leaving; on an error, those under way are rolled back."""
    batches = _Batches(door, actor, progress, loaded, checked=checked)
    try:
        yield batches
        await batches.settle()
    except BaseException:
        await batches.abandon()
        raise


async def load_files(door: Door, actor: Actor, paths: Iterable[Path], progress: Progress) -> Loaded:
    """Load every document of the files; a document that is refused is reported, the others go on."""
    loaded = Loaded()
    async with _batches(door, actor, progress, loaded, checked=True) as batches:
        for path in paths:
            for place, text in documents(path):
                try:
                    tree = codec.decode(text)
                except CarespineError as error:
                    loaded.refused.append(f"{place}: {error.message}")
                    continue
                if tree["resourceType"] == "Bundle" and tree.get("type") in ("transaction", "batch"):
                    await batches.settle()  # its conditions may ask for what came before
                    await _transaction(door, actor, place, tree, loaded)
                    progress(len(tree.get("entry", ())))
                    continue
                await batches.add((place, item) for item in _resources(tree))
    return loaded


async def load_trees(door: Door, actor: Actor, trees: Iterable[dict[str, Any]], progress: Progress) -> Loaded:
    """Load resources that are in memory, `BATCH` at a time."""
    loaded = Loaded()
    async with _batches(door, actor, progress, loaded, checked=False) as batches:
        for tree in trees:
            await batches.add([(f"{tree['resourceType']}/{tree.get('id')}", tree)])
    return loaded


def _resources(tree: dict[str, Any]) -> list[dict[str, Any]]:
    if tree["resourceType"] != "Bundle" or tree.get("type") not in ("collection", "searchset", "history"):
        return [tree]
    return [entry["resource"] for entry in tree.get("entry", ()) if "resource" in entry]


async def _flush(
    door: Door,
    actor: Actor,
    batch: list[_Item],
    loaded: Loaded,
    *,
    checked: bool,
) -> None:
    """Store a batch as one transaction; where it is refused, one by one, so that only the faulty stay out."""

    async def attempt() -> list[Any]:
        async with door.enter(actor, purpose=ADMINISTRATION) as session:
            return await session.upsert_many([tree for _, tree in batch], checked=checked)

    try:
        stored = await retrying(attempt)
    except CarespineError as error:
        if len(batch) == 1:
            loaded.refused.append(f"{batch[0][0]}: {error.message}")
            return
        for item in batch:
            await _flush(door, actor, [item], loaded, checked=checked)
        return
    changed = sum(item is not None for item in stored)
    loaded.stored += changed
    loaded.unchanged += len(stored) - changed


async def _transaction(door: Door, actor: Actor, place: str, bundle: dict[str, Any], loaded: Loaded) -> None:
    exchange = Exchange("POST", (), (), {}, b"", actor, ADMINISTRATION, "")

    async def attempt() -> None:
        # A transaction writes ids into its resources, so that each attempt starts from a copy.
        copy = json_text.read(codec.encode(bundle))
        async with door.enter(actor, purpose=ADMINISTRATION) as session:
            await bundles.transaction(session, exchange, copy, _no_reads)

    try:
        await retrying(attempt)
        loaded.stored += len(bundle.get("entry", ()))
    except CarespineError as error:
        loaded.refused.append(f"{place}: {error.message}")


async def _no_reads(exchange: Exchange) -> Any:
    raise Invalid(f"A file that is loaded cannot ask for {'/'.join(exchange.parts)}.")
