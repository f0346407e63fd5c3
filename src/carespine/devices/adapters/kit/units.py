"""Units as files spell them, in UCUM. A spelling that means two things stands in no table."""

from __future__ import annotations

import re

from carespine.devices.adapters.kit.text import folded

SPELLINGS = {
    "bpm": "/min", "count/min": "/min", "beats/min": "/min", "beats/minute": "/min", "/min": "/min",
    "breaths/min": "/min", "breaths/minute": "/min", "brpm": "/min", "rpm": "/min", "beats per minute": "/min",
    "breaths per minute": "/min", "{beats}/min": "/min", "{breaths}/min": "/min", "1/min": "/min",
    "ms": "ms", "msec": "ms", "milliseconds": "ms",
    "m": "m", "meter": "m", "meters": "m", "metre": "m", "metres": "m", "km": "km", "kilometers": "km",
    "kilometres": "km", "mi": "[mi_i]", "mile": "[mi_i]", "miles": "[mi_i]", "[mi_i]": "[mi_i]", "cm": "cm",
    "mm": "mm", "in": "[in_i]", "inch": "[in_i]", "inches": "[in_i]", "[in_i]": "[in_i]", "ft": "[ft_i]",
    "feet": "[ft_i]", "[ft_i]": "[ft_i]", "yd": "[yd_i]",
    "kcal": "kcal", "kcals": "kcal", "cal": "kcal", "cals": "kcal", "calories": "kcal",
    "kilocalories": "kcal", "kj": "kJ", "kilojoules": "kJ", "j": "J",
    "min": "min", "mins": "min", "minute": "min", "minutes": "min", "h": "h", "hr": "h", "hrs": "h",
    "hour": "h", "hours": "h", "s": "s", "sec": "s", "secs": "s", "seconds": "s",
    "mmhg": "mm[Hg]", "mm[hg]": "mm[Hg]", "mm hg": "mm[Hg]", "kpa": "kPa",
    "mmol/l": "mmol/L", "mmol": "mmol/L", "mg/dl": "mg/dL", "mg/dl.": "mg/dL", "mgdl": "mg/dL",
    "mg%": "mg/dL",
    "kg": "kg", "kgs": "kg", "kilogram": "kg", "kilograms": "kg", "g": "g", "gram": "g", "grams": "g",
    "mg": "mg", "milligrams": "mg", "ug": "ug", "mcg": "ug", "\u03bcg": "ug", "lb": "[lb_av]",
    "lbs": "[lb_av]", "pound": "[lb_av]", "pounds": "[lb_av]", "[lb_av]": "[lb_av]", "st": "[stone_av]",
    "stone": "[stone_av]", "stones": "[stone_av]", "[stone_av]": "[stone_av]", "oz": "[oz_av]",
    "[oz_av]": "[oz_av]",
    "\u00b0c": "Cel", "degc": "Cel", "c": "Cel", "cel": "Cel", "celsius": "Cel", "deg c": "Cel",
    "\u00b0f": "[degF]", "degf": "[degF]", "f": "[degF]", "[degf]": "[degF]", "fahrenheit": "[degF]",
    "deg f": "[degF]",
    "%": "%", "percent": "%", "pct": "%", "fraction": "1", "ratio": "1",
    "ml/min/kg": "mL/min/kg{body_wt}", "ml/kg/min": "mL/min/kg{body_wt}",
    "ml/(kg*min)": "mL/min/kg{body_wt}", "ml/(kg\u00b7min)": "mL/min/kg{body_wt}",
    "ml/min*kg": "mL/min/kg{body_wt}", "ml/min\u00b7kg": "mL/min/kg{body_wt}",
    "ml/min/kg{body_wt}": "mL/min/kg{body_wt}",
    "l": "L", "liter": "L", "litre": "L", "liters": "L", "litres": "L", "ml": "mL", "milliliters": "mL",
    "millilitres": "mL", "cl": "cL", "l/min": "L/min", "fl oz": "[foz_us]", "fl_oz": "[foz_us]",
    "kg/m2": "kg/m2", "kg/m^2": "kg/m2", "kg/m\u00b2": "kg/m2", "u": "[iU]", "units": "[iU]", "iu": "[iU]",
    "[iu]": "[iU]", "unit": "[iU]", "db": "dB[SPL]{A}", "dba": "dB[SPL]{A}", "dbaspl": "dB[SPL]{A}",
}  # fmt: skip
_BRACKETED = re.compile(r"[(\[]([^()\[\]]*(?:\[[^\]]*\])?[^()\[\]]*)[)\]]\s*$")
_TRAILING = re.compile(
    r"\s(mmol/L|mg/dL|kg|lbs?|bpm|%|kcal|kJ|mmHg|ms|cm|km|mi|m|g|mg|ml|L|steps)\s*$", re.IGNORECASE
)


def ucum(text: str) -> str | None:
    """The UCUM code of a unit as a file spells it; None where the spelling is not known."""
    key = folded(text)
    return SPELLINGS.get(key)


def unit_of_column(header: str) -> str | None:
    """The unit in a column's name: "Weight (kg)", "Historic Glucose mmol/L"."""
    found = _BRACKETED.search(header) or _TRAILING.search(header)
    return None if found is None else ucum(found[1])
