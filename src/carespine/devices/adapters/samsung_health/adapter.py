"""Reads Samsung Health's CSV files: a line of description, then the table, times in UTC with an offset beside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import Moment, parsed
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.metrics import SleepStage
from carespine.devices.naming import as_date
from carespine.devices.samples import DAY_MS, SourceIdentity

_FIRST = re.compile(r"com\.samsung\.s?health\.([\w.]+),\d+")
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})")
# SHealth SDK: sleep_stage.stage
_STAGES = {
    "40001": SleepStage.AWAKE,
    "40002": SleepStage.LIGHT,
    "40003": SleepStage.DEEP,
    "40004": SleepStage.REM,
}
# kind of file -> columns, each with metric and unit; the SDK fixes the units
_KINDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "tracker.heart_rate": {"heart_rate": ("heart-rate", "/min")},
    "heart_rate": {"heart_rate": ("heart-rate", "/min")},
    "weight": {
        "weight": ("weight", "kg"),
        "body_fat": ("body-fat", "%"),
        "skeletal_muscle_mass": ("muscle-mass", "kg"),
        "height": ("height", "cm"),
    },
    "height": {"height": ("height", "cm")},
    "blood_pressure": {
        "systolic": ("blood-pressure-systolic", "mm[Hg]"),
        "diastolic": ("blood-pressure-diastolic", "mm[Hg]"),
        "pulse": ("heart-rate", "/min"),
    },
    "blood_glucose": {"glucose": ("glucose-meter", "mmol/L")},
    "tracker.oxygen_saturation": {"spo2": ("oxygen-saturation", "%")},
    "oxygen_saturation": {"spo2": ("oxygen-saturation", "%")},
    "body_temperature": {"temperature": ("body-temperature", "Cel")},
    "respiratory_rate": {"average": ("respiratory-rate", "/min")},
    "tracker.pedometer_step_count": {
        "count": ("steps", "{steps}"),
        "step_count": ("steps", "{steps}"),
        "distance": ("walking-distance", "m"),
        "calorie": ("active-energy", "kcal"),
    },
    "step_count": {"count": ("steps", "{steps}"), "distance": ("walking-distance", "m")},
    "floors_climbed": {"floor": ("flights-climbed", "{flight}")},
    "tracker.floors_day_summary": {"floor_count": ("flights-climbed", "{flight}")},
    "water_intake": {"amount": ("water", "mL")},
    "caffeine_intake": {"amount": ("caffeine", "mg")},
    "nutrition": {
        "calorie": ("dietary-energy", "kcal"),
        "total_fat": ("fat", "g"),
        "saturated_fat": ("saturates", "g"),
        "carbohydrate": ("carbohydrate", "g"),
        "sugar": ("sugars", "g"),
        "dietary_fiber": ("fibre", "g"),
        "protein": ("protein", "g"),
        "sodium": ("sodium", "mg"),
    },
}
_TRENDS = {
    "step_daily_trend": {"count": ("steps", "{steps}"), "distance": ("walking-distance", "m")},
    "tracker.pedometer_day_summary": {
        "step_count": ("steps", "{steps}"),
        "distance": ("walking-distance", "m"),
    },
}
_INTERVALS = {"steps", "walking-distance", "active-energy", "flights-climbed"}
# source_type of step_daily_trend: -2 is the sum over all devices, others are its parts.
_ALL_SOURCES = "-2"


class SamsungHealth(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        return _FIRST.match(head.first_line) is not None

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        first = _FIRST.match(document.text.lstrip())
        lines = document.lines(",")
        if first is None or len(lines) < 2:
            return
        kind, header = first[1], [name.rpartition(".")[2] for name in lines[1]]
        for row in table.rows(lines[2:], header):
            with into.record():
                _row(kind, row, into)
            yield


def _row(kind: str, row: table.Row, into: Collector) -> None:
    source = _source(kind, row, into)
    if kind in ("sleep_stage", "sleep"):
        _sleep(kind, row, source, into)
        return
    if kind in _TRENDS:
        _trend(_TRENDS[kind], row, source, into)
        return
    start, end = _moment(row, "start_time", into), _moment(row, "end_time", into)
    for column, (metric, unit) in _KINDS.get(kind, {}).items():
        text = row.get(column)
        if text == "" or (metric in ("body-fat", "muscle-mass", "height") and float(text) == 0):
            continue
        into.take(metric, text, unit, start, source, end=end if metric in _INTERVALS else None)


def _sleep(kind: str, row: table.Row, source: SourceIdentity, into: Collector) -> None:
    start, end = _moment(row, "start_time", into), _moment(row, "end_time", into)
    if kind == "sleep":
        # The session around the stages: time in bed. Without stages it is all that is known of the night.
        into.stage(SleepStage.IN_BED, start, end, source)
    elif row.get("stage") in _STAGES:
        into.stage(_STAGES[row.get("stage")], start, end, source)
    else:
        into.refuse(reasons.VALUE_UNREADABLE)


def _trend(
    columns: Mapping[str, tuple[str, str]], row: table.Row, source: SourceIdentity, into: Collector
) -> None:
    """A value of a whole local day; `day_time` is that day's midnight, written as if it were in UTC."""
    if row.get("source_type") not in ("", _ALL_SOURCES):
        into.refuse(reasons.AGGREGATE)
        return
    text = row.get("day_time")
    found = parsed(text)
    local = None if found is None else found[0]
    if text.isdigit():
        utc = into.clock.instant(float(text))
        day = None if utc is None else utc.ms // DAY_MS
        start = None if day is None else _midnight(day, into)
        end = None if day is None else _midnight(day + 1, into)
    else:
        start = None if local is None else into.clock.day(local.date())
        end = None if start is None else start._replace(ms=start.ms + DAY_MS)
    for column, (metric, unit) in columns.items():
        if row.get(column):
            into.take(metric, row.get(column), unit, start, source, end=end)


def _midnight(day: int, into: Collector) -> Moment:
    return into.clock.day(as_date(day))


def _moment(row: table.Row, column: str, into: Collector) -> Moment | None:
    """A time in UTC, with the offset of its column beside it."""
    text = row.get(column)
    found = _OFFSET.fullmatch(row.get("time_offset"))
    if text.isdigit():
        ms: float | None = float(text)
    else:
        read = parsed(text, "ymd")
        moment = None if read is None else into.clock.read(f"{read[0].isoformat()}Z")
        ms = None if moment is None else moment.ms
    if ms is None:
        return None
    if found is None:
        return into.clock.instant(ms)
    minutes = int(found[2]) * 60 + int(found[3])
    return into.clock.stated(ms, -minutes if found[1] == "-" else minutes)


def _source(kind: str, row: table.Row, into: Collector) -> SourceIdentity:
    given: dict[str, Any] = {"weight": "scale", "blood_pressure": "cuff", "blood_glucose": "meter"}
    kind_of = given.get(
        kind, "diary" if kind in ("nutrition", "water_intake", "caffeine_intake") else "watch"
    )
    return into.source(
        app=row.get("pkg_name") or "Samsung Health",
        device=row.get("deviceuuid"),
        maker="Samsung",
        kind=kind_of,
    )
