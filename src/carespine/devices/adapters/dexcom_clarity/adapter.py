"""Reads Dexcom Clarity's CSV: rows of events, local times, the words Low and High, in several languages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from carespine.devices import reasons
from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import Moment
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.adapters.kit.text import folded
from carespine.devices.samples import SourceIdentity
from carespine.devices.words import counted

_STAMP = r"\((yyyy|jjjj|aaaa|rrrr|vvvv)"
_CALIBRATION = re.compile(r"^(calib|kalib)")
_INSULIN = re.compile(r"insulin")
_CARBS = re.compile(r"^(carb|kohlen|gluci|koolh|kolh|hidrat|karbo)")
_EGV = re.compile(r"^(egv|estimated|sensor)")
_LOW = {"low", "niedrig", "bas", "bajo", "basso", "laag", "lag", "lav", "baixo"}
_HIGH = {"high", "hoch", "haut", "alto", "hoog", "hog", "hoj", "hoy", "eleve"}
# Dexcom's API gives 39 and 401 mg/dL where the app shows Low and High; 1 mmol/L = 18.0156 mg/dL.
_MARKS_MG = {"low": 39.0, "high": 401.0}


class DexcomClarity(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        start = folded(head.text[:4_000])
        return bool(re.search(_STAMP, start)) and ("mmol/l" in start or "mg/dl" in start)

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        lines = document.lines()
        place = next((n for n, cells in enumerate(lines) if re.search(_STAMP, folded(" ".join(cells)))), None)
        if place is None:
            return
        yield from _Events(lines[place], into).read(lines[place + 1 :])


class _Events:
    """The rows under one header."""

    def __init__(self, header: Sequence[str], into: Collector) -> None:
        self.header, self.into = header, into
        at = next(n for n, name in enumerate(header) if re.search(_STAMP, folded(name)))
        self.time = header[at]
        self.kind = header[at + 1] if at + 1 < len(header) else None
        self.subtype = header[at + 2] if at + 2 < len(header) else None
        self.device = table.column(
            header, r"device info", r"gerateinfo", r"appareil|dispositiv|apparaat|enhed"
        )
        self.device_id = table.column(header, r"source device", r"quell", r"id")
        self.glucose = table.column(header, r"mmol/l\)?$", r"mg/dl\)?$", r"(glucose|glukose|glyc).*(mmol|mg)")
        self.insulin = table.column(header, r"insulin")
        self.carbs = table.column(header, r"carb|kohlen|gluci|koolh|hidrat")
        self.unit = "mmol/L" if self.glucose and "mmol" in folded(self.glucose) else "mg/dL"
        self.marked: Counter[str] = Counter()
        self.settings = 0

    def read(self, lines: Sequence[Sequence[str]]) -> Iterator[None]:
        earlier: dict[str, Moment] = {}
        for row in table.rows(lines, self.header):
            if not row.get(self.time):
                # Names, devices and alerts stand in rows without a time.
                self.settings += 1
                continue
            with self.into.record():
                self._event(row, earlier)
            yield
        for word, count in self.marked.items():
            self.into.note(
                f"{counted(count, 'reading')} written as {word}: kept as {_MARKS_MG[word]:g} mg/dL, Dexcom's mark."
            )
        if self.settings:
            self.into.note(
                f"Without a time: {counted(self.settings, 'line')}, which hold names and settings, no readings."
            )

    def _event(self, row: table.Row, earlier: dict[str, Moment]) -> None:
        kind = folded(row.get(self.kind or ""))
        source = self._source(row)
        when = self.into.clock.read(row.get(self.time), "ymd", after=earlier.get(source.label))
        if when is not None and _EGV.search(kind):
            earlier[source.label] = when
        if self.carbs and _CARBS.search(kind):
            self.into.take("carbohydrate", row.get(self.carbs), "g", when, source)
        elif self.insulin and _INSULIN.search(kind):
            self.into.take("insulin", row.get(self.insulin), "[iU]", when, source)
        elif self.glucose and (row.get(self.glucose) or _EGV.search(kind)):
            metric = "glucose-meter" if _CALIBRATION.search(kind) else "glucose-cgm"
            self._glucose(metric, row.get(self.glucose), when, source)
        else:
            self.into.refuse(reasons.METRIC_NOT_SUPPORTED)

    def _glucose(self, metric: str, text: str, when: Moment | None, source: SourceIdentity) -> None:
        word = "low" if folded(text) in _LOW else "high" if folded(text) in _HIGH else None
        if word is None:
            self.into.take(metric, text, self.unit, when, source)
        elif self.into.take(metric, _MARKS_MG[word], "mg/dL", when, source):
            self.marked[word] += 1

    def _source(self, row: table.Row) -> SourceIdentity:
        device = row.get(self.device or "") or "Dexcom sensor"
        return self.into.source(
            app="Dexcom Clarity",
            device=device,
            maker="Dexcom",
            model=row.get(self.device_id or ""),
            kind="sensor",
        )
