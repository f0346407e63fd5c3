"""Headings that say metric and unit without doubt, as cuffs, scales and meters write their own tables."""

from __future__ import annotations

import re
from collections.abc import Sequence

from carespine.devices.adapters.generic_csv.mapping import Column, TableMapping
from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.text import folded
from carespine.devices.adapters.kit.units import unit_of_column
from carespine.devices.metrics import metric

_STAMP = (
    r"^(date ?[/&]? ?time|datetime|timestamp|measured at|measurement (date|time)|time ?stamp|zeitpunkt"
    r"|datum ?/ ?zeit|date and time|when)"
)
_DATE = r"^(date|datum|day|data|fecha|measurement date|tag)\b"
_TIME = r"^(time|uhrzeit|zeit|heure|hora|ora)\b"
# pattern of a heading without its unit -> metric, the unit that it can only have (None: the heading must say it)
_HEADINGS: tuple[tuple[str, str, str | None], ...] = (
    (r"^(sys|systol\w*)( blood pressure| bp)?$", "blood-pressure-systolic", "mm[Hg]"),
    (r"^(dia|diastol\w*)( blood pressure| bp)?$", "blood-pressure-diastolic", "mm[Hg]"),
    (r"^(pulse|puls|pulse rate|heart ?rate|hr|herzfrequenz|pouls|pulsfrequenz)$", "heart-rate", "/min"),
    (r"^(resting (heart rate|hr|pulse)|ruhepuls)$", "resting-heart-rate", "/min"),
    (r"^(weight|body ?weight|gewicht|poids|peso)$", "weight", None),
    (r"^(spo2|oxygen saturation|blood oxygen|o2 sat)$", "oxygen-saturation", "%"),
    (r"^((blood )?glucose|glucose (value|level|reading)|blood sugar|blutzucker|bg)$", "glucose-meter", None),
    (r"^(sensor glucose|cgm)( \w+)?$", "glucose-cgm", None),
    (r"^(body )?temperature|temp$", "body-temperature", None),
    (r"^(peak ?flow|pef|peak expiratory flow)$", "peak-flow", "L/min"),
    (r"^fev1$", "fev1", "L"),
    (r"^fvc$", "fvc", "L"),
    (r"^(steps|step count|schritte|pas)$", "steps", "{steps}"),
    (r"^(body )?fat( percentage| %)?$", "body-fat", "%"),
    (r"^bmi$", "bmi", "kg/m2"),
    (r"^height$", "height", None),
    (r"^waist( circumference)?$", "waist", None),
    (r"^(resp(iratory|iration) rate|breathing rate)$", "respiratory-rate", "/min"),
    (r"^(hrv|rmssd)( rmssd)?$", "hrv-rmssd", "ms"),
)
_KINDS = {
    "blood-pressure-systolic": "cuff",
    "weight": "scale",
    "glucose-meter": "meter",
    "oxygen-saturation": "oximeter",
    "peak-flow": "spirometer",
    "fev1": "spirometer",
    "glucose-cgm": "sensor",
}
_UNIT_HEADING = r"^(unit|units|einheit)$"


def guessed(header: Sequence[str]) -> TableMapping | None:
    """The mapping that the headings themselves make; None where they leave a doubt."""
    stamp = table.column(header, _STAMP)
    day, time = table.column(header, _DATE), table.column(header, _TIME)
    moment = (stamp,) if stamp else tuple(name for name in (day, time) if name)
    columns = tuple(column for column in (_column(name, header) for name in header) if column is not None)
    if not moment or not columns or (not stamp and not day):
        return None
    keys = {column.metric for column in columns}
    kind = next((kind for key, kind in _KINDS.items() if key in keys), None)
    # Steps in a table with days alone are the day's total.
    minutes = 1440.0 if keys == {"steps"} and not stamp and not time else None
    return TableMapping(
        "Table of readings", "", "", kind, None, 1, moment, (), minutes, None, None, None, columns
    )


def _column(name: str, header: Sequence[str]) -> Column | None:
    plain = re.sub(r"[(\[].*$", "", folded(name)).strip(" :")
    plain = re.sub(r"\s(mmol/l|mg/dl|kg|lbs?|bpm|%|mmhg|cm|l/min|°c|°f)$", "", plain).strip()
    for pattern, key, only in _HEADINGS:
        if re.search(pattern, plain) is None:
            continue
        stated = unit_of_column(name)
        if stated is not None:
            return Column(name, key, stated, None) if metric(key).unit_index(stated) is not None else None
        beside = table.column(header, _UNIT_HEADING)
        if only is not None:
            return Column(name, key, only, None)
        return None if beside is None else Column(name, key, None, beside)
    return None
