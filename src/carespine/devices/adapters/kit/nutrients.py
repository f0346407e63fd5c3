"""The nutrients of a food diary by their column headings, and meals on local days. The unit stands in the heading."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import DateOrder, Moment, parsed
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.text import folded
from carespine.devices.adapters.kit.units import unit_of_column
from carespine.devices.samples import SourceIdentity

# pattern of a folded heading -> metric; more particular patterns stand first
_NAMES: tuple[tuple[str, str], ...] = (
    (r"^(energy|calories|kilocalories|kcal|kj|kilojoules|energie|brennwert)\b", "dietary-energy"),
    (r"^(saturated( fat)?s?|saturates|of which saturates|sat fat|gesattigte)\b", "saturates"),
    (r"^mono-?unsaturated", "monounsaturates"),
    (r"^poly-?unsaturated", "polyunsaturates"),
    (r"^(free sugars?|added sugars?)\b", "free-sugars"),
    (r"^(sugars?|of which sugars|zucker)\b", "sugars"),
    (r"^(fat|fats|total fat|fett)\b", "fat"),
    (r"^(carbohydrates?|carbs|total carbs|kohlenhydrate)\b", "carbohydrate"),
    (r"^(fib(er|re)|dietary fib(er|re)|ballaststoffe)\b", "fibre"),
    (r"^(protein|eiweiss)\b", "protein"),
    (r"^sodium\b", "sodium"),
    (r"^(salt|salz)\b", "salt"),
    (r"^caffeine\b", "caffeine"),
    (r"^(alcohol|ethanol)\b", "alcohol"),
    (r"^(water|fluid)\b", "water"),
    (r"^(portions? of )?fruit( and|\s*&)? veg", "fruit-and-vegetables"),
)
# Where a heading has no unit: what every nutrition label means by it. Salt, sodium and energy have no such default.
_DEFAULTS = {
    "saturates": "g", "monounsaturates": "g", "polyunsaturates": "g", "free-sugars": "g", "sugars": "g", "fat": "g",
    "carbohydrate": "g", "fibre": "g", "protein": "g", "fruit-and-vegetables": "{portion}",
}  # fmt: skip
_SALT = {"g": "g{salt}", "mg": "mg{salt}"}


def columns(
    header: Sequence[str], defaults: Mapping[str, str] = _DEFAULTS
) -> dict[str, tuple[str, str | None]]:
    """heading -> metric and UCUM unit; a unit that cannot be told is None, and its readings are refused."""
    found: dict[str, tuple[str, str | None]] = {}
    taken: set[str] = set()
    for name in header:
        plain = re.sub(r"[(\[].*$", "", folded(name)).strip()
        metric = next((metric for pattern, metric in _NAMES if re.search(pattern, plain)), None)
        if metric is None or metric in taken:
            continue
        taken.add(metric)
        unit = unit_of_column(name) or _named_unit(plain) or defaults.get(metric)
        if metric == "salt":
            metric, unit = "sodium", _SALT.get(unit or "")
        if metric == "water" and unit == "g":
            unit = "mL"  # a gram of water is a millilitre
        found[name] = metric, unit
    return found


def take_all(
    row: table.Row,
    wanted: Mapping[str, tuple[str, str | None]],
    span: tuple[Moment | None, Moment | None],
    source: SourceIdentity,
    into: Collector,
) -> None:
    """Every nutrient that a line has."""
    for name, (metric, unit) in wanted.items():
        text = row.get(name)
        # CoFID and others write Tr for a trace; N is present but unknown, which is no zero.
        if text in ("", "-", "--", "N", "n/a", "N/A"):
            continue
        into.take(metric, "0" if text == "Tr" else text, unit, span[0], source, end=span[1])


def whole_day(text: str, into: Collector, order: DateOrder | None) -> tuple[Moment | None, Moment | None]:
    """The local day that a diary names: midnight to midnight."""
    found = parsed(text, order)
    if found is None:
        return None, None
    day = found[0].date()
    return into.clock.day(day), into.clock.day(day + timedelta(days=1))


def _named_unit(plain: str) -> str | None:
    words = {"kilocalories": "kcal", "kcal": "kcal", "kj": "kJ", "kilojoules": "kJ"}
    return next((unit for word, unit in words.items() if word in plain.split()), None)
