"""Reads Fitbit's files by what is in them, and by their names where the content does not say what it measures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.fitbit import sleep, tables, web_api
from carespine.devices.adapters.kit.clock import Moment, parsed
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.adapters.kit.weights import unit_by_bmi
from carespine.devices.samples import MINUTE_MS

# Names of the account export's files: kind, then the date or a number.
_NAMED = re.compile(r"^([a-z_]+?)[-_]?(\d{4}-\d{2}-\d{2}|\d+)?\.json$", re.IGNORECASE)
# kind of file -> metric, unit, minutes that one record stands for, whether the times are in UTC
# The export writes activity in UTC and distance in centimetres; day totals carry the local date.
_SERIES: dict[str, tuple[str, str, int, bool]] = {
    "steps": ("steps", "{steps}", 1, True),
    "distance": ("walking-distance", "cm", 1, True),
    "calories": ("total-energy", "kcal", 1, True),
    "floors": ("flights-climbed", "{flight}", 1, True),
    "sedentary_minutes": ("sedentary-minutes", "min", 1440, False),
    "moderately_active_minutes": ("moderate-minutes", "min", 1440, False),
    "very_active_minutes": ("vigorous-minutes", "min", 1440, False),
}
_SHAPES = ("heart_rate", "resting_heart_rate", "sleep", "weight", "demographic_vo2_max", "exercise", *_SERIES)


class Fitbit(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        if not head.is_json:
            return tables.fits(head)
        if web_api.fits(head):
            return True
        kind = _kind(head.name)
        if kind in _SHAPES:
            return '"dateTime"' in head.text or '"logId"' in head.text
        return head.says("dateTime", "value", "bpm") or head.says("logId", "dateOfSleep", "levels")

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        if not document.text.lstrip().startswith(("[", "{")):
            yield from tables.read(document, into)
            return
        content = document.json
        if isinstance(content, dict):
            yield from web_api.read(content, into)
            return
        kind = _kind(document.name) or ""
        taker = _taker(kind, content)
        for item in content if isinstance(content, list) else []:
            with into.record():
                taker(item, into)
            yield


def _kind(name: str) -> str | None:
    found = _NAMED.match(name)
    return None if found is None else found[1].lower().rstrip("_-")


def _taker(kind: str, content: Any) -> Callable[[dict[str, Any], Collector], object]:
    first = content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}
    value = first.get("value")
    if kind in _SERIES:
        return lambda item, into: _series(kind, item, into)
    if "levels" in first or "dateOfSleep" in first:
        return sleep.take
    if kind == "weight" or "bmi" in first:
        return weight
    if isinstance(value, dict) and "bpm" in value:
        return _heart_rate
    if kind == "resting_heart_rate":
        return _resting
    if kind == "demographic_vo2_max":
        return _vo2max
    if "activityName" in first:
        return _exercise
    return lambda _item, into: into.refuse(reasons.METRIC_NOT_SUPPORTED)


def _heart_rate(item: dict[str, Any], into: Collector) -> None:
    # Confidence 0 means that the watch did not see a pulse and wrote a default.
    if item["value"].get("confidence") == 0:
        into.refuse(reasons.NO_VALUE_MARK)
        return
    into.take("heart-rate", item["value"]["bpm"], "/min", _utc(item["dateTime"], into), _source(into))


def _series(kind: str, item: dict[str, Any], into: Collector) -> None:
    metric, unit, minutes, in_utc = _SERIES[kind]
    start = _utc(item["dateTime"], into) if in_utc else into.clock.read(item["dateTime"], "mdy")
    value = item["value"]
    if unit == "cm":
        value, unit = float(value) / 100, "m"
    end = None if start is None else start._replace(ms=start.ms + minutes * MINUTE_MS)
    into.take(metric, value, unit, start, _source(into), end=end)


def _resting(item: dict[str, Any], into: Collector) -> None:
    value = item["value"]["value"]
    if not value:
        into.refuse(reasons.NO_VALUE_MARK)
        return
    into.take("resting-heart-rate", value, "/min", _noon(item["dateTime"], into), _source(into))


def _vo2max(item: dict[str, Any], into: Collector) -> None:
    value = item["value"].get("filteredDemographicVO2Max", item["value"].get("demographicVO2Max"))
    into.take("vo2max", value, "mL/min/kg{body_wt}", _noon(item["dateTime"], into), _source(into))


def _exercise(item: dict[str, Any], into: Collector) -> None:
    start = _utc(item["startTime"], into)
    minutes = float(item["duration"]) / MINUTE_MS
    end = None if start is None else start._replace(ms=start.ms + int(item["duration"]))
    into.take("workout-minutes", minutes, "min", start, _source(into), end=end)


def weight(item: dict[str, Any], into: Collector) -> None:
    """A weighing; the unit is told by the BMI beside it."""
    when = into.clock.read(f"{item['date']} {item.get('time', '')}".strip(), "mdy")
    source = into.source(app="Fitbit", device=item.get("source") or "Fitbit", maker="Fitbit", kind="scale")
    into.take("weight", item["weight"], unit_by_bmi(item["weight"], item.get("bmi")), when, source)
    if item.get("bmi"):
        into.take("bmi", item["bmi"], "kg/m2", when, source)
    if item.get("fat"):
        into.take("body-fat", item["fat"], "%", when, source)


def _utc(text: str, into: Collector) -> Moment | None:
    found = parsed(text, "mdy")
    if found is None:
        return None
    local, offset = found
    return into.clock.read(f"{local.isoformat()}{'Z' if offset is None else ''}")


def _noon(text: str, into: Collector) -> Moment | None:
    found = parsed(text, "mdy")
    return None if found is None else into.clock.day(found[0].date(), hour=12)


def _source(into: Collector) -> Any:
    return into.source(app="Fitbit", device="Fitbit", maker="Fitbit", kind="watch")
