"""Reads Open mHealth and IEEE 1752.1 data points, alone, in arrays, in NDJSON, or as bare bodies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from carespine.devices import reasons
from carespine.devices.adapters.kit.clock import Moment
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.adapters.open_mhealth.schemas import (
    Frame,
    SchemaError,
    amount,
    check_words,
    frame,
    hour_of,
)
from carespine.devices.metrics import SleepStage
from carespine.devices.samples import HOUR_MS, SourceIdentity

# body key -> metric, and the schema's units in UCUM
_RATE = {"beats/min": "/min"}
_MASS = {"kg": "kg", "g": "g", "lb": "[lb_av]"}
_LENGTH = {"cm": "cm", "m": "m", "in": "[in_i]", "ft": "[ft_i]"}
_TIME = {"min": "min", "h": "h", "sec": "s"}
_BODIES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "heart_rate": ("heart-rate", _RATE),
    "blood_glucose": ("glucose-meter", {"mg/dL": "mg/dL", "mmol/L": "mmol/L"}),
    "body_weight": ("weight", _MASS),
    "body_height": ("height", _LENGTH),
    "body_mass_index": ("bmi", {"kg/m2": "kg/m2"}),
    "body_fat_percentage": ("body-fat", {"%": "%"}),
    "body_temperature": ("body-temperature", {"C": "Cel", "F": "[degF]"}),
    "respiratory_rate": ("respiratory-rate", {"breaths/min": "/min"}),
    "oxygen_saturation": ("oxygen-saturation", {"%": "%"}),
    "minutes_moderate_activity": ("moderate-minutes", _TIME),
    "sleep_duration": ("sleep", _TIME),
    "total_sleep_time": ("sleep", _TIME),
    "kcal_burned": ("active-energy", {"kcal": "kcal", "kJ": "kJ"}),
    "calories_burned": ("active-energy", {"kcal": "kcal", "kJ": "kJ"}),
    "heart_rate_variability_rmssd": ("hrv-rmssd", {"ms": "ms"}),
    "waist_circumference": ("waist", _LENGTH),
}
_PRESSURES = ("systolic_blood_pressure", "diastolic_blood_pressure")
_KEYS = (*_BODIES, "step_count", "steps", *_PRESSURES, "sleep_episode", "physical_activity")
# Properties that only the blood pressure schemas from version 3 on have.
_NEWER = {"temporal_relationship_to_physical_activity", "measurement_location"}


class OpenMHealth(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        if not head.is_json:
            return False
        if head.says("header", "body") and ("schema_id" in head.text or "effective_time_frame" in head.text):
            return True
        known = any(f'"{key}"' in head.text for key in _KEYS)
        return known and ('"effective_time_frame"' in head.text or _is_bare(head.text))

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        for point in _points(document, into):
            with into.record():
                _point(point, into)
            yield


def _is_bare(text: str) -> bool:
    """A short object whose first key is that of a body: a point without its time."""
    start = text.lstrip("[ \t\r\n{")
    return len(text) < 4_000 and any(start.startswith(f'"{key}"') for key in _KEYS)


def _points(document: Document, into: Collector) -> list[Any]:
    text = document.text.strip()
    if text.startswith("{") and "\n{" in text:
        points = []
        for line in filter(str.strip, text.splitlines()):
            try:
                points.append(json.loads(line))
            except (ValueError, RecursionError):
                into.refuse(reasons.RECORD_UNREADABLE)
        return points
    content = document.json
    return content if isinstance(content, list) else [] if content is None else [content]


def _point(point: dict[str, Any], into: Collector) -> None:
    header = point.get("header") or {}
    body = point.get("body", point)
    schema = str((header.get("schema_id") or {}).get("name", ""))
    try:
        check_words(body)
        strict = bool(_NEWER & body.keys()) or (header.get("schema_id") or {}).get("namespace") == "ieee"
        when = frame(body, strict=strict)
        _body(body, when, schema, _source(header, body, into), into)
    except SchemaError as broken:
        into.note(f"Refused by its schema: {broken}.")
        into.refuse(reasons.SCHEMA_BROKEN)


def _body(body: dict[str, Any], when: Frame, schema: str, source: SourceIdentity, into: Collector) -> None:
    readings = _readings(body, when)
    if not readings:
        into.refuse(reasons.METRIC_NOT_SUPPORTED if len(body) else reasons.SCHEMA_BROKEN)
        return
    start, end = _moments(when, into)
    for metric, value, unit in readings:
        if start is None:
            into.refuse(reasons.TIME_MISSING)
        elif metric == "sleep":
            seconds = value * {"min": 60, "h": 3600, "s": 1}[unit]
            upto = end if end is not None else start._replace(ms=start.ms + int(seconds * 1000))
            into.stage(SleepStage.ASLEEP, start, upto, source)
        else:
            into.take(metric, value, unit, start, source, end=end)


def _readings(body: dict[str, Any], when: Frame) -> list[tuple[str, float, str]]:
    found = [
        (metric, *amount(body[key], units, name=key))
        for key, (metric, units) in _BODIES.items()
        if key in body
    ]
    for key in _PRESSURES:
        if key in body:
            metric = f"blood-pressure-{key.split('_')[0]}"
            found.append((metric, *amount(body[key], {"mmHg": "mm[Hg]"}, name=key)))
    if _PRESSURES[0] in body and _PRESSURES[1] not in body:
        raise SchemaError("a blood pressure has two numbers")
    steps = body.get("step_count", body.get("steps"))
    if steps is not None:
        found.append(("steps", *_steps(steps, when)))
    return found


def _steps(value: Any, when: Frame) -> tuple[float, str]:
    """A bare number up to version 2 of the schema, a value with the unit `steps` from version 3."""
    if when.start is not None and not when.is_interval:
        raise SchemaError("steps are counted over an interval")
    if isinstance(value, dict):
        return amount(value, {"steps": "{steps}"}, name="step_count")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SchemaError("step_count has no number")
    return float(value), "{steps}"


def _moments(when: Frame, into: Collector) -> tuple[Moment | None, Moment | None]:
    if when.part_of_day is not None and when.start is not None:
        begin = into.clock.day(date.fromisoformat(when.start), hour=hour_of(when.part_of_day))
        return begin, begin._replace(ms=begin.ms + 6 * HOUR_MS)
    start, end = into.clock.read(when.start), into.clock.read(when.end)
    length = None if when.seconds is None else int(when.seconds * 1000)
    if start is not None and length is not None:
        end = start._replace(ms=start.ms + length)
    elif start is None and end is not None and length is not None:
        start = end._replace(ms=end.ms - length)
    return start, end


def _source(header: dict[str, Any], body: dict[str, Any], into: Collector) -> SourceIdentity:
    provenance = header.get("acquisition_provenance") or {}
    name = provenance.get("source_name") or "Open mHealth"
    # A minimum or an average of a period is kept and explained, but counts for no day.
    kind = "statistic" if body.get("descriptive_statistic") else None
    if kind is None and str(header.get("modality", provenance.get("modality", ""))) == "self-reported":
        kind = "diary"
    return into.source(app=name, device=body.get("descriptive_statistic") or "", kind=kind)
