"""Reads an Apple Health export as a stream: each record becomes a reading or a reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

import numpy as np

from carespine.devices import reasons
from carespine.devices.adapters.apple_health import archive, columns
from carespine.devices.adapters.apple_health.blocks import blocks
from carespine.devices.adapters.apple_health.scan import Find, Scan
from carespine.devices.adapters.apple_health.sources import identity, plain_text
from carespine.devices.adapters.contract import HostileFile, Manifest, load_manifest
from carespine.devices.adapters.kit.collect import CLOCK_TOLERANCE, MAX_SOURCES, keep
from carespine.devices.metrics import Metric, SleepStage, metric
from carespine.devices.samples import (
    Batch,
    Int16,
    Int64,
    Run,
    Samples,
    SourceIdentity,
    UInt8,
    ZoneTrust,
)

# Looking for a zone that does not exist is slow; a file that invents more names than this is not believed.
MAX_UNKNOWN_ZONES = 20
_ZONE_NAME = 60
_YEAR_1900_MS = -2_208_988_800_000
# Names are bounded, so that a long word that is no name is not gone through again from each of its letters.
_ATTRIBUTE = re.compile(rb'([\w:.-]{1,64})\s*=\s*(?:"([^"]*)"|\'([^\']*)\')')

Key = tuple[bytes, bytes, bytes, bytes]


@dataclass(slots=True)
class Group:
    """The finds of one block that share type, source, device and unit; a workout's texts stand where a record's do."""

    finds: list[Find] = field(default_factory=list)
    zones: dict[int, bytes] = field(default_factory=dict)

    def texts(self) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """When each began, when it ended, its value."""
        finds = self.finds
        return [one[4] for one in finds], [one[5] for one in finds], [one[6] for one in finds]


class AppleHealth:
    """The adapter of the contract. Apple writes an offset with every moment, so it asks for no zone."""

    def __init__(self) -> None:
        self.manifest: Manifest = load_manifest(__package__)

    def recognises(self, file: BinaryIO, *, name: str = "") -> bool:
        return archive.looks_like_export(file)

    def open(self, file: BinaryIO, *, now: datetime, name: str = "", zone: str | None = None) -> AppleReading:
        return AppleReading(file, self.manifest, latest=now + CLOCK_TOLERANCE)


class AppleReading:
    """One export being read; see the contract for what it promises."""

    def __init__(self, file: BinaryIO, manifest: Manifest, *, latest: datetime) -> None:
        self._file, self._manifest = file, manifest
        self._latest_ms = int(latest.timestamp() * 1000)
        self._scan = Scan()
        self._sources: dict[tuple[bytes, bytes], SourceIdentity] = {}
        self._unknown_zones: set[str] = set()
        self.notices: tuple[str, ...] = ()

    @property
    def damage(self) -> str | None:
        return self._scan.damage

    def batches(self) -> Iterator[Batch]:
        notices = archive.unread_members(self._file)
        for found in self._scan.finds(blocks(archive.pieces(self._file))):
            yield self._batch(found)
        if self._scan.after_damage:
            count = self._scan.after_damage
            yield Batch((), {reasons.AFTER_DAMAGE: count}, count, self._scan.position)
        unknown = (f"Unknown time zone {zone!r}: the written offset counts." for zone in self._unknown_zones)
        self.notices = (*notices, *sorted(unknown))

    def _batch(self, found: list[Find]) -> Batch:
        groups = _grouped(found)
        rejected: Counter[str] = Counter()
        runs = []
        for key, group in groups.items():
            run = self._run(key, group, rejected)
            if run is not None:
                runs.append(run)
        read = sum(len(group.finds) for group in groups.values())
        return Batch(tuple(runs), dict(rejected), read, self._scan.position)

    def _run(self, key: Key, group: Group, rejected: Counter[str]) -> Run | None:
        kind, source_name, device, unit_text = key
        source = self._source(source_name, device)
        found = self._metric(plain_text(kind), source)
        if found is None:
            rejected[reasons.METRIC_NOT_SUPPORTED] += len(group.finds)
            return None
        unit = self._unit(found, plain_text(unit_text))
        if unit is None:
            rejected[reasons.UNIT_NOT_SUPPORTED] += len(group.finds)
            return None
        samples = self._samples(found, group, unit, rejected)
        return Run(found, source, samples) if len(samples) else None

    def _source(self, name: bytes, device: bytes) -> SourceIdentity:
        known = self._sources.get((name, device))
        if known is None:
            if len(self._sources) >= MAX_SOURCES:
                raise HostileFile(f"The file names more than {MAX_SOURCES} devices and is refused.")
            words = self._manifest.words
            known = identity(name, device, platform=self._manifest.platform, kinds=words["kinds"])
            self._sources[name, device] = known
        return known

    def _metric(self, kind: str, source: SourceIdentity) -> Metric | None:
        key = self._manifest.words["types"].get(kind)
        if key == "glucose-meter" and source.kind == "sensor":
            key = "glucose-cgm"  # Apple has one type for both; the device tells them apart
        return None if key is None else metric(key)

    def _unit(self, found: Metric, text: str) -> int | None:
        if found.day == "sleep":
            return 0
        words = self._manifest.words
        code = words["counts"].get(found.key) if text in ("count", "") else words["units"].get(text)
        return None if code is None else found.unit_index(code)

    def _samples(self, found: Metric, group: Group, unit: int, rejected: Counter[str]) -> Samples:
        starts, ends, values = group.texts()
        start, offset, start_read = columns.times(starts)
        end, _, end_read = (start, offset, start_read) if ends == starts else columns.times(ends)
        texts = self._stages(values) if found.day == "sleep" else values
        number, number_read = columns.values(texts)
        trust = np.full(len(start), ZoneTrust.EXPORTED, dtype=np.uint8)
        self._apply_zones(group, start, offset, trust)
        every = np.zeros(len(start), dtype=np.int32)
        samples = Samples(start, end, offset, trust, number, np.full(len(start), unit, dtype=np.uint8), every)
        canonical = samples.canonical(found)
        least, most = found.impossible
        missing = ~np.fromiter(map(bool, values), np.bool_, len(start))
        good = keep(
            (
                (reasons.TIME_UNREADABLE, ~(start_read & end_read)),
                (reasons.TIME_IMPOSSIBLE, start < _YEAR_1900_MS),
                (reasons.ENDS_BEFORE_START, end < start),
                (reasons.IN_THE_FUTURE, end > self._latest_ms),
                (reasons.VALUE_MISSING, missing),
                (reasons.VALUE_UNREADABLE, ~number_read),
                (reasons.VALUE_IMPOSSIBLE, (canonical < least) | (canonical > most)),
            ),
            rejected,
        )
        return samples if good.all() else samples.take(good)

    def _stages(self, texts: list[bytes]) -> list[bytes]:
        stages = self._manifest.words["sleep"]
        known = {text: str(int(SleepStage[stages[text.decode()]])).encode() for text in _known(texts, stages)}
        return [known.get(text, b"unknown") for text in texts]

    def _apply_zones(self, group: Group, start: Int64, offset: Int16, trust: UInt8) -> None:
        """Where a record names its zone, the offset in force there replaces that of the export."""
        for place, raw in group.zones.items():
            zone = plain_text(raw)[:_ZONE_NAME]
            if zone in self._unknown_zones or len(self._unknown_zones) >= MAX_UNKNOWN_ZONES:
                continue
            minutes = columns.offset_in_zone(zone, int(start[place]))
            if minutes is None:
                self._unknown_zones.add(zone)
            else:
                offset[place], trust[place] = minutes, ZoneTrust.NAMED


def _known(texts: list[bytes], stages: dict[str, str]) -> set[bytes]:
    return set(texts) & {name.encode() for name in stages}


def _grouped(found: list[Find]) -> dict[Key, Group]:
    """The finds of a block by what they share. A time zone goes to the entry before it."""
    groups: dict[Key, Group] = {}
    last: Group | None = None
    for item in found:
        one = item
        if not item[0]:
            zone, workout = item[7:9]
            if zone:
                if last is not None:
                    last.zones[len(last.finds) - 1] = zone
                continue
            if not workout:  # a correlation opens
                last = None
                continue
            one = _workout(workout)
        key = one[:4]
        last = groups.get(key)
        if last is None:
            last = groups[key] = Group()
        last.finds.append(one)
    return groups


def _workout(text: bytes) -> Find:
    """A workout as the record of its duration."""
    pairs = {name: double or single for name, double, single in _ATTRIBUTE.findall(text)}
    device = re.sub(rb"^&lt;&lt;HKDevice: 0x[0-9A-Fa-f]+&gt;, ", b"", pairs.get(b"device", b""))
    return Find(
        b"Workout",
        pairs.get(b"sourceName", b""),
        device,
        pairs.get(b"durationUnit", b""),
        pairs.get(b"startDate", b""),
        pairs.get(b"endDate", b""),
        pairs.get(b"duration", b""),
    )
