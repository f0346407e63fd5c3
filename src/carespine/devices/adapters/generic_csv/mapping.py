"""The mapping file of a table of readings: which column is what, in TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carespine.devices.adapters.kit.clock import DateOrder
from carespine.devices.adapters.kit.numbers import Comma
from carespine.devices.adapters.kit.units import ucum
from carespine.devices.metrics import all_metrics
from carespine.kernel.errors import Invalid

_ORDERS: Mapping[str, DateOrder] = {"ymd": "ymd", "dmy": "dmy", "mdy": "mdy"}
_DECIMALS = {".": Comma.THOUSANDS, ",": Comma.DECIMAL}
_KNOWN = {
    "name", "device", "maker", "kind", "separator", "header_line", "time", "end", "minutes", "order", "decimal", "zone",
    "column",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, the metric, and its UCUM unit or the heading of a column that says the unit."""

    heading: str
    metric: str
    unit: str | None
    unit_heading: str | None


@dataclass(frozen=True, slots=True)
class TableMapping:
    """What a mapping file says. `time` are the headings that make up the start together."""

    name: str
    device: str
    maker: str
    kind: str | None
    separator: str | None
    header_line: int
    time: tuple[str, ...]
    end: tuple[str, ...]
    minutes: float | None
    order: DateOrder | None
    comma: Comma | None
    zone: str | None
    columns: tuple[Column, ...]


def load(text: str, name: str = "the mapping") -> TableMapping:
    """The mapping in a TOML text. Invalid, with the fault in words, where it is none."""
    try:
        rows = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{name} is not TOML: {error}.") from error
    unknown = sorted(rows.keys() - _KNOWN)
    if unknown:
        raise Invalid(f"{name} has a setting that is not known: {unknown[0]}.")
    columns = tuple(_column(row, name) for row in rows.get("column", ()))
    if not columns or not rows.get("time"):
        raise Invalid(f"{name} needs `time` (one heading or a list) and at least one [[column]].")
    return TableMapping(
        name=str(rows.get("name", "Table")),
        device=str(rows.get("device", "")),
        maker=str(rows.get("maker", "")),
        kind=rows.get("kind"),
        separator=rows.get("separator"),
        header_line=int(rows.get("header_line", 1)),
        time=_headings(rows["time"]),
        end=_headings(rows.get("end", ())),
        minutes=None if "minutes" not in rows else float(rows["minutes"]),
        order=_one_of(rows.get("order"), _ORDERS, name, "order"),
        comma=_one_of(rows.get("decimal"), _DECIMALS, name, "decimal"),
        zone=rows.get("zone"),
        columns=columns,
    )


def _column(row: Mapping[str, Any], name: str) -> Column:
    heading, key = str(row.get("heading", "")), str(row.get("metric", ""))
    if key not in all_metrics():
        raise Invalid(f"{name}: there is no metric {key!r}. docs/metrics.md lists them.")
    unit = row.get("unit")
    code = None if unit is None else _unit(key, str(unit))
    if unit is not None and code is None:
        raise Invalid(f"{name}: {key} is not measured in {unit!r}.")
    if not heading or (unit is None) == ("unit_heading" not in row):
        raise Invalid(f"{name}: a column needs `heading`, `metric`, and either `unit` or `unit_heading`.")
    return Column(heading, key, code, row.get("unit_heading"))


def _unit(key: str, text: str) -> str | None:
    metric = all_metrics()[key]
    for code in (text, ucum(text)):
        if code is not None and metric.unit_index(code) is not None:
            return code
    return None


def _headings(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def _one_of(value: Any, known: Mapping[str, Any], name: str, setting: str) -> Any:
    if value is None:
        return None
    if value not in known:
        raise Invalid(f"{name}: `{setting}` is one of {', '.join(known)}.")
    return known[value]
