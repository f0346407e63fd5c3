"""Reads a food diary as a table: a date, perhaps a time or a meal, a food, and nutrients whose headings name units."""

from __future__ import annotations

from collections.abc import Iterator

from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import DateOrder, Moment, date_order
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.adapters.kit.nutrients import columns, take_all, whole_day

_FOOD = r"^(food|item|description|name|lebensmittel|product)\b"
_DATE = r"^(date|day|datum|tag)\b"
_TIME = r"^(time|uhrzeit|zeit)\b"


class FoodDiary(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        header = next(table.lines(head.text[:8_000]), [])
        if table.column(header, _DATE) is None or head.is_json:
            return False
        found = columns(header)
        eaten = table.column(header, _FOOD, r"^meal", r"^(portion|amount|quantity)") is not None
        return len(found) >= 3 or (eaten and bool(found))

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        lines = document.lines()
        if not lines:
            return
        header = lines[0]
        day, time = table.column(header, _DATE), table.column(header, _TIME)
        wanted, rows = columns(header), list(table.rows(lines[1:], header))
        order = date_order(row.get(day or "") for row in rows)
        source = into.source(app="Food diary", device=document.name, kind="diary")
        for row in rows:
            with into.record():
                take_all(row, wanted, _span(row, day or "", time, into, order), source, into)
            yield


def _span(
    row: table.Row, day: str, time: str | None, into: Collector, order: DateOrder | None
) -> tuple[Moment | None, Moment | None]:
    if time and row.get(time):
        when = into.clock.read(f"{row.get(day)} {row.get(time)}", order)
        return when, when
    return whole_day(row.get(day), into, order)
