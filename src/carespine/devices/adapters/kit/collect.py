"""Collects the readings of a file one by one and hands them over as columns; every record has one outcome."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from carespine.devices import reasons
from carespine.devices.adapters.contract import HostileFile, Manifest
from carespine.devices.adapters.kit.clock import Clock, Moment, UnclearDate
from carespine.devices.adapters.kit.kinds import kind_of
from carespine.devices.adapters.kit.numbers import Comma, UnclearNumber, number
from carespine.devices.adapters.kit.text import tidy
from carespine.devices.adapters.kit.units import ucum
from carespine.devices.metrics import Metric, SleepStage, metric
from carespine.devices.samples import Batch, Bool, Run, Samples, SourceIdentity

# A clock may be a little fast, and a traveller's day runs ahead; beyond a day it is wrong.
CLOCK_TOLERANCE = timedelta(days=1)
# People have tens of sources; a file that invents thousands only wants to fill the store.
MAX_SOURCES = 1_000
# What waits before it is handed over.
FULL = 50_000
_YEAR_1900_MS = -2_208_988_800_000
_LONGEST_NAME = 120
_BAD_SHAPE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, ArithmeticError)

Row = tuple[int, int, int, int, float, int]


class Collector:
    """Takes readings and refusals. read == the rows handed over + the sum of refusals, always."""

    def __init__(self, manifest: Manifest, *, now: datetime, clock: Clock) -> None:
        self.clock = clock
        self.comma = Comma.UNKNOWN
        self.manifest = manifest
        self.notices: dict[str, None] = {}
        self.damage: str | None = None
        self.position = 0
        self.now = now
        self._latest_ms = int((now + CLOCK_TOLERANCE).timestamp() * 1000)
        self._rows: dict[tuple[str, SourceIdentity], list[Row]] = defaultdict(list)
        self._rejected: Counter[str] = Counter()
        self._read = self._waiting = 0
        self._sources: dict[tuple[str, ...], SourceIdentity] = {}
        self._asked: dict[tuple[Any, ...], SourceIdentity] = {}

    @property
    def full(self) -> bool:
        """Whether enough is waiting to be handed over."""
        return self._waiting >= FULL

    def source(
        self, *, app: Any = "", device: Any = "", maker: Any = "", model: Any = "", kind: str | None = None
    ) -> SourceIdentity:
        """The identity of a device and its app, spelt one way; the kind by their words where it is not given."""
        asked = (app, device, maker, model, kind)
        try:
            known = self._asked.get(asked)
        except TypeError:  # a part that is no text: a list or an object
            return self._found(*asked)
        if known is None:
            known = self._asked[asked] = self._found(*asked)
        return known

    def _found(self, app: Any, device: Any, maker: Any, model: Any, kind: str | None) -> SourceIdentity:
        parts = [_name(part) for part in (app or self.manifest.platform, device, maker, model)]
        key = (*parts, kind or "")
        known = self._sources.get(key)
        if known is None:
            if len(self._sources) >= MAX_SOURCES:
                raise HostileFile(f"The file names more than {MAX_SOURCES} devices and is refused.")
            found = kind or kind_of(parts[3], parts[1], parts[2], parts[0])
            named, measured, made, typed = parts
            known = SourceIdentity(self.manifest.platform, named, measured, made, typed, "", found)
            self._sources[key] = known
        return known

    def take(
        self,
        key: str,
        value: Any,
        unit: str | None,
        start: Moment | None,
        source: SourceIdentity,
        *,
        end: Moment | None = None,
    ) -> bool:
        """One reading of metric `key`; `unit` is UCUM or a common spelling. False where it was refused."""
        found = metric(key)
        place = 0 if found.day == "sleep" else None if unit is None else _unit(found, unit)
        if place is None:
            return self.refuse(reasons.UNIT_UNKNOWN if unit is None else reasons.UNIT_NOT_SUPPORTED)
        if value is None or (isinstance(value, str) and not value.strip()):
            return self.refuse(reasons.VALUE_MISSING)
        try:
            amount = number(value, self.comma)
        except UnclearNumber:
            return self.refuse(reasons.NUMBER_UNCLEAR)
        if amount is None:
            return self.refuse(reasons.VALUE_UNREADABLE)
        if start is None:
            return self.refuse(reasons.TIME_UNREADABLE)
        self._read += 1
        self._waiting += 1
        end_ms = start.ms if end is None else end.ms
        self._rows[key, source].append((start.ms, end_ms, start.offset_min, start.trust, amount, place))
        return True

    def stage(
        self, stage: SleepStage, start: Moment | None, end: Moment | None, source: SourceIdentity
    ) -> bool:
        """One stretch of a night."""
        if start is None or end is None:
            return self.refuse(reasons.TIME_UNREADABLE)
        return self.take("sleep", int(stage), "{stage}", start, source, end=end)

    def refuse(self, code: str, count: int = 1) -> bool:
        """Records that are not taken, and why. Always False."""
        self._read += count
        self._rejected[code] += count
        return False

    def note(self, sentence: str) -> None:
        """Something that the sender should know; once, however often it is said."""
        if len(self.notices) < 100:
            self.notices.setdefault(sentence)

    @contextmanager
    def record(self) -> Iterator[None]:
        """Around one record: what does not have the promised shape is refused and counted, and reading goes on."""
        before = self._read
        try:
            yield
        except UnclearDate:
            self.refuse(reasons.TIME_UNCLEAR)
        except _BAD_SHAPE:
            self.refuse(reasons.RECORD_UNREADABLE)
        else:
            if self._read == before:
                self.refuse(reasons.METRIC_NOT_SUPPORTED)

    @contextmanager
    def optional(self) -> Iterator[None]:
        """Like `record`, where a record without any reading is nothing to count."""
        try:
            yield
        except UnclearDate:
            self.refuse(reasons.TIME_UNCLEAR)
        except _BAD_SHAPE:
            self.refuse(reasons.RECORD_UNREADABLE)

    def batch(self) -> Batch:
        """Everything since the last time, checked."""
        runs = []
        for (key, source), rows in self._rows.items():
            samples = self._checked(metric(key), rows)
            if len(samples):
                runs.append(Run(metric(key), source, samples))
        made = Batch(tuple(runs), dict(self._rejected), self._read, self.position)
        self._rows.clear()
        self._rejected.clear()
        self._read = self._waiting = 0
        return made

    def taken(self) -> tuple[dict[tuple[str, SourceIdentity], list[Row]], Counter[str]]:
        """The rows and refusals since the last time as they are, unchecked: for who answers for each record."""
        rows, refused = dict(self._rows), Counter(self._rejected)
        self._rows.clear()
        self._rejected.clear()
        self._read = self._waiting = 0
        return rows, refused

    def _checked(self, of: Metric, rows: list[Row]) -> Samples:
        columns = list(zip(*rows, strict=True))
        samples = Samples(
            np.array(columns[0], dtype=np.int64),
            np.array(columns[1], dtype=np.int64),
            np.array(columns[2], dtype=np.int16),
            np.array(columns[3], dtype=np.uint8),
            np.array(columns[4], dtype=np.float64),
            np.array(columns[5], dtype=np.uint8),
            np.zeros(len(rows), dtype=np.int32),
        )
        canonical = samples.canonical(of)
        least, most = of.impossible
        checks = (
            (reasons.TIME_IMPOSSIBLE, samples.start_ms < _YEAR_1900_MS),
            (reasons.ENDS_BEFORE_START, samples.end_ms < samples.start_ms),
            (reasons.IN_THE_FUTURE, samples.end_ms > self._latest_ms),
            (reasons.VALUE_IMPOSSIBLE, ~((canonical >= least) & (canonical <= most))),
        )
        good = keep(checks, self._rejected)
        return samples if good.all() else samples.take(good)


def keep(checks: tuple[tuple[str, Bool], ...], rejected: Counter[str]) -> Bool:
    """Which rows pass every check; each row that does not counts once, under the first check it fails."""
    left = np.ones(len(checks[0][1]), dtype=np.bool_)
    for code, failed in checks:
        count = int((failed & left).sum())
        if count:
            rejected[code] += count
            left &= ~failed
    return left


def _unit(found: Metric, text: str) -> int | None:
    place = found.unit_index(text)
    if place is None:
        code = ucum(text)
        place = None if code is None else found.unit_index(code)
    return place


def _name(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return " ".join(tidy(text).split())[:_LONGEST_NAME]
