"""Reads Polar Flow's export: sessions, daily activity, heart rate round the clock, sleep; and session CSVs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import Moment, date_order, parsed
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.adapters.kit.text import folded
from carespine.devices.metrics import SleepStage
from carespine.devices.samples import HOUR_MS, MINUTE_MS, SourceIdentity

_STATES = {
    "WAKE": SleepStage.AWAKE,
    "NONREM1": SleepStage.LIGHT,
    "NONREM2": SleepStage.LIGHT,
    "NONREM3": SleepStage.DEEP,
    "REM": SleepStage.REM,
}
_DURATION = re.compile(r"P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")


class Polar(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        if not head.is_json:
            line = folded(head.first_line)
            return line.startswith("name,sport,date,start time,duration")
        return (
            head.says("exportVersion")
            or head.says("deviceDays")
            or head.says("sleepStateChanges")
            or (head.says("exercises", "startTime") and head.name.startswith("training-session"))
            or ('"hypnogram"' in head.text and '"sleepStart"' in head.text)
        )

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        if not document.text.lstrip().startswith(("{", "[")):
            yield from _csv(document, into)
            return
        content = document.json
        for item in content if isinstance(content, list) else [content]:
            if not isinstance(item, dict):
                into.refuse(reasons.RECORD_UNREADABLE)
                continue
            yield from _item(item, into)


def _item(item: dict[str, Any], into: Collector) -> Iterator[None]:
    for exercise in item.get("exercises") or []:
        with into.record():
            _exercise(exercise, into)
        yield
    for day in item.get("deviceDays") or []:
        with into.record():
            _device_day(day, into)
        yield
    if "sleepResult" in item or "evaluation" in item or "night" in item:
        with into.record():
            _sleep(item, into)
        yield
    elif "date" in item and ("summary" in item or "samples" in item):
        with into.record():
            _activity(item, into)
        yield


def _exercise(exercise: dict[str, Any], into: Collector) -> None:
    source = _source(into)
    offset = exercise.get("timezoneOffset", exercise.get("timeZoneOffset"))
    start, stop = _local(exercise["startTime"], offset, into), _local(exercise.get("stopTime"), offset, into)
    seconds = _seconds(exercise.get("duration"))
    if seconds is not None:
        into.take("workout-minutes", seconds / 60, "min", start, source, end=stop)
    for sample in (exercise.get("samples") or {}).get("heartRate") or []:
        if sample.get("value") in (None, 0):
            into.refuse(reasons.NO_VALUE_MARK)
            continue
        into.take("heart-rate", sample["value"], "/min", _local(sample["dateTime"], offset, into), source)
    if exercise.get("kiloCalories") is not None:
        into.take("active-energy", exercise["kiloCalories"], "kcal", start, source, end=stop)


def _device_day(day: dict[str, Any], into: Collector) -> None:
    source = _source(into, str(day.get("deviceId") or ""))
    date = parsed(str(day["date"]))
    for sample in day.get("samples") or []:
        if date is None:
            into.refuse(reasons.TIME_UNREADABLE)
            continue
        when = into.clock.wall(date[0] + timedelta(seconds=float(sample["secondsFromDayStart"])))
        into.take("heart-rate", sample["heartRate"], "/min", when, source)


def _activity(item: dict[str, Any], into: Collector) -> None:
    """Steps by the minute where the file has them, and the day's total beside."""
    source, summary = _source(into), item.get("summary") or {}
    date = parsed(str(item["date"]))
    start = None if date is None else into.clock.day(date[0].date())
    end = None if date is None else into.clock.day(date[0].date() + timedelta(days=1))
    for sample in (item.get("samples") or {}).get("steps") or []:
        at = into.clock.read(f"{item['date']}T{sample['localTime']}")
        until = None if at is None else at._replace(ms=at.ms + MINUTE_MS)
        into.take("steps", sample["value"], "{steps}", at, source, end=until)
    for name, metric, unit in (
        ("stepCount", "steps", "{steps}"),
        ("stepsDistance", "walking-distance", "m"),
        ("calories", "total-energy", "kcal"),
    ):
        if summary.get(name) is not None:
            into.take(metric, summary[name], unit, start, source, end=end)


def _sleep(item: dict[str, Any], into: Collector) -> None:
    result = item.get("sleepResult") or item
    hypnogram = result.get("hypnogram") or result
    start, end = into.clock.read(hypnogram["sleepStart"]), into.clock.read(hypnogram["sleepEnd"])
    changes = hypnogram.get("sleepStateChanges") or []
    source = _source(into)
    if start is None or end is None or not changes:
        into.stage(SleepStage.ASLEEP, start, end, source)
        return
    offsets = [_seconds(change["offsetFromStart"]) or 0.0 for change in changes]
    for place, change in enumerate(changes):
        begin = start._replace(ms=start.ms + int(offsets[place] * 1000))
        until = (
            end if place + 1 == len(changes) else start._replace(ms=start.ms + int(offsets[place + 1] * 1000))
        )
        into.stage(_STATES[change["state"]], begin, until, source)


def _csv(document: Document, into: Collector) -> Iterator[None]:
    """A session: two lines of summary, then a sample a second with the time since the start."""
    lines = document.lines(",")
    if len(lines) < 3:
        return
    summary = next(table.rows([lines[1]], [folded(cell) for cell in lines[0]]))
    order = date_order([summary.get("date")])
    start = into.clock.read(f"{summary.get('date')} {summary.get('start time')}", order)
    header = [folded(cell) for cell in lines[2]]
    for row in table.rows(lines[3:], header):
        with into.record():
            parts = [float(part) for part in row.get("time").split(":")]
            seconds = sum(part * 60**place for place, part in enumerate(reversed(parts)))
            at = None if start is None else start._replace(ms=start.ms + int(seconds * 1000))
            if row.get("hr (bpm)"):
                into.take("heart-rate", row.get("hr (bpm)"), "/min", at, _source(into))
            else:
                into.refuse(reasons.VALUE_MISSING)
        yield


def _local(text: Any, offset: Any, into: Collector) -> Moment | None:
    """A local time with the offset in minutes beside it, where the file has one."""
    moment = into.clock.read(text)
    if moment is None or not isinstance(offset, int | float) or moment.trust == 1:
        return moment
    local = moment.ms + moment.offset_min * MINUTE_MS
    return into.clock.stated(local - offset * MINUTE_MS, offset)


def _seconds(text: Any) -> float | None:
    found = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if found is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return days * 24 * HOUR_MS / 1000 + hours * 3600 + minutes * 60 + seconds


def _source(into: Collector, device: str = "") -> SourceIdentity:
    return into.source(app="Polar Flow", device=device or "Polar", maker="Polar", kind="watch")
