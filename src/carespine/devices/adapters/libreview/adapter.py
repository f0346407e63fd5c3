"""Reads LibreView's CSV: rows grouped by serial number and type, dates by the account's setting, no offset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from carespine.devices import reasons
from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import DateOrder, Moment, date_order
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.adapters.kit.text import folded
from carespine.devices.samples import SourceIdentity
from carespine.devices.words import counted

_GLUCOSE = re.compile(r"(mmol/l|mg/dl)")
# The words by which the columns of history, scan and strip are told apart, in the languages of LibreView.
_HISTORY = r"histor|verlauf|storico|histori"
_SCAN = r"scan|escan|scansione|numeris"
_STRIP = r"strip|teststreifen|bandelette|tira|striscia|teststrook|stick"
_KETONE = r"ketone|keton|cetone|cuerpos|corps"
_LOW, _HIGH = {"lo", "low"}, {"hi", "high"}
# FreeStyle Libre measures 40 to 500 mg/dL and writes LO and HI beyond.
_BELOW, _ABOVE = 39.0, 501.0
_TYPES = {"0": "history", "1": "scan", "2": "strip", "3": "ketone", "4": "insulin", "5": "food", "6": "note"}


class LibreView(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        return any(_is_header(line) for line in head.text[:6_000].splitlines()[:5])

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        lines = document.lines()
        place = next((n for n, cells in enumerate(lines[:10]) if _is_header(",".join(cells))), None)
        if place is not None:
            yield from _Rows(lines[place], into).read(lines[place + 1 :])


def _is_header(line: str) -> bool:
    plain = folded(line)
    return bool(re.search(_HISTORY, plain) and re.search(_SCAN, plain) and _GLUCOSE.search(plain))


class _Rows:
    def __init__(self, header: Sequence[str], into: Collector) -> None:
        self.header, self.into = header, into
        self.device, self.serial, self.time, self.kind = (
            header[n] if n < len(header) else "" for n in range(4)
        )
        self.history = table.column(header, rf"(?=.*({_HISTORY}))(?=.*(mmol|mg/dl))")
        self.scan = table.column(header, rf"(?=.*({_SCAN}))(?=.*(mmol|mg/dl))")
        self.strip = table.column(header, rf"(?=.*({_STRIP}))(?=.*(mmol|mg/dl))")
        self.ketone = table.column(header, _KETONE)
        self.rapid = table.column(
            header, r"^rapid.*(unit|einheit)", r"^(schnell|insuline rapide|insulina de accion rap).*\("
        )
        self.long = table.column(
            header, r"^long.*(value|unit)", r"^(depot|verzogerung|insuline lente|langwirk).*\("
        )
        self.carbs = table.column(header, r"\((grams?|gramm|grammes|gramos|grammi|g)\)")
        self.marked = 0

    def read(self, lines: Sequence[Sequence[str]]) -> Iterator[None]:
        rows = list(table.rows(lines, self.header))
        order = date_order(row.get(self.time) for row in rows)
        if order is None and rows:
            order = _closest_together([row.get(self.time) for row in rows])
        earlier: dict[tuple[str, str], Moment] = {}
        for row in rows:
            with self.into.record():
                self._row(row, order, earlier)
            yield
        if self.marked:
            self.into.note(
                f"Written as LO or HI: {counted(self.marked, 'reading')}, kept as 39 and 501 mg/dL."
            )

    def _row(self, row: table.Row, order: DateOrder | None, earlier: dict[tuple[str, str], Moment]) -> None:
        kind = _TYPES.get(row.get(self.kind))
        lane = row.get(self.serial), row.get(self.kind)
        when = self.into.clock.read(row.get(self.time), order, after=earlier.get(lane))
        if when is not None:
            earlier[lane] = when
        if kind == "history":
            self._glucose("glucose-cgm", row, self.history, when, self._source(row, "sensor"))
        elif kind == "scan":
            # A scan repeats what the sensor knows: it serves where the history has a gap.
            self._glucose("glucose-cgm", row, self.scan, when, self._source(row, "scan"))
        elif kind == "strip":
            self._glucose("glucose-meter", row, self.strip, when, self._source(row, "meter"))
        elif kind == "ketone":
            unit = "mmol/L" if self.ketone and "mmol" in folded(self.ketone) else "unknown"
            self.into.take("ketones", row.get(self.ketone or ""), unit, when, self._source(row, "meter"))
        elif kind == "insulin":
            for name in (self.rapid, self.long):
                if name and row.get(name):
                    self.into.take("insulin", row.get(name), "[iU]", when, self._source(row, "sensor"))
        elif kind == "food" and self.carbs and row.get(self.carbs):
            self.into.take("carbohydrate", row.get(self.carbs), "g", when, self._source(row, "diary"))
        else:
            self.into.refuse(reasons.METRIC_NOT_SUPPORTED if kind else reasons.RECORD_UNREADABLE)

    def _glucose(
        self, metric: str, row: table.Row, name: str | None, when: Moment | None, source: SourceIdentity
    ) -> None:
        if name is None:
            self.into.refuse(reasons.VALUE_MISSING)
            return
        text = row.get(name)
        word = folded(text)
        if word in _LOW | _HIGH:
            amount = _BELOW if word in _LOW else _ABOVE
            self.marked += self.into.take(metric, amount, "mg/dL", when, source)
            return
        self.into.take(metric, text, "mmol/L" if "mmol" in folded(name) else "mg/dL", when, source)

    def _source(self, row: table.Row, kind: str) -> SourceIdentity:
        device = row.get(self.device) or "FreeStyle Libre"
        named = f"{device}, scans" if kind == "scan" else device
        return self.into.source(
            app="LibreView", device=named, maker="Abbott", model=row.get(self.serial), kind=kind
        )


def _closest_together(texts: Sequence[str]) -> DateOrder | None:
    """Of two possible orders, the one by which the sensor's days follow one another; None where both do.

    A sensor reports every day. Dates of one month read the wrong way round lie a month apart from each other.
    """
    pairs = {
        (int(f[1]), int(f[2])) for f in (re.match(r"(\d{1,2})[-/.](\d{1,2})", text) for text in texts) if f
    }
    if len(pairs) < 3:
        return None
    firsts, seconds = {first for first, _ in pairs}, {second for _, second in pairs}
    if len(firsts) > 2 * len(seconds):
        return "dmy"
    return "mdy" if len(seconds) > 2 * len(firsts) else None
