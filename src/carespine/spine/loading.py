"""Loading files of FHIR resources: JSON bundles, NDJSON, either of them gzipped. Any import uses this code.

Resources are stored in batches, by this process or by several that share the lines. Transactions are made in the order
of the file, those that have nothing to do with each other at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from carespine.fhir import codec
from carespine.fhir.documents import documents
from carespine.kernel.errors import Invalid
from carespine.spine import load_transactions
from carespine.spine.batches import BATCH, Batches, Item, Loaded, Progress, batches, decoded
from carespine.spine.load_helpers import peek

__all__ = ["BATCH", "Loaded", "load_alone", "load_files", "load_shared", "load_trees"]

if TYPE_CHECKING:
    from carespine.security.actor import Actor
    from carespine.security.door import Door
    from carespine.spine.load_helpers import Helpers

# Ours: so many new resources may change what is common and what is rare.
MANY = 1_000
_PLACE = re.compile(r"(?P<file>.*?):(?P<line>\d+): ")


async def load_files(
    door: Door,
    actor: Actor,
    paths: Sequence[Path],
    progress: Progress,
    *,
    helpers: Helpers | None = None,
) -> Loaded:
    """Load every document of the files; a document that is refused is reported, the others go on.

    With `helpers` the lines are shared among processes; without, this one does everything.
    """
    if helpers is None:
        loaded = await load_alone(door, actor, paths, progress)
    else:
        await helpers.begin(actor)
        try:
            loaded = await load_shared(helpers, paths, progress)
        finally:
            await helpers.close()
    if loaded.stored >= MANY:
        await door.look()
    return loaded


async def load_alone(door: Door, actor: Actor, paths: Sequence[Path], progress: Progress) -> Loaded:
    """Load the files in this process."""
    loaded = Loaded()
    async with batches(door, actor, progress, loaded, checked=True) as storing:
        await _read(paths, Alone(door, actor, progress, storing, loaded), loaded)
    return loaded


async def load_shared(helpers: Helpers, paths: Sequence[Path], progress: Progress) -> Loaded:
    """Load the files with processes that have begun."""
    loaded = Loaded()
    helpers.tell(progress, loaded)
    await _read(paths, Shared(helpers, loaded), loaded)
    await helpers.settle()
    loaded.refused = in_order(loaded.refused, paths)
    return loaded


class Taker(Protocol):
    """What takes lines in, and can wait until they are stored."""

    async def take(self, place: str, text: bytes) -> dict[str, Any] | None:
        """Take a line in; a Bundle of resources is given back, for each of them to be taken in."""

    async def add(self, items: Iterable[Item]) -> None: ...

    async def settle(self) -> None: ...


class Alone:
    """Takes lines in by storing them here, in batches."""

    def __init__(
        self, door: Door, actor: Actor, progress: Progress, storing: Batches, loaded: Loaded
    ) -> None:
        self._door, self._actor, self._progress = door, actor, progress
        self._storing, self._loaded = storing, loaded
        self.add, self.settle = storing.add, storing.settle

    async def take(self, place: str, text: bytes) -> dict[str, Any] | None:
        tree = await self._storing.take(place, text)
        if tree is None or tree.get("type") not in load_transactions.KINDS:
            return tree
        await self.settle()  # its conditions may ask for what came before
        self._progress(await load_transactions.perform(self._door, self._actor, place, text, self._loaded))
        return None


class Shared:
    """Takes lines in by handing them to helpers, without reading more of them than where they belong."""

    def __init__(self, helpers: Helpers, loaded: Loaded) -> None:
        self._helpers, self._loaded = helpers, loaded

    async def take(self, place: str, text: bytes) -> dict[str, Any] | None:
        try:
            head = peek(text)
        except msgspec.DecodeError:
            await self._helpers.add(place, text, place)  # the one who reads all of it says what is wrong
            return None
        if head.resource_type == "Bundle":
            if load_transactions.is_transaction(text):
                await self._helpers.transact(place, text)
                return None
            return decoded(place, text, self._loaded)
        await self._helpers.add(place, text, f"{head.resource_type}/{head.id}")
        return None

    async def add(self, items: Iterable[Item]) -> None:
        for place, tree in items:
            name = f"{tree['resourceType']}/{tree.get('id')}"
            await self._helpers.add(place, codec.encode(tree), name)

    async def settle(self) -> None:
        await self._helpers.settle()


async def _read(paths: Sequence[Path], taker: Taker, loaded: Loaded) -> None:
    for path in paths:
        try:
            for place, text in documents(path):
                tree = await taker.take(place, text)
                if tree is not None:
                    await taker.add((place, item) for item in _resources(tree))
        except Invalid as error:  # the file's own; the others go on
            loaded.refused.append(error.message)


def in_order(refused: Iterable[str], paths: Sequence[Path]) -> list[str]:
    """The refusals in the order of the files and of their lines."""
    files = {path.name: number for number, path in reversed(list(enumerate(paths)))}

    def place(reason: str) -> tuple[int, int]:
        found = _PLACE.match(reason)
        return (files.get(found["file"], len(files)), int(found["line"])) if found else (len(files), 0)

    return sorted(refused, key=place)


async def load_trees(door: Door, actor: Actor, trees: Iterable[dict[str, Any]], progress: Progress) -> Loaded:
    """Load resources that are in memory, `BATCH` at a time."""
    loaded = Loaded()
    async with batches(door, actor, progress, loaded, checked=False) as storing:
        for tree in trees:
            await storing.add([(f"{tree['resourceType']}/{tree.get('id')}", tree)])
    return loaded


def _resources(tree: dict[str, Any]) -> list[dict[str, Any]]:
    if tree["resourceType"] != "Bundle" or tree.get("type") not in ("collection", "searchset", "history"):
        return [tree]
    return [entry["resource"] for entry in tree.get("entry", ()) if "resource" in entry]
