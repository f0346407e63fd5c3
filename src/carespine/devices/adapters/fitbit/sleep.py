"""Fitbit's sleep logs: stages with short awakenings laid over them, or the classic levels. Times are local."""

from __future__ import annotations

from typing import Any

from carespine.devices.adapters.kit.clock import Moment
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.metrics import SleepStage
from carespine.devices.samples import SourceIdentity

_LEVELS = {
    "wake": SleepStage.AWAKE,
    "awake": SleepStage.AWAKE,
    "restless": SleepStage.AWAKE,
    "asleep": SleepStage.ASLEEP,
    "light": SleepStage.LIGHT,
    "deep": SleepStage.DEEP,
    "rem": SleepStage.REM,
}


def take(item: dict[str, Any], into: Collector) -> None:
    """One sleep log. Short awakenings (`shortData`) cut the stage that they fall into."""
    source = into.source(app="Fitbit", device="Fitbit", maker="Fitbit", kind="watch")
    levels = item.get("levels") or {}
    awake = [_stretch(one, into) for one in levels.get("shortData") or []]
    found = False
    for one in levels.get("data") or []:
        stage = _LEVELS[one["level"]]
        start, seconds = _stretch(one, into)
        for begin, length in _without(start, seconds, awake if stage != SleepStage.AWAKE else []):
            into.stage(stage, begin, begin._replace(ms=begin.ms + length * 1000), source)
        found = True
    for start, seconds in awake:
        into.stage(SleepStage.AWAKE, start, start._replace(ms=start.ms + seconds * 1000), source)
    if not found:
        _whole(item, into, source)
    if item.get("efficiency") and item.get("isMainSleep", True):
        into.take(
            "sleep-efficiency", item["efficiency"], "%", into.clock.read(item["endTime"], "mdy"), source
        )


def _whole(item: dict[str, Any], into: Collector, source: SourceIdentity) -> None:
    """A log without levels: asleep from start to end."""
    start = into.clock.read(item["startTime"], "mdy")
    end = None if start is None else start._replace(ms=start.ms + int(item["duration"]))
    into.stage(SleepStage.ASLEEP, start, end, source)


def _stretch(one: dict[str, Any], into: Collector) -> tuple[Moment, int]:
    start = into.clock.read(one["dateTime"], "mdy")
    if start is None:
        raise ValueError("a level without a time")
    return start, int(one["seconds"])


def _without(start: Moment, seconds: int, awake: list[tuple[Moment, int]]) -> list[tuple[Moment, int]]:
    """The parts of a stage that no short awakening covers."""
    parts, at, end = [], start.ms, start.ms + seconds * 1000
    for cut, length in sorted(awake, key=lambda one: one[0].ms):
        first, last = max(cut.ms, at), min(cut.ms + length * 1000, end)
        if last <= first:
            continue
        if first > at:
            parts.append((start._replace(ms=at), (first - at) // 1000))
        at = last
    if end > at:
        parts.append((start._replace(ms=at), (end - at) // 1000))
    return parts
