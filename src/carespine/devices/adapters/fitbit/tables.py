"""Fitbit's CSV files: oxygen, variability, breathing, and the newer Google files (timestamp, value, data source)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from carespine.devices import reasons
from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import Moment
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, Head
from carespine.devices.adapters.kit.text import folded
from carespine.devices.samples import MINUTE_MS

# column (folded) -> metric, unit, minutes that a row stands for (0: an instant), whether it is a day's value
_COLUMNS: dict[str, tuple[str, str, int, bool]] = {
    "beats per minute": ("heart-rate", "/min", 0, False),
    "steps": ("steps", "{steps}", 1, False),
    "distance": ("walking-distance", "m", 1, False),
    "calories": ("total-energy", "kcal", 1, False),
    "floors": ("flights-climbed", "{flight}", 1, False),
    "weight grams": ("weight", "g", 0, False),
    "body fat percentage": ("body-fat", "%", 0, False),
    "height millimeters": ("height", "mm", 0, False),
    "oxygen saturation percentage": ("oxygen-saturation", "%", 0, False),
    "root mean square of successive differences milliseconds": ("hrv-rmssd", "ms", 0, False),
    "average heart rate variability milliseconds": ("hrv-rmssd", "ms", 0, True),
    "standard deviation milliseconds": ("hrv-sdnn", "ms", 0, False),
    "breaths per minute": ("respiratory-rate", "/min", 0, False),
    "beats per minute resting": ("resting-heart-rate", "/min", 0, True),
    "rmssd": ("hrv-rmssd", "ms", 0, False),
    "average_value": ("oxygen-saturation", "%", 0, True),
    "daily_respiratory_rate": ("respiratory-rate", "/min", 0, True),
    "full_sleep_breathing_rate": ("respiratory-rate", "/min", 0, True),
    "resting_heart_rate": ("resting-heart-rate", "/min", 0, True),
    "vo2 max": ("vo2max", "mL/min/kg{body_wt}", 0, True),
}
_SPO2_NAME = re.compile(r"spo2|oxygen", re.IGNORECASE)
_RESTING_NAME = re.compile(r"resting", re.IGNORECASE)
_FITBIT_NAME = re.compile(
    r"(minute spo2|daily spo2|heart rate variability|daily respiratory|respiratory rate summary|computed temperature)",
    re.IGNORECASE,
)


def fits(head: Head) -> bool:
    """Whether the table begins with `timestamp` and a column of Fitbit's."""
    columns = [folded(cell) for cell in head.first_line.split(",")]
    if columns[:1] != ["timestamp"] or len(columns) > 12:
        return False
    known = any(column in _COLUMNS for column in columns[1:])
    named = bool(_FITBIT_NAME.search(head.name) or _SPO2_NAME.search(head.name))
    return (known and ("data source" in columns or named or "fitbit" in head.path.casefold())) or (
        named and "value" in columns
    )


def read(document: Document, into: Collector) -> Iterator[None]:
    """Each row: its known columns as readings, a row without any as not supported."""
    lines = document.lines(",")
    if not lines:
        return
    header = [folded(cell) for cell in lines[0]]
    wanted = {column: _COLUMNS[column] for column in header if column in _COLUMNS}
    if "value" in header and _SPO2_NAME.search(document.name):
        wanted["value"] = ("oxygen-saturation", "%", 0, False)
    if "beats per minute" in wanted and _RESTING_NAME.search(document.name):
        wanted["beats per minute"] = ("resting-heart-rate", "/min", 0, True)
    for row in table.rows(lines[1:], header):
        with into.record():
            _row(row, wanted, into)
        yield


def _row(row: table.Row, wanted: dict[str, tuple[str, str, int, bool]], into: Collector) -> None:
    when = into.clock.read(row.get("timestamp"), "mdy")
    source = into.source(
        app="Fitbit",
        device=row.get("data source") or "Fitbit",
        maker="Fitbit",
        kind=None if row.get("data source") else "watch",
    )
    for column, (metric, unit, minutes, _of_day) in wanted.items():
        text = row.get(column)
        if not text:
            continue
        # Readings of a night in which no pulse was found are written as 50 or 100 exactly, or as 0.
        if metric in ("hrv-rmssd", "respiratory-rate", "oxygen-saturation") and text in (
            "0",
            "0.0",
            "-1",
            "-1.0",
        ):
            into.refuse(reasons.NO_VALUE_MARK)
            continue
        into.take(metric, text, unit, when, source, end=_end(when, minutes))


def _end(when: Moment | None, minutes: int) -> Moment | None:
    return None if when is None or not minutes else when._replace(ms=when.ms + minutes * MINUTE_MS)
