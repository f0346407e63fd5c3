"""Where readings are kept while they are worked on: a patient's chunks in the database, or in memory for a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from carespine.devices import live_store, store
from carespine.devices.chunks import unpack
from carespine.devices.metrics import metric
from carespine.devices.samples import Samples, SourceIdentity, concatenate
from carespine.devices.store import ChunkKey, Latest, Packed

if TYPE_CHECKING:
    from carespine.storage.database import Connection


class Shelf(Protocol):
    """One person's readings, in chunks."""

    async def chunks(self, keys: Sequence[ChunkKey]) -> dict[ChunkKey, Samples]: ...

    async def save_chunks(self, contents: Mapping[ChunkKey, Packed]) -> None: ...

    async def sources_with(self, key: str, sources: Sequence[int]) -> frozenset[int]: ...

    async def every_reading(self, key: str, source: int) -> Samples: ...

    async def remove(self, key: str, source: int) -> None: ...

    async def save_sources(self, sources: Iterable[SourceIdentity]) -> None: ...

    async def sources(self) -> dict[int, SourceIdentity]: ...

    async def window(
        self, metrics: Iterable[str], *, first_ms: int, last_ms: int
    ) -> dict[str, dict[int, Samples]]: ...

    async def latest(self) -> Latest | None: ...

    async def months(self) -> list[int]: ...

    async def rankings(self) -> dict[str, tuple[int, ...]]: ...


@dataclass(frozen=True, slots=True)
class StoreShelf:
    """A patient's shelf in the database, within one transaction."""

    tx: Connection
    patient: int

    async def chunks(self, keys: Sequence[ChunkKey]) -> dict[ChunkKey, Samples]:
        return await store.chunks(self.tx, self.patient, keys)

    async def save_chunks(self, contents: Mapping[ChunkKey, Packed]) -> None:
        await store.save_chunks(self.tx, self.patient, contents)

    async def sources_with(self, key: str, sources: Sequence[int]) -> frozenset[int]:
        return await store.sources_with(self.tx, self.patient, key, sources)

    async def every_reading(self, key: str, source: int) -> Samples:
        return await store.every_reading(self.tx, self.patient, key, source)

    async def remove(self, key: str, source: int) -> None:
        await store.remove(self.tx, self.patient, key, source)

    async def save_sources(self, sources: Iterable[SourceIdentity]) -> None:
        await store.save_sources(self.tx, self.patient, sources)

    async def sources(self) -> dict[int, SourceIdentity]:
        return await store.sources(self.tx, self.patient)

    async def window(
        self, metrics: Iterable[str], *, first_ms: int, last_ms: int
    ) -> dict[str, dict[int, Samples]]:
        return await store.window(self.tx, self.patient, metrics, first_ms=first_ms, last_ms=last_ms)

    async def latest(self) -> Latest | None:
        return await store.latest(self.tx, self.patient)

    async def months(self) -> list[int]:
        return await store.months_kept(self.tx, self.patient)

    async def rankings(self) -> dict[str, tuple[int, ...]]:
        return await live_store.rankings(self.tx, self.patient)


@dataclass(slots=True)
class MemoryShelf:
    """A shelf for one report: the same packed chunks, in a dictionary, so that memory stays small."""

    kept: dict[ChunkKey, Packed] = field(default_factory=dict)
    known: dict[int, SourceIdentity] = field(default_factory=dict)

    async def chunks(self, keys: Sequence[ChunkKey]) -> dict[ChunkKey, Samples]:
        return {key: self._open(key) for key in keys if key in self.kept}

    async def save_chunks(self, contents: Mapping[ChunkKey, Packed]) -> None:
        self.kept.update(contents)

    async def sources_with(self, key: str, sources: Sequence[int]) -> frozenset[int]:
        return frozenset(source for of, source, _ in self.kept if of == key) & frozenset(sources)

    async def every_reading(self, key: str, source: int) -> Samples:
        wanted = sorted(name for name in self.kept if name[:2] == (key, source))
        return concatenate([self._open(name) for name in wanted])

    async def remove(self, key: str, source: int) -> None:
        self.kept = {name: packed for name, packed in self.kept.items() if name[:2] != (key, source)}

    async def save_sources(self, sources: Iterable[SourceIdentity]) -> None:
        self.known.update((source.key, source) for source in sources)

    async def sources(self) -> dict[int, SourceIdentity]:
        return dict(self.known)

    async def window(
        self, metrics: Iterable[str], *, first_ms: int, last_ms: int
    ) -> dict[str, dict[int, Samples]]:
        low, high = store.month_span(first_ms, last_ms)
        wanted = frozenset(metrics)
        found = (
            (key, source, self._open((key, source, month)))
            for key, source, month in sorted(self.kept)
            if key in wanted and low <= month <= high
        )
        return store.within(found, first_ms=first_ms, last_ms=last_ms)

    async def latest(self) -> Latest | None:
        newest = max((month for _, _, month in self.kept), default=None)
        if newest is None:
            return None
        return store.latest_of([self._open(name) for name in self.kept if name[2] == newest])

    async def months(self) -> list[int]:
        return sorted({month for _, _, month in self.kept})

    async def rankings(self) -> dict[str, tuple[int, ...]]:
        return {}

    def _open(self, key: ChunkKey) -> Samples:
        return concatenate([unpack(piece.body, metric(key[0])) for piece in self.kept[key]])
