"""Answers of the Fitbit Web API: intraday series of one local day, weights, sleep logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.fitbit import sleep
from carespine.devices.adapters.kit.clock import Moment, parsed
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Head
from carespine.devices.adapters.kit.weights import unit_by_bmi
from carespine.devices.samples import MINUTE_MS

_ACTIVITIES = {
    "steps": ("steps", "{steps}"),
    "heart": ("heart-rate", "/min"),
    "floors": ("flights-climbed", "{flight}"),
    "calories": ("total-energy", "kcal"),
    "minutesFairlyActive": ("moderate-minutes", "min"),
    "minutesVeryActive": ("vigorous-minutes", "min"),
    "minutesSedentary": ("sedentary-minutes", "min"),
}
_SERIES = re.compile(r'"activities-(?:tracker-)?\w+"\s*:')
_KEY = re.compile(r"activities-(?:tracker-)?(\w+?)$")


def fits(head: Head) -> bool:
    """Whether the JSON is an answer of the API."""
    if not head.text.lstrip().startswith("{"):
        return False
    return (
        bool(_SERIES.search(head.text)) or head.says("weight", "logId") or head.says("sleep", "dateOfSleep")
    )


def read(content: dict[str, Any], into: Collector) -> Iterator[None]:
    """Every list that the answer holds."""
    day = _day(content)
    for key, items in content.items():
        found = _KEY.match(key)
        if key.endswith("-intraday"):
            name = key.removeprefix("activities-").removesuffix("-intraday")
            for item in items.get("dataset", []):
                with into.record():
                    _intraday(name, day, item, float(items.get("datasetInterval", 1)), items, into)
                yield
        elif key == "sleep":
            for item in items:
                with into.record():
                    sleep.take(item, into)
                yield
        elif key == "weight":
            for item in items:
                with into.record():
                    _weight(item, into)
                yield
        elif found and isinstance(items, list):
            for item in items:
                with into.record():
                    _total(found[1], item, into)
                yield


def _day(content: dict[str, Any]) -> datetime | None:
    for key, items in content.items():
        if _KEY.match(key) and isinstance(items, list) and items:
            found = parsed(str(items[0].get("dateTime", "")), "mdy")
            return None if found is None else found[0]
    return None


def _intraday(
    name: str,
    day: datetime | None,
    item: dict[str, Any],
    interval: float,
    items: dict[str, Any],
    into: Collector,
) -> None:
    if name not in _ACTIVITIES:
        into.refuse(reasons.METRIC_NOT_SUPPORTED)
        return
    metric, unit = _ACTIVITIES[name]
    start = _at(day, item["time"], into)
    if metric == "heart-rate" or start is None:
        into.take(metric, item["value"], unit, start, _source(into))
        return
    step = interval * (MINUTE_MS if items.get("datasetType", "minute") == "minute" else 1000)
    into.take(metric, item["value"], unit, start, _source(into), end=start._replace(ms=start.ms + int(step)))


def _at(day: datetime | None, time: str, into: Collector) -> Moment | None:
    return None if day is None else into.clock.read(f"{day.date().isoformat()} {time}")


def _total(name: str, item: dict[str, Any], into: Collector) -> None:
    """The value of a whole local day."""
    found = parsed(str(item["dateTime"]), "mdy")
    if name not in _ACTIVITIES or found is None:
        into.refuse(reasons.METRIC_NOT_SUPPORTED if found else reasons.TIME_UNREADABLE)
        return
    day, value = found[0].date(), item["value"]
    if name == "heart":
        resting = value.get("restingHeartRate") if isinstance(value, dict) else None
        if resting is None:
            into.refuse(reasons.AGGREGATE)
        else:
            into.take("resting-heart-rate", resting, "/min", into.clock.day(day, hour=12), _source(into))
        return
    metric, unit = _ACTIVITIES[name]
    end = into.clock.day(day + timedelta(days=1))
    into.take(metric, value, unit, into.clock.day(day), _source(into), end=end)


def _weight(item: dict[str, Any], into: Collector) -> None:
    when = into.clock.read(f"{item['date']} {item.get('time', '')}".strip(), "mdy")
    source = into.source(app="Fitbit", device=item.get("source") or "Fitbit", maker="Fitbit", kind="scale")
    into.take("weight", item["weight"], unit_by_bmi(item["weight"], item.get("bmi")), when, source)
    if item.get("bmi"):
        into.take("bmi", item["bmi"], "kg/m2", when, source)
    if item.get("fat"):
        into.take("body-fat", item["fat"], "%", when, source)


def _source(into: Collector) -> Any:
    return into.source(app="Fitbit", device="Fitbit", maker="Fitbit", kind="watch")
