"""Garmin's nights: maps of levels in the Health API, sums of seconds in the account export."""

from __future__ import annotations

from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.kit.clock import Moment, parsed
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.metrics import SleepStage
from carespine.devices.samples import MINUTE_MS, SourceIdentity

_LEVELS = {
    "deep": SleepStage.DEEP,
    "light": SleepStage.LIGHT,
    "rem": SleepStage.REM,
    "awake": SleepStage.AWAKE,
}


def from_api(
    item: dict[str, Any], start: Moment | None, end: Moment | None, source: SourceIdentity, into: Collector
) -> None:
    """A sleep summary: its levels; without them, asleep from start to end."""
    found = False
    for name, stretches in (item.get("sleepLevelsMap") or {}).items():
        for stretch in stretches or []:
            found = True
            if name not in _LEVELS or start is None:
                into.refuse(reasons.NO_VALUE_MARK)
                continue
            begin, until = stretch["startTimeInSeconds"], stretch["endTimeInSeconds"]
            into.stage(
                _LEVELS[name],
                start._replace(ms=int(float(begin) * 1000)),
                start._replace(ms=int(float(until) * 1000)),
                source,
            )
    if not found:
        into.stage(SleepStage.ASLEEP, start, end, source)


def from_export(item: dict[str, Any], into: Collector) -> None:
    """A night of the account export: GMT times, sums of each stage laid out one after the other."""
    source = into.source(app="Garmin Connect", device="Garmin", maker="Garmin", kind="watch")
    start, end = _gmt(item["sleepStartTimestampGMT"], into), _gmt(item.get("sleepEndTimestampGMT"), into)
    local = parsed(str(item.get("sleepStartTimestampLocal", "")))
    stated = parsed(str(item["sleepStartTimestampGMT"]))
    if local is not None and stated is not None and start is not None and end is not None:
        minutes = (local[0] - stated[0]).total_seconds() / 60
        start, end = into.clock.stated(start.ms, minutes), into.clock.stated(end.ms, minutes)
    seconds = {stage: float(item.get(f"{name}SleepSeconds") or 0) for name, stage in _LEVELS.items()}
    if start is None or end is None or not any(seconds.values()):
        into.stage(SleepStage.ASLEEP, start, end, source)
        return
    into.note("The file gives sums of each night's stages: their order within the night is not known.")
    at = start.ms
    for stage, length in seconds.items():
        if length > 0:
            until = at + int(length * 1000)
            into.stage(stage, start._replace(ms=at), start._replace(ms=until), source)
            at = until
    if at > end.ms + MINUTE_MS:
        into.note("The stages of a night add up to more than the night is long.")


def _gmt(text: Any, into: Collector) -> Moment | None:
    found = parsed(str(text))
    return None if found is None else into.clock.read(f"{found[0].isoformat()}Z")
