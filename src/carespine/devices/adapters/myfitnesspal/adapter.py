"""Reads MyFitnessPal's three tables: nutrition by day and meal, measurements, exercise. They know days, no times."""

from __future__ import annotations

import re
from collections.abc import Iterator

from carespine.devices import reasons
from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import DateOrder, Moment, date_order, parsed
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.adapters.kit.nutrients import columns, take_all, whole_day
from carespine.devices.adapters.kit.text import folded
from carespine.devices.adapters.kit.units import unit_of_column

_MEASURES = {
    "weight": "weight", "waist": "waist", "body fat": "body-fat", "steps": "steps", "height": "height",
}  # fmt: skip


class MyFitnessPal(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        line = folded(head.first_line).replace('"', "")
        if line.startswith("date,meal,") and ("calories" in line or "energy" in line or "kilojoules" in line):
            return True
        named = re.search(r"(measurement|exercise|nutrition)-summary", head.name, re.IGNORECASE)
        return bool(named) and line.startswith("date,")

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        lines = document.lines()
        if not lines:
            return
        header = lines[0]
        rows = list(table.rows(lines[1:], header))
        order = date_order(row.get(header[0]) for row in rows)
        kind = folded(header[1]) if len(header) > 1 else ""
        wanted = columns(header)
        # The nutrition table calls its energy Calories, and means kilocalories, or Kilojoules.
        wanted = {
            name: (metric, unit or ("kcal" if folded(name).startswith("calories") else None))
            for name, (metric, unit) in wanted.items()
        }
        for row in rows:
            with into.record():
                if kind == "meal" or "meal" in folded(",".join(header)):
                    source = into.source(app="MyFitnessPal", kind="diary")
                    take_all(row, wanted, whole_day(row.get(header[0]), into, order), source, into)
                elif "exercise" in kind or "exercise" in document.name.lower():
                    _exercise(row, header, into, whole_day(row.get(header[0]), into, order))
                else:
                    _measures(row, header, into, order)
            yield


def _exercise(
    row: table.Row, header: list[str], into: Collector, span: tuple[Moment | None, Moment | None]
) -> None:
    minutes = table.column(header, r"exercise minutes|^minutes")
    source = into.source(app="MyFitnessPal", kind="diary")
    if minutes and row.get(minutes):
        into.take("workout-minutes", row.get(minutes), "min", span[0], source, end=span[1])


def _measures(row: table.Row, header: list[str], into: Collector, order: DateOrder | None) -> None:
    found = parsed(row.get(header[0]), order)
    when = None if found is None else into.clock.day(found[0].date(), hour=12)
    source = into.source(app="MyFitnessPal", kind="diary")
    for name in header[1:]:
        metric = _MEASURES.get(re.sub(r"[(\[].*$", "", folded(name)).strip())
        if metric is None or not row.get(name):
            continue
        unit = unit_of_column(name) or {"steps": "{steps}", "body-fat": "%"}.get(metric)
        if unit is None:
            into.refuse(reasons.UNIT_UNKNOWN)
            into.note(
                f"{name} has no unit in its heading: write it as {name} (kg) or the like, or use a mapping."
            )
        else:
            end = whole_day(row.get(header[0]), into, order)[1] if metric == "steps" else None
            start = into.clock.day(found[0].date()) if found and metric == "steps" else when
            into.take(metric, row.get(name), unit, start, source, end=end)
