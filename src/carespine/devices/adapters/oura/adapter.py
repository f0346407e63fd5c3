"""Reads Oura's API answers (v2), the account export (v1) and the CSV of trends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import Moment, parsed
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.adapters.kit.text import folded
from carespine.devices.metrics import SleepStage
from carespine.devices.samples import MINUTE_MS, SourceIdentity

# sleep_phase_5_min: 1 deep, 2 light, 3 REM, 4 awake (Oura API, sleep periods).
_PHASES = {"1": SleepStage.DEEP, "2": SleepStage.LIGHT, "3": SleepStage.REM, "4": SleepStage.AWAKE}
_FIVE_MINUTES = 5 * MINUTE_MS
_TRENDS = {
    "steps": ("steps", "{steps}"),
    "average hrv": ("hrv-rmssd", "ms"),
    "lowest resting heart rate": ("resting-heart-rate", "/min"),
    "respiratory rate": ("respiratory-rate", "/min"),
    "activity burn": ("active-energy", "kcal"),
    "temperature deviation (°c)": ("skin-temperature-change", "K"),
    "average spo2": ("oxygen-saturation", "%"),
}


class Oura(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        if not head.is_json:
            line = folded(head.first_line)
            return line.startswith("date,") and "sleep score" in line and "readiness score" in line
        words = ("bedtime_start", "spo2_percentage", "high_activity_time", "equivalent_walking_distance")
        if any(f'"{word}"' in head.text for word in words):
            return True
        return head.says("bpm", "source", "timestamp") or head.says("summary_date", "bedtime_end")

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        if not document.text.lstrip().startswith(("{", "[")):
            yield from _trends(document, into)
            return
        for kind, item in _items(document.json):
            with into.record():
                _item(kind, item, into)
            yield


def _items(content: Any) -> list[tuple[str, Any]]:
    if isinstance(content, list):
        return [("", item) for item in content]
    if not isinstance(content, dict):
        return []
    lists = [(key, items) for key, items in content.items() if isinstance(items, list)]
    return [(key, item) for key, items in lists for item in items] or [("", content)]


def _item(kind: str, item: dict[str, Any], into: Collector) -> None:
    source = into.source(app="Oura", device="Oura Ring", maker="Oura", kind="ring")
    if "bpm" in item:
        into.take("heart-rate", item["bpm"], "/min", into.clock.read(item["timestamp"]), source)
    elif "bedtime_start" in item:
        _sleep(item, source, into)
    elif "spo2_percentage" in item:
        average = (item["spo2_percentage"] or {}).get("average")
        if average is None:
            into.refuse(reasons.VALUE_MISSING)
        else:
            into.refuse(reasons.AGGREGATE)
    elif "vo2_max" in item:
        when = into.clock.read(item.get("timestamp")) or _day(item["day"], into, hour=12)
        into.take("vo2max", item["vo2_max"], "mL/min/kg{body_wt}", when, source)
    elif "steps" in item or kind == "activity":
        _activity(item, source, into)
    else:
        into.refuse(reasons.METRIC_NOT_SUPPORTED)


def _activity(item: dict[str, Any], source: SourceIdentity, into: Collector) -> None:
    day = item.get("day") or item.get("summary_date")
    start, end = _day(day, into), _day(day, into, later=1)
    pairs = (
        (("steps",), "steps", "{steps}"),
        (("active_calories", "cal_active"), "active-energy", "kcal"),
        (("equivalent_walking_distance", "daily_movement"), "walking-distance", "m"),
        (("medium_activity_time",), "moderate-minutes", "s"),
        (("high_activity_time",), "vigorous-minutes", "s"),
        (("sedentary_time",), "sedentary-minutes", "s"),
        (("medium",), "moderate-minutes", "min"),
        (("high",), "vigorous-minutes", "min"),
    )
    for names, metric, unit in pairs:
        value = next((item[name] for name in names if item.get(name) is not None), None)
        if value is not None:
            into.take(metric, value, unit, start, source, end=end)


def _sleep(item: dict[str, Any], source: SourceIdentity, into: Collector) -> None:
    if item.get("type") == "deleted":
        into.refuse(reasons.WITHDRAWN)
        return
    start, end = into.clock.read(item["bedtime_start"]), into.clock.read(item["bedtime_end"])
    phases = item.get("sleep_phase_5_min") or item.get("hypnogram_5min") or ""
    if phases and start is not None and end is not None:
        for begin, until, phase in _stretches(phases, start, end):
            into.stage(_PHASES[phase], begin, until, source)
    else:
        into.stage(SleepStage.ASLEEP, start, end, source)
    for name, metric, unit in (("heart_rate", "heart-rate", "/min"), ("hrv", "hrv-rmssd", "ms")):
        _series(item.get(name), metric, unit, source, into)
    for name, metric in (("hr_5min", "heart-rate"), ("rmssd_5min", "hrv-rmssd")):
        for place, value in enumerate(item.get(name) or []):
            at = None if start is None else start._replace(ms=start.ms + place * _FIVE_MINUTES)
            _value(value, metric, "/min" if metric == "heart-rate" else "ms", at, source, into)
    lowest = item.get("lowest_heart_rate") or item.get("hr_lowest")
    if lowest and item.get("type", "long_sleep") == "long_sleep":
        into.take("resting-heart-rate", lowest, "/min", end, source)
    if item.get("efficiency"):
        into.take("sleep-efficiency", item["efficiency"], "%", end, source)


def _series(found: Any, metric: str, unit: str, source: SourceIdentity, into: Collector) -> None:
    if not isinstance(found, dict):
        return
    start = into.clock.read(found.get("timestamp"))
    for place, value in enumerate(found.get("items") or []):
        at = None if start is None else start._replace(ms=start.ms + int(place * found["interval"] * 1000))
        _value(value, metric, unit, at, source, into)


def _value(
    value: Any, metric: str, unit: str, at: Moment | None, source: SourceIdentity, into: Collector
) -> None:
    # Oura writes null or 0 where the ring was not worn or the signal was poor.
    if value is None or value == 0:
        into.refuse(reasons.NO_VALUE_MARK)
    else:
        into.take(metric, value, unit, at, source)


def _stretches(phases: str, start: Moment, end: Moment) -> Iterator[tuple[Moment, Moment, str]]:
    """Equal phases that follow one another as one stretch; the last ends with the night."""
    place = 0
    while place < len(phases):
        last = place
        while last + 1 < len(phases) and phases[last + 1] == phases[place]:
            last += 1
        begin = start.ms + place * _FIVE_MINUTES
        until = end.ms if last + 1 == len(phases) else start.ms + (last + 1) * _FIVE_MINUTES
        yield start._replace(ms=begin), start._replace(ms=max(until, begin)), phases[place]
        place = last + 1


def _day(text: Any, into: Collector, *, hour: int = 0, later: int = 0) -> Moment | None:
    found = parsed(str(text))
    return None if found is None else into.clock.day(found[0].date() + timedelta(days=later), hour=hour)


def _trends(document: Document, into: Collector) -> Iterator[None]:
    lines = document.lines()
    header = [folded(cell) for cell in lines[0]] if lines else []
    source = into.source(app="Oura", device="Oura Ring", maker="Oura", kind="ring")
    for row in table.rows(lines[1:], header):
        with into.record():
            day = row.get("date")
            for column, (metric, unit) in _TRENDS.items():
                text = row.get(column)
                if text and text != "None":
                    whole = metric in ("steps", "active-energy")
                    start = _day(day, into, hour=0 if whole else 12)
                    into.take(
                        metric, text, unit, start, source, end=_day(day, into, later=1) if whole else None
                    )
            seconds = row.get("total sleep duration")
            if seconds and seconds != "None":
                begin = into.clock.read(row.get("bedtime start")) or _day(day, into)
                until = None if begin is None else begin._replace(ms=begin.ms + int(float(seconds) * 1000))
                into.stage(SleepStage.ASLEEP, begin, until, source)
        yield
