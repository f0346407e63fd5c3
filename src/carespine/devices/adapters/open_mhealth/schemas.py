"""The rules of the Open mHealth and IEEE 1752.1 schemas, as far as they decide whether a point is sound."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_STATISTICS = {
    "average", "count", "maximum", "median", "minimum", "standard deviation", "sum", "variance",
    "20th percentile", "80th percentile", "lower quartile", "upper quartile", "quartile deviation", "1st quintile",
    "2nd quintile", "3rd quintile", "4th quintile",
}  # fmt: skip
_ENUMS: Mapping[str, set[str]] = {
    "descriptive_statistic": _STATISTICS,
    "descriptive_statistic_denominator": {"d", "h", "min", "s", "wk", "Mo", "yr", "session", "episode", "ms"},
    "temporal_relationship_to_meal": {
        "fasting", "not fasting", "before meal", "after meal", "before breakfast", "after breakfast",
        "before lunch", "after lunch", "before dinner", "after dinner", "2 hours postprandial", "with meal",
        "with food",
    },
    "temporal_relationship_to_sleep": {"before sleeping", "during sleep", "on waking"},
    "temporal_relationship_to_physical_activity": {
        "at rest", "active", "before exercise", "after exercise", "during exercise",
    },
    "blood_specimen_type": {"whole blood", "capillary blood", "plasma", "serum", "tear", "venous blood"},
    "specimen_source": {
        "interstitial fluid", "capillary blood", "plasma", "serum", "tears", "whole blood", "venous blood",
    },
    "body_posture": {"sitting", "lying down", "standing", "semi-recumbent"},
    "position_during_measurement": {"sitting", "lying down", "standing", "semi-recumbent"},
    "measurement_location": {
        "left ankle", "right ankle", "left hip", "right hip", "left thigh", "right thigh", "left toe", "right toe",
        "left wrist", "right wrist", "left upper arm", "right upper arm", "left finger", "right finger", "left ear",
        "right ear", "forehead", "oral", "rectal", "tympanic", "axillary", "bilateral", "left arm", "right arm",
    },
}  # fmt: skip
# IEEE 1752.1 and the omh schemas that follow it know no date with a part of day for these.
_PARTS = {"morning": 6, "afternoon": 12, "evening": 18, "night": 0}
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "sec": 1,
    "s": 1,
    "min": 60,
    "h": 3600,
    "d": 86400,
    "wk": 604800,
}
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})")


class SchemaError(ValueError):
    """What of the schema does not hold, in words."""


@dataclass(frozen=True, slots=True)
class Frame:
    """When a point holds: the texts of start and end, or the seconds between; both None where it has no time."""

    start: str | None
    end: str | None = None
    seconds: float | None = None
    part_of_day: str | None = None

    @property
    def is_interval(self) -> bool:
        return self.end is not None or self.seconds is not None or self.part_of_day is not None


def amount(value: Any, units: Mapping[str, str], *, name: str) -> tuple[float, str]:
    """The number and the UCUM unit of a unit value; SchemaError where it is none."""
    if not isinstance(value, dict):
        raise SchemaError(f"{name} is no value with a unit")
    number, unit = value.get("value"), value.get("unit")
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise SchemaError(f"{name} has no number")
    if unit not in units:
        raise SchemaError(f"{name} has a unit outside the schema")
    return float(number), units[str(unit)]


def check_words(body: Mapping[str, Any]) -> None:
    """Every word that a schema enumerates is one of its list."""
    for name, allowed in _ENUMS.items():
        if name in body and body[name] not in allowed:
            raise SchemaError(f"{name} is outside the list of the schema")
    flow = body.get("supplemental_oxygen_flow_rate")
    if flow is not None:
        amount(flow, {"L/min": "L/min"}, name="supplemental_oxygen_flow_rate")


def frame(body: Mapping[str, Any], *, strict: bool) -> Frame:
    """The effective time frame. `strict` refuses a date with a part of day, as the newer schemas do."""
    found = body.get("effective_time_frame")
    if found is None:
        return Frame(None)
    if not isinstance(found, dict):
        raise SchemaError("effective_time_frame is no object")
    if ("date_time" in found) == ("time_interval" in found):
        raise SchemaError("effective_time_frame needs date_time or time_interval")
    if "date_time" in found:
        return Frame(_time(found["date_time"]))
    return _interval(found["time_interval"], strict=strict)


def _interval(found: Any, *, strict: bool) -> Frame:
    if not isinstance(found, dict):
        raise SchemaError("time_interval is no object")
    start, end = found.get("start_date_time"), found.get("end_date_time")
    if start is not None and end is not None:
        first, last = _time(start), _time(end)
        return Frame(first, last)
    if "duration" in found and (start is not None or end is not None):
        length, unit = amount(found["duration"], {name: name for name in _SECONDS}, name="duration")
        seconds = length * _SECONDS[unit]
        return Frame(_time(start), None, seconds) if start is not None else Frame(None, _time(end), seconds)
    if "date" in found and "part_of_day" in found and not strict:
        if found["part_of_day"] not in _PARTS:
            raise SchemaError("part_of_day is outside the list of the schema")
        return Frame(str(found["date"]), part_of_day=found["part_of_day"])
    raise SchemaError("time_interval needs start and end, or one of them and a duration")


def _time(text: Any) -> str:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise SchemaError("a date_time is not RFC 3339")
    try:
        datetime.fromisoformat(text.upper().replace("Z", "+00:00"))
    except ValueError as error:
        raise SchemaError("a date_time names no moment") from error
    return text


def hour_of(part_of_day: str) -> int:
    """The hour at which a part of day begins."""
    return _PARTS[part_of_day]
