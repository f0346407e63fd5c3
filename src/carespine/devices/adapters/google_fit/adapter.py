"""Reads Google Fit's takeout: data points in nanoseconds of UTC, sessions, and the CSV of daily activity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.google_fit.daily import fits_daily, read_daily
from carespine.devices.adapters.kit.clock import Moment
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.metrics import SleepStage
from carespine.devices.samples import MINUTE_MS

# dataTypeName -> metrics of its values in order, each with its unit
_TYPES: dict[str, tuple[tuple[str, str], ...]] = {
    "com.google.step_count.delta": (("steps", "{steps}"),),
    "com.google.distance.delta": (("walking-distance", "m"),),
    "com.google.calories.expended": (("total-energy", "kcal"),),
    "com.google.heart_rate.bpm": (("heart-rate", "/min"),),
    "com.google.weight": (("weight", "kg"),),
    "com.google.height": (("height", "m"),),
    "com.google.body.fat.percentage": (("body-fat", "%"),),
    "com.google.oxygen_saturation": (("oxygen-saturation", "%"),),
    "com.google.body.temperature": (("body-temperature", "Cel"),),
    "com.google.blood_glucose": (("glucose-meter", "mmol/L"),),
    "com.google.blood_pressure": (
        ("blood-pressure-systolic", "mm[Hg]"),
        ("blood-pressure-diastolic", "mm[Hg]"),
    ),
    "com.google.hydration": (("water", "L"),),
    "com.google.respiratory_rate": (("respiratory-rate", "/min"),),
}
# com.google.sleep.segment: 1 awake, 2 sleep, 3 out of bed, 4 light, 5 deep, 6 REM
_SLEEP = {
    1: SleepStage.AWAKE,
    2: SleepStage.ASLEEP,
    3: SleepStage.AWAKE,
    4: SleepStage.LIGHT,
    5: SleepStage.DEEP,
    6: SleepStage.REM,
}
_SOURCE = re.compile(r"^(?:raw|derived):[\w.]+:([\w.]*):?([^:]*):?([^:]*)")


class GoogleFit(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        if not head.is_json:
            return fits_daily(head)
        return (
            head.says("Data Points")
            or '"com.google.' in head.text
            or head.says("fitnessActivity", "startTime")
        )

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        if not document.text.lstrip().startswith(("[", "{")):
            yield from read_daily(document, into)
            return
        content = document.json
        if isinstance(content, dict) and "fitnessActivity" in content:
            with into.record():
                _session(content, into)
            yield
            return
        points = (
            content if isinstance(content, list) else content.get("Data Points") or content.get("point") or []
        )
        for point in points:
            with into.record():
                _point(point, into)
            yield


def _point(point: dict[str, Any], into: Collector) -> None:
    kind = point["dataTypeName"]
    start, end = _moment(point["startTimeNanos"], into), _moment(point["endTimeNanos"], into)
    values = [_value(item) for item in point.get("fitValue") or point.get("value") or []]
    source = _source(str(point.get("originDataSourceId", "")), into)
    if kind == "com.google.sleep.segment":
        into.stage(_SLEEP[int(values[0])], start, end, source)
        return
    for (metric, unit), value in zip(_TYPES.get(kind, ()), values, strict=False):
        into.take(metric, value, unit, start, source, end=end)


def _value(item: dict[str, Any]) -> Any:
    held = item.get("value", item)
    return next((held[key] for key in ("fpVal", "intVal") if key in held), None)


def _session(content: dict[str, Any], into: Collector) -> None:
    start, end = into.clock.read(content["startTime"]), into.clock.read(content["endTime"])
    source = into.source(app="Google Fit", kind="phone")
    if start is None or end is None:
        into.refuse(reasons.TIME_UNREADABLE)
    elif content["fitnessActivity"].startswith("sleep"):
        into.stage(SleepStage.ASLEEP, start, end, source)
    else:
        into.take("workout-minutes", (end.ms - start.ms) / MINUTE_MS, "min", start, source, end=end)


def _moment(nanos: Any, into: Collector) -> Moment | None:
    return into.clock.instant(int(nanos) // 1_000_000)


def _source(text: str, into: Collector) -> Any:
    found = _SOURCE.match(text)
    if found is None:
        return into.source(app="Google Fit", kind="phone")
    app, maker, model = found.groups()
    phone = None if (maker or model) else "phone"
    return into.source(app=app or "Google Fit", device=model, maker=maker, model=model, kind=phone)
