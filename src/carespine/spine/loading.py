"""Loading files of FHIR resources: JSON bundles, NDJSON, either of them gzipped. Any import uses this code.

Resources are stored in batches, by this process or by several that share the lines; the requests of transactions are
made here, between them.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from carespine.fhir import codec, json_text
from carespine.kernel.errors import CarespineError, Invalid
from carespine.security.actor import ADMINISTRATION, Actor
from carespine.spine.batches import BATCH, Item, Loaded, Progress, batches, decoded
from carespine.spine.fhir_api import bundles
from carespine.spine.fhir_api.exchange import Exchange
from carespine.spine.load_helpers import peek
from carespine.storage.database import retrying

__all__ = ["BATCH", "Loaded", "documents", "load_files", "load_trees"]

if TYPE_CHECKING:
    from carespine.security.door import Door
    from carespine.spine.load_helpers import Helpers

# Ours: so many new resources may change what is common and what is rare.
_MANY = 1_000
_MAX_LINE = 256 * 1024 * 1024
_PLACE = re.compile(r"(?P<file>.*?):(?P<line>\d+): ")


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
    loaded = Loaded()
    if helpers is None:
        async with batches(door, actor, progress, loaded, checked=True) as storing:
            await _read(door, actor, paths, progress, storing, loaded)
        await _look(door, loaded)
        return loaded
    await helpers.begin(actor, progress, loaded)
    try:
        await _read(door, actor, paths, progress, Shared(helpers, loaded), loaded)
        await helpers.settle()
    finally:
        await helpers.close()
    loaded.refused = in_order(loaded.refused, paths)
    await _look(door, loaded)
    return loaded


async def _look(door: Door, loaded: Loaded) -> None:
    if loaded.stored >= _MANY:
        await door.look()


class Taker(Protocol):
    """What takes lines in, and can wait until they are stored."""

    async def take(self, place: str, text: bytes) -> dict[str, Any] | None:
        """Take a line in; a Bundle is given back, for its resources to be taken in or its requests to be made."""

    async def add(self, items: Iterable[Item]) -> None: ...

    async def settle(self) -> None: ...


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
            return decoded(place, text, self._loaded)
        await self._helpers.add(place, text, f"{head.resource_type}/{head.id}")
        return None

    async def add(self, items: Iterable[Item]) -> None:
        for place, tree in items:
            name = f"{tree['resourceType']}/{tree.get('id')}"
            await self._helpers.add(place, codec.encode(tree), name)

    async def settle(self) -> None:
        await self._helpers.settle()


async def _read(
    door: Door, actor: Actor, paths: Sequence[Path], progress: Progress, taker: Taker, loaded: Loaded
) -> None:
    for path in paths:
        for place, text in documents(path):
            tree = await taker.take(place, text)
            if tree is None:
                continue
            if tree.get("type") in ("transaction", "batch"):
                await taker.settle()  # its conditions may ask for what came before
                await _transaction(door, actor, place, tree, loaded)
                progress(len(tree.get("entry", ())))
                continue
            await taker.add((place, item) for item in _resources(tree))


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
