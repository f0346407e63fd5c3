"""Loading files of FHIR resources: JSON bundles, NDJSON, either of them gzipped. Any import uses this code."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
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
_MAX_LINE = 256 * 1024 * 1024
Progress = Callable[[int], None]


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
    except (OSError, EOFError) as error:
        raise Invalid(f"{path} cannot be read: {error.strerror or error}.") from error  # type: ignore[union-attr]


async def load_files(door: Door, actor: Actor, paths: Iterable[Path], progress: Progress) -> Loaded:
    """Load every document of the files; a document that is refused is reported, the others go on."""
    loaded = Loaded()
    waiting: list[tuple[str, dict[str, Any]]] = []
    for path in paths:
        for place, text in documents(path):
            try:
                tree = codec.decode(text)
            except CarespineError as error:
                loaded.refused.append(f"{place}: {error.message}")
                continue
            if tree["resourceType"] == "Bundle" and tree.get("type") in ("transaction", "batch"):
                await _transaction(door, actor, place, tree, loaded)
                progress(len(tree.get("entry", ())))
                continue
            waiting += [(place, item) for item in _resources(tree)]
            while len(waiting) >= BATCH:
                await _flush(door, actor, waiting[:BATCH], loaded)
                del waiting[:BATCH]
                progress(BATCH)
    await _flush(door, actor, waiting, loaded)
    progress(len(waiting))
    return loaded


async def load_trees(door: Door, actor: Actor, trees: Iterable[dict[str, Any]], progress: Progress) -> Loaded:
    """Load resources that are in memory, `BATCH` at a time."""
    loaded = Loaded()
    batch: list[tuple[str, dict[str, Any]]] = []
    for tree in trees:
        batch.append((f"{tree['resourceType']}/{tree.get('id')}", tree))
        if len(batch) == BATCH:
            await _flush(door, actor, batch, loaded, checked=False)
            progress(len(batch))
            batch = []
    await _flush(door, actor, batch, loaded, checked=False)
    progress(len(batch))
    return loaded


def _resources(tree: dict[str, Any]) -> list[dict[str, Any]]:
    if tree["resourceType"] != "Bundle" or tree.get("type") not in ("collection", "searchset", "history"):
        return [tree]
    return [entry["resource"] for entry in tree.get("entry", ()) if "resource" in entry]


async def _flush(
    door: Door,
    actor: Actor,
    batch: list[tuple[str, dict[str, Any]]],
    loaded: Loaded,
    *,
    checked: bool = True,
) -> None:
    """Store a batch as one transaction; where it is refused, one by one, so that only the faulty stay out."""
    if not batch:
        return

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
