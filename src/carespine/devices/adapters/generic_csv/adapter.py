"""Reads tables of readings: by a mapping file, or by headings that name metric and unit without doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carespine.devices import reasons
from carespine.devices.adapters.generic_csv.guess import guessed
from carespine.devices.adapters.generic_csv.mapping import TableMapping
from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import DateOrder, Moment, date_order
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.samples import MINUTE_MS, SourceIdentity


class GenericCsv(DocumentAdapter):
    """The adapter of the contract; with a mapping it takes every table that has the mapping's headings."""

    package = __package__

    def __init__(self, mapping: TableMapping | None = None) -> None:
        super().__init__()
        self._mapping = mapping

    def fits(self, head: Head) -> bool:
        if head.is_json or head.text.lstrip().startswith("<"):
            return False
        if self._mapping is not None:
            lines = list(table.lines(head.text, self._mapping.separator))[: self._mapping.header_line]
            header = lines[-1] if lines else []
            return all(name in header for name in self._mapping.time)
        return any(guessed(cells) is not None for cells in list(table.lines(head.text[:16_000]))[:8])

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        chosen = self._mapping
        lines = document.lines(None if chosen is None else chosen.separator)
        place = 0 if chosen is None else chosen.header_line - 1
        if chosen is None:
            found = ((n, guessed(cells)) for n, cells in enumerate(lines[:8]))
            place, chosen = next(((n, made) for n, made in found if made is not None), (0, None))
        if chosen is None or place >= len(lines):
            return
        if chosen.comma is not None:
            into.comma = chosen.comma
        if chosen.zone is not None:
            into.clock = into.clock.in_zone(chosen.zone)
        rows = list(table.rows(lines[place + 1 :], lines[place]))
        order = chosen.order or date_order(row.get(chosen.time[0]) for row in rows)
        source = into.source(app=chosen.name, device=chosen.device, maker=chosen.maker, kind=chosen.kind)
        earlier: Moment | None = None
        for row in rows:
            with into.record():
                earlier = _row(row, chosen, order, source, into, earlier) or earlier
            yield


def _row(
    row: table.Row,
    chosen: TableMapping,
    order: DateOrder | None,
    source: SourceIdentity,
    into: Collector,
    earlier: Moment | None,
) -> Moment | None:
    start = _time(row, chosen.time, order, into, earlier)
    end = _time(row, chosen.end, order, into, None) if chosen.end else None
    if end is None and chosen.minutes is not None and start is not None:
        end = start._replace(ms=start.ms + int(chosen.minutes * MINUTE_MS))
    some = False
    for column in chosen.columns:
        text = row.get(column.heading)
        if text == "":
            continue
        some = True
        unit = column.unit if column.unit_heading is None else row.get(column.unit_heading) or None
        into.take(column.metric, text, unit, start, source, end=end)
    if not some:
        into.refuse(reasons.VALUE_MISSING)
    return start


def _time(
    row: table.Row, headings: Sequence[str], order: DateOrder | None, into: Collector, earlier: Moment | None
) -> Moment | None:
    text = " ".join(row.get(name) for name in headings).strip()
    return into.clock.read(text, order, after=earlier)
