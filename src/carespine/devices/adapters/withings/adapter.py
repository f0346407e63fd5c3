"""Reads Withings' API answers (values with a power of ten) and the CSV files of the account export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import Moment
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.adapters.kit.text import folded
from carespine.devices.adapters.kit.units import unit_of_column
from carespine.devices.metrics import SleepStage
from carespine.devices.samples import SourceIdentity

# Withings public API, types of measures: metric and unit.
_TYPES = {
    1: ("weight", "kg"),
    4: ("height", "m"),
    5: ("lean-mass", "kg"),
    6: ("body-fat", "%"),
    9: ("blood-pressure-diastolic", "mm[Hg]"),
    10: ("blood-pressure-systolic", "mm[Hg]"),
    11: ("heart-rate", "/min"),
    12: ("body-temperature", "Cel"),
    54: ("oxygen-saturation", "%"),
    71: ("body-temperature", "Cel"),
    76: ("muscle-mass", "kg"),
    88: ("bone-mass", "kg"),
    123: ("vo2max", "mL/min/kg{body_wt}"),
}
# A group may hold a weight beside a blood pressure: what measured follows from the metric.
_KINDS = {
    "weight": "scale", "body-fat": "scale", "lean-mass": "scale", "muscle-mass": "scale", "bone-mass": "scale",
    "body-temperature": "thermometer", "oxygen-saturation": "oximeter",
}  # fmt: skip
_STATES = {0: SleepStage.AWAKE, 1: SleepStage.LIGHT, 2: SleepStage.DEEP, 3: SleepStage.REM}
# Parts of a night as the API and the export name them, in the order in which they are laid out.
_PARTS = (
    ("deep", SleepStage.DEEP),
    ("light", SleepStage.LIGHT),
    ("rem", SleepStage.REM),
)
_COLUMNS = (
    (r"^weight", "weight", None),
    (r"^systolic", "blood-pressure-systolic", "mm[Hg]"),
    (r"^diastolic", "blood-pressure-diastolic", "mm[Hg]"),
    (r"^heart rate", "heart-rate", "/min"),
    (r"^bone mass", "bone-mass", None),
    (r"^muscle mass", "muscle-mass", None),
    (r"^height", "height", None),
    (r"^spo2", "oxygen-saturation", "%"),
    (r"^body temperature", "body-temperature", None),
)
_RAW = {
    "steps": ("steps", "{steps}"),
    "hr": ("heart-rate", "/min"),
    "distance": ("walking-distance", "m"),
    "calories-earned": ("active-energy", "kcal"),
    "spo2": ("oxygen-saturation", "%"),
}


class Withings(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        if head.is_json:
            return '"measuregrps"' in head.text or head.says("series", "startdate", "enddate")
        line = folded(head.first_line).replace('"', "")
        if line.startswith("start,duration,value"):
            return True
        if line.startswith("from,to,") and "light" in line:
            return True
        if head.name.startswith("aggregates_") and line.startswith("date,value"):
            return True
        return line.startswith("date,") and (
            "fat mass" in line or ("systolic" in line and "comments" in line and "heart rate" in line)
        )

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        if document.text.lstrip().startswith(("{", "[")):
            yield from _answer(document.json, into)
            return
        lines = document.lines()
        if not lines:
            return
        header = lines[0]
        taker = _taker(header, document.name)
        for row in table.rows(lines[1:], header):
            with into.record():
                taker(row, header, document.name, into)
            yield


def _answer(content: Any, into: Collector) -> Iterator[None]:
    body = content.get("body", content) if isinstance(content, dict) else {}
    zone = body.get("timezone")
    for group in body.get("measuregrps") or []:
        with into.record():
            _group(group, zone, into)
        yield
    for night in body.get("series") or []:
        with into.record():
            _night(night, zone, into)
        yield


def _group(group: dict[str, Any], zone: str | None, into: Collector) -> None:
    if group.get("category", 1) == 2:
        into.refuse(reasons.PLAN_NOT_READING, len(group["measures"]))
        return
    when = _epoch(group["date"], group.get("timezone") or zone, into)
    is_cuff = bool({measure.get("type") for measure in group["measures"]} & {9, 10})
    for measure in group["measures"]:
        known = _TYPES.get(measure["type"])
        if known is None:
            into.refuse(reasons.METRIC_NOT_SUPPORTED)
            continue
        kind = _KINDS.get(known[0], "cuff" if is_cuff else None)
        source = into.source(app="Withings", device=group.get("model") or "", maker="Withings", kind=kind)
        value = round(measure["value"] * 10.0 ** measure["unit"], 9)
        into.take(known[0], value, known[1], when, source)


def _night(night: dict[str, Any], zone: str | None, into: Collector) -> None:
    zone = night.get("timezone") or zone
    start, end = _epoch(night["startdate"], zone, into), _epoch(night["enddate"], zone, into)
    source = into.source(app="Withings", device=str(night.get("model") or ""), maker="Withings", kind="mat")
    if "state" in night:
        into.stage(_STATES[night["state"]], start, end, source)
        return
    data = night.get("data") or {}
    seconds = {stage: float(data.get(f"{name}sleepduration") or 0) for name, stage in _PARTS}
    _lay_out(seconds, start, end, source, into)
    if data.get("sleep_efficiency"):
        value = float(data["sleep_efficiency"])
        into.take("sleep-efficiency", value, "1" if value <= 1 else "%", end, source)
    for name, metric in (("hr_average", "heart-rate"), ("rr_average", "respiratory-rate")):
        if data.get(name):
            into.refuse(reasons.AGGREGATE)
            into.note(f"Averages of a night ({metric}) are not readings and were not taken.")


def _lay_out(
    seconds: dict[SleepStage, float],
    start: Moment | None,
    end: Moment | None,
    source: SourceIdentity,
    into: Collector,
) -> None:
    """Sums of a night as stretches, one after the other: the file does not say when each was; the sums hold."""
    into.note("The file gives sums of each night's stages: their order within the night is not known.")
    if start is None or end is None or not any(seconds.values()):
        into.stage(SleepStage.ASLEEP, start, end, source)
        return
    at = start.ms
    for stage, length in seconds.items():
        if length > 0:
            begin, at = start._replace(ms=at), at + int(length * 1000)
            into.stage(stage, begin, begin._replace(ms=at), source)
    if at < end.ms:
        into.stage(SleepStage.AWAKE, start._replace(ms=at), end, source)


def _epoch(seconds: Any, zone: str | None, into: Collector) -> Moment | None:
    clock = into.clock.in_zone(zone) if isinstance(zone, str) else into.clock
    return clock.instant(float(seconds) * 1000)


def _taker(header: list[str], name: str) -> Any:
    first = [folded(cell) for cell in header[:3]]
    if first[:2] == ["from", "to"]:
        return _sleep_row
    if first == ["start", "duration", "value"]:
        return _raw_row
    return _aggregate_row if name.startswith("aggregates_") else _measure_row


def _sleep_row(row: table.Row, header: list[str], _name: str, into: Collector) -> None:
    start, end = into.clock.read(row.get(header[0])), into.clock.read(row.get(header[1]))
    source = into.source(app="Withings", maker="Withings", kind="mat")
    seconds = {}
    for name, stage in _PARTS:
        column = table.column(header, rf"^{name} \(s\)")
        seconds[stage] = float(row.get(column or "") or 0)
    _lay_out(seconds, start, end, source, into)


def _raw_row(row: table.Row, header: list[str], name: str, into: Collector) -> None:
    """Lists of lengths and values from one start on: "[60,60]","[12,3]"."""
    start = into.clock.read(row.get(header[0]))
    kind = next((known for known in _RAW if name.startswith(f"raw_tracker_{known}")), None)
    if kind is None:
        into.refuse(reasons.METRIC_NOT_SUPPORTED)
        return
    metric, unit = _RAW[kind]
    source = into.source(app="Withings", device="Withings watch", maker="Withings", kind="watch")
    lengths, values = json.loads(row.get(header[1])), json.loads(row.get(header[2]))
    at = None if start is None else start.ms
    for seconds, value in zip(lengths, values, strict=True):
        begin = None if start is None or at is None else start._replace(ms=at)
        end = None if begin is None else begin._replace(ms=begin.ms + int(seconds * 1000))
        into.take(metric, value, unit, begin, source, end=None if metric in ("heart-rate",) else end)
        at = None if end is None else end.ms


def _aggregate_row(row: table.Row, header: list[str], name: str, into: Collector) -> None:
    kind = name.removeprefix("aggregates_").removesuffix(".csv").split("_")[0]
    if kind not in _RAW:
        into.refuse(reasons.METRIC_NOT_SUPPORTED)
        return
    metric, unit = _RAW[kind]
    start = into.clock.read(row.get(header[0]))
    next_day = None if start is None else start._replace(ms=start.ms + 86_400_000)
    source = into.source(app="Withings", device="Withings watch", maker="Withings", kind="watch")
    into.take(metric, row.get(header[1]), unit, start, source, end=next_day)


def _measure_row(row: table.Row, header: list[str], _name: str, into: Collector) -> None:
    when = into.clock.read(row.get(header[0]))
    is_cuff = table.column(header, r"^systolic") is not None
    source = into.source(app="Withings", maker="Withings", kind="cuff" if is_cuff else "scale")
    for pattern, metric, unit in _COLUMNS:
        column = table.column(header, pattern)
        if column and row.get(column):
            into.take(metric, row.get(column), unit or unit_of_column(column), when, source)
    weight, fat = table.column(header, r"^weight"), table.column(header, r"^fat mass")
    if weight and fat and row.get(weight) and row.get(fat):
        share = float(row.get(fat).replace(",", ".")) / float(row.get(weight).replace(",", ".")) * 100
        into.take("body-fat", share, "%", when, source)
