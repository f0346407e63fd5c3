"""Google Fit's daily activity metrics: one CSV of all days, or one CSV a day in quarters of an hour."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import Moment, parsed
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, Head
from carespine.devices.adapters.kit.text import folded

_COLUMNS = {
    "step count": ("steps", "{steps}"),
    "calories (kcal)": ("total-energy", "kcal"),
    "distance (m)": ("walking-distance", "m"),
    "average weight (kg)": ("weight", "kg"),
    "move minutes count": ("exercise-minutes", "min"),
}
_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv$")


def fits_daily(head: Head) -> bool:
    """Whether the table has the columns of daily activity."""
    columns = {folded(cell) for cell in head.first_line.split(",")}
    return bool(columns & {"date", "start time"}) and len(columns & {*_COLUMNS, "heart points"}) >= 2


def read_daily(document: Document, into: Collector) -> Iterator[None]:
    """Each row: a day, or a quarter of an hour of the day that the file's name says."""
    lines = document.lines(",")
    if not lines:
        return
    header = [folded(cell) for cell in lines[0]]
    dated = _DATED.search(document.name)
    for row in table.rows(lines[1:], header):
        with into.record():
            start, end = _span(row, None if dated is None else dated[1], into)
            source = into.source(app="Google Fit", kind="phone")
            for column, (metric, unit) in _COLUMNS.items():
                if row.get(column):
                    is_point = metric == "weight"
                    into.take(metric, row.get(column), unit, start, source, end=None if is_point else end)
        yield


def _span(row: table.Row, day: str | None, into: Collector) -> tuple[Moment | None, Moment | None]:
    if row.get("date"):
        found = parsed(row.get("date"))
        if found is None:
            return None, None
        return into.clock.day(found[0].date()), into.clock.day(found[0].date() + timedelta(days=1))
    if day is None:
        return None, None
    start, end = (into.clock.read(f"{day}T{row.get(name)}") for name in ("start time", "end time"))
    if start is not None and end is not None and end.ms < start.ms:
        end = end._replace(ms=start.ms + 15 * 60_000)
    return start, end
