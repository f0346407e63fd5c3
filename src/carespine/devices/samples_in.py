"""Samples as certified apps send them, one JSON object each: into rows, or a reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

import numpy as np

from carespine.devices import reasons
from carespine.devices.adapters.contract import Manifest
from carespine.devices.adapters.kit.clock import Clock, Moment
from carespine.devices.adapters.kit.collect import CLOCK_TOLERANCE, Collector
from carespine.devices.adapters.kit.numbers import number
from carespine.devices.metrics import Metric, SleepStage, all_metrics
from carespine.devices.samples import COLUMN_TYPES, Int64, Samples, SourceIdentity, ZoneTrust

PUT, WITHDRAW, CORRECT = "put", "withdraw", "correct"
# Carespine: a clock that is more than this off is wrong; what is less is the time a message takes.
CLOCK_SLACK = timedelta(seconds=30)
_YEAR_1900_MS = -2_208_988_800_000
_MANIFEST = Manifest("live", "Live batch", "Live", (), {})
Group = tuple[str, SourceIdentity]
Row = tuple[int, int, int, int, float, int]
_PLAIN, _IS_STATED = frozenset({int, float}), int(ZoneTrust.STATED)
# 2026-11-20T08:00:00+00:00: to the second, with its offset.
_WIDTH, _SIGN_AT = 25, 19
_MOST_OFFSET_MIN, _FIRST_YEAR = 16 * 60, 2


@dataclass(slots=True)
class Parsed:
    """What a batch holds: rows by metric and source with their places in the batch, refusals by place."""

    rows: dict[Group, list[Row]] = field(default_factory=dict)
    places: dict[Group, list[int]] = field(default_factory=dict)
    actions: dict[int, str] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)

    def columns(self, group: Group) -> tuple[Samples, Int64]:
        """The rows of one metric and source, and the place of each in the batch."""
        names = [name for name in COLUMN_TYPES if name != "origin"]
        rows = dict(zip(names, zip(*self.rows[group], strict=True), strict=True))
        made: dict[str, Any] = {name: np.array(rows[name], dtype=COLUMN_TYPES[name]) for name in names}
        samples = Samples(**made, origin=np.zeros(len(self.rows[group]), dtype=np.int32))
        return samples, np.array(self.places[group], dtype=np.int64)


class Parser:
    """Reads the samples of one batch. `sent` and `now` compare the app's clock with ours."""

    def __init__(self, *, now: datetime, sent: datetime | None) -> None:
        self._collector = Collector(_MANIFEST, now=now, clock=Clock(None))
        self._latest_ms = int((now + CLOCK_TOLERANCE).timestamp() * 1000)
        self._clocks: dict[str, Clock] = {}
        self._met: dict[tuple[Any, ...], tuple[list[Row], list[int], int]] = {}
        off = timedelta(0) if sent is None else now - sent
        self.correction_ms = int(off.total_seconds() * 1000) if abs(off) > CLOCK_SLACK else 0

    def parse(self, samples: Sequence[Any]) -> Parsed:
        """Every sample, with the first reason why it cannot be taken."""
        found = Parsed()
        for place, sample in enumerate(samples):
            if self._quick(place, sample):
                continue
            code = self._one(place, sample, found)
            if code is not None:
                found.refused[place] = code
        self.check(found)
        return found

    def check(self, found: Parsed) -> None:
        """Refuse rows whose moment or value cannot be."""
        for group in list(found.rows):
            self._check(group, found)

    def _quick(self, place: int, sample: Any) -> bool:
        """The commonest sample by far, as `_one` takes it: a number at a moment, of a device met before.

        False for every other one, which is then read in full.
        """
        try:
            rows, places, unit = self._met[sample["metric"], sample["unit"], tuple(sample["device"].items())]
            value, start = sample["value"], sample["start"]
            end = sample.get("end", start)
            if "action" in sample or "zone" in sample or type(value) not in _PLAIN or not isfinite(value):
                return False
            at, offset_min = _stated(start)
            until = at if end is start else _stated(end)[0]
            rows.append((at, until, offset_min, _IS_STATED, float(value), unit))
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
            return False
        places.append(place)
        return True

    def _one(self, place: int, sample: Any, found: Parsed) -> str | None:
        if not isinstance(sample, Mapping):
            return reasons.RECORD_UNREADABLE
        of = all_metrics().get(str(sample.get("metric")))
        if of is None:
            return reasons.METRIC_NOT_SUPPORTED
        action = sample.get("action", PUT)
        if action not in (PUT, WITHDRAW, CORRECT):
            return reasons.RECORD_UNREADABLE
        start = self._moment(sample.get("start"), sample.get("zone"))
        end = start if sample.get("end") is None else self._moment(sample["end"], sample.get("zone"))
        if start is None or end is None:
            return reasons.TIME_UNREADABLE
        unit = 0 if of.day == "sleep" else of.unit_index(str(sample.get("unit")))
        value: float | None = 0.0
        if action != WITHDRAW:
            if unit is None:
                return reasons.UNIT_UNKNOWN if sample.get("unit") is None else reasons.UNIT_NOT_SUPPORTED
            value = _value(of, sample.get("value"))
            if value is None:
                return reasons.VALUE_MISSING if sample.get("value") is None else reasons.VALUE_UNREADABLE
        source = self._source(sample.get("device"))
        if source is None:
            return reasons.RECORD_UNREADABLE
        group = of.key, source
        found.rows.setdefault(group, []).append(
            (start.ms, end.ms, start.offset_min, start.trust, value or 0.0, unit or 0)
        )
        found.places.setdefault(group, []).append(place)
        if action != PUT:
            found.actions[place] = action
        elif of.day != "sleep" and not self.correction_ms and isinstance(sample.get("device"), dict):
            parts = tuple(sample["device"].items())
            if all(isinstance(part, str) for _, part in parts):
                known = found.rows[group], found.places[group], unit or 0
                self._met[sample["metric"], sample["unit"], parts] = known
        return None

    def _moment(self, text: Any, zone: Any) -> Moment | None:
        clock = self._collector.clock
        if isinstance(zone, str):
            clock = self._clocks.get(zone) or self._clocks.setdefault(zone, clock.in_zone(zone[:60]))
        moment = clock.read(text, "ymd")
        if moment is None or not self.correction_ms:
            return moment
        return moment._replace(ms=moment.ms + self.correction_ms, trust=int(ZoneTrust.SET_RIGHT))

    def _source(self, device: Any) -> SourceIdentity | None:
        if device is None:
            device = {}
        if not isinstance(device, Mapping):
            return None
        kind = device.get("kind")
        return self._collector.source(
            app=device.get("app"), device=device.get("name"), maker=device.get("maker"), model=device.get("model"),
            kind=kind if isinstance(kind, str) and len(kind) < 20 else None,
        )  # fmt: skip

    def _check(self, group: Group, found: Parsed) -> None:
        of = all_metrics()[group[0]]
        samples, places = found.columns(group)
        canonical = samples.canonical(of)
        withdrawal = np.zeros(len(places), dtype=np.bool_)
        if found.actions:
            withdrawal = np.array([found.actions.get(int(place)) == WITHDRAW for place in places])
        low, high = of.impossible
        checks = (
            (reasons.TIME_IMPOSSIBLE, samples.start_ms < _YEAR_1900_MS),
            (reasons.ENDS_BEFORE_START, samples.end_ms < samples.start_ms),
            (reasons.IN_THE_FUTURE, samples.end_ms > self._latest_ms),
            (reasons.VALUE_IMPOSSIBLE, ~((canonical >= low) & (canonical <= high)) & ~withdrawal),
        )
        if not any(failed.any() for _, failed in checks):
            return
        for code, failed in checks:
            for place in places[failed].tolist():
                found.refused.setdefault(int(place), code)
        good = [int(place) not in found.refused for place in places]
        if not all(good):
            found.rows[group] = [row for row, sound in zip(found.rows[group], good, strict=True) if sound]
            found.places[group] = [
                place for place, sound in zip(found.places[group], good, strict=True) if sound
            ]
        if not found.rows[group]:
            del found.rows[group], found.places[group]


def _stated(text: str) -> tuple[int, int]:
    """The instant (ms since 1970) and the offset in minutes; ValueError where the text is not just that."""
    if len(text) != _WIDTH or text[_SIGN_AT] not in "+-" or text[10] != "T":
        raise ValueError(text[:_WIDTH])
    moment = datetime.fromisoformat(text)
    offset = moment.utcoffset()
    if offset is None or moment.year < _FIRST_YEAR:
        raise ValueError(text)
    minutes = offset.days * 1440 + offset.seconds // 60
    if abs(minutes) > _MOST_OFFSET_MIN:
        raise ValueError(text)
    return int(moment.timestamp()) * 1000, minutes


def _value(of: Metric, value: Any) -> float | None:
    if of.day == "sleep" and isinstance(value, str):
        return float(SleepStage[value.upper()]) if value.upper() in SleepStage.__members__ else None
    return number(value) if isinstance(value, int | float) else None
