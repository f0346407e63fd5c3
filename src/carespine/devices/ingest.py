"""Takes batches of readings into the store: consent, glucose kinds, merging; counts every outcome."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from carespine.devices import glucose_kind, reasons, store
from carespine.devices.adapters.kit.clock import HOME_ZONE
from carespine.devices.merge import Merged, merge
from carespine.devices.metrics import metric
from carespine.devices.naming import reading_ids
from carespine.devices.samples import EMPTY, Batch, Samples, SourceIdentity, ZoneTrust, concatenate
from carespine.devices.shelf import Shelf
from carespine.devices.store import ChunkKey
from carespine.devices.words import counted

# What waits in memory before it is merged: about 6 MB, whatever the size of the file.
FLUSH_AT = 120_000


@dataclass(slots=True)
class Tally:
    """What became of the records so far; read == stored + duplicate + the sum of rejected."""

    read: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    unplaced: int = 0  # of those read: with a local time that nothing states

    def notices(self, zone: str | None) -> tuple[str, ...]:
        """What whoever imports, having named this zone or none, should know of these."""
        if not self.unplaced or zone is not None:
            return ()
        return (
            f"{counted(self.unplaced, 'reading')} whose local time is not certain: taken as {HOME_ZONE} where the file "
            "does not say. To name another zone, give the one in which the person lived with the file (--zone).",
        )


class Ingest:
    """One import's way into the store. `days` are the local days touched, by metric (days since 1970).

    `withdrawn` are the Observations of readings that were taken for a meter's and turned out to be a sensor's.
    """

    def __init__(self, shelf: Shelf, number: int, patient_id: str, permitted: frozenset[str]) -> None:
        self._shelf, self._number, self._patient_id, self._permitted = shelf, number, patient_id, permitted
        self._waiting: dict[tuple[str, int], list[Samples]] = defaultdict(list)
        self._rows = 0
        self._sources: dict[int, SourceIdentity] = {}
        self._saved: set[int] = set()
        self.tally = Tally()
        self.days: dict[str, set[int]] = defaultdict(set)
        self.withdrawn: list[str] = []

    async def add(self, batch: Batch) -> None:
        """Take a batch in; merges when enough is waiting."""
        self.tally.read += batch.read
        self.tally.rejected.update(batch.rejected)
        for run in batch.runs:
            if run.metric.data_class not in self._permitted:
                self.tally.rejected[reasons.NO_CONSENT] += len(run.samples)
                continue
            key = run.source.key
            self._sources.setdefault(key, run.source)
            self._waiting[run.metric.key, key].append(run.samples.with_origin(self._number))
            self.tally.unplaced += int(np.count_nonzero(run.samples.trust == ZoneTrust.AMBIGUOUS))
            self._rows += len(run.samples)
        if self._rows >= FLUSH_AT:
            await self.flush()

    async def flush(self) -> None:
        """Merge what is waiting with what is kept."""
        if not self._rows:
            return
        waiting = {key: concatenate(parts) for key, parts in self._waiting.items()}
        self._waiting.clear()
        self._rows = 0
        waiting = await self._with_glucose_kinds(waiting)
        parts = await asyncio.to_thread(_by_month, waiting)
        known = await self._shelf.chunks(list(parts))
        merged = await asyncio.to_thread(_merge_all, known, parts)
        await self._shelf.save_sources(self._new_sources())
        changed = {key: one.samples for key, one in merged.items() if len(one.added)}
        packed = await asyncio.to_thread(store.pack_all, changed)
        await self._shelf.save_chunks(packed)
        self._count(merged)

    def _new_sources(self) -> list[SourceIdentity]:
        new = [source for key, source in self._sources.items() if key not in self._saved]
        self._saved |= self._sources.keys()
        return new

    def _count(self, merged: dict[ChunkKey, Merged]) -> None:
        for (key, _, _), one in merged.items():
            self.tally.stored += len(one.added)
            self.tally.duplicate += one.duplicate
            if len(one.added):
                self.days[key].update(np.unique(one.added.local_day()).tolist())

    async def _with_glucose_kinds(
        self, waiting: dict[tuple[str, int], Samples]
    ) -> dict[tuple[str, int], Samples]:
        """Readings of glucose by a source that is, or now proves to be, a sensor go to the sensor's metric."""
        sources = [source for key, source in waiting if key == glucose_kind.METER]
        if not sources:
            return waiting
        sensors = await self._shelf.sources_with(glucose_kind.SENSOR, sources)
        for source in sources:
            samples = waiting[glucose_kind.METER, source]
            earlier = await self._earlier(source)
            if source not in sensors and not glucose_kind.comes_from_sensor(concatenate([earlier, samples])):
                continue
            del waiting[glucose_kind.METER, source]
            together = [waiting.pop((glucose_kind.SENSOR, source), EMPTY), samples]
            waiting[glucose_kind.SENSOR, source] = concatenate(together)
            await self._promote(source, earlier)
        return waiting

    async def _earlier(self, source: int) -> Samples:
        return await self._shelf.every_reading(glucose_kind.METER, source)

    async def _promote(self, source: int, earlier: Samples) -> None:
        """Readings kept as a meter's before enough of them had come move to the sensor's metric."""
        if not len(earlier):
            return
        self.withdrawn += reading_ids(self._patient_id, metric(glucose_kind.METER), source, earlier)
        await self._shelf.remove(glucose_kind.METER, source)
        parts = _by_month({(glucose_kind.SENSOR, source): earlier})
        known = await self._shelf.chunks(list(parts))
        merged = _merge_all(known, parts)
        contents = {key: one.samples for key, one in merged.items()}
        await self._shelf.save_chunks(store.pack_all(contents))
        self.days[glucose_kind.SENSOR].update(np.unique(earlier.local_day()).tolist())


def _by_month(waiting: dict[tuple[str, int], Samples]) -> dict[ChunkKey, Samples]:
    parts: dict[ChunkKey, Samples] = {}
    for (key, source), samples in waiting.items():
        of_row = store.months(samples)
        for month in np.unique(of_row).tolist():
            parts[key, source, month] = samples.take(of_row == month)
    return parts


def _merge_all(known: dict[ChunkKey, Samples], parts: dict[ChunkKey, Samples]) -> dict[ChunkKey, Merged]:
    return {key: merge(known.get(key, EMPTY), part, metric(key[0])) for key, part in parts.items()}
