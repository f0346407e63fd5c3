"""Reads Cronometer's tables: servings with their times, daily sums, biometrics that name their unit, exercises."""

from __future__ import annotations

from collections.abc import Iterator

from carespine.devices import reasons
from carespine.devices.adapters.kit import table
from carespine.devices.adapters.kit.clock import DateOrder, Moment, date_order
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, DocumentAdapter, Head
from carespine.devices.adapters.kit.nutrients import columns, take_all, whole_day
from carespine.devices.adapters.kit.text import folded
from carespine.devices.samples import SourceIdentity

_BIOMETRICS = {
    "weight": "weight", "height": "height", "body fat": "body-fat", "heart rate": "heart-rate",
    "resting heart rate": "resting-heart-rate", "blood glucose": "glucose-meter", "ketones": "ketones",
    "body temperature": "body-temperature", "waist size": "waist", "oxygen saturation": "oxygen-saturation",
    "heart rate variability": "hrv-rmssd", "sleep": "sleep", "respiration rate": "respiratory-rate",
}  # fmt: skip
_COUNTED = {"heart rate": "/min", "resting heart rate": "/min"}


class Cronometer(DocumentAdapter):
    """The adapter of the contract."""

    package = __package__

    def fits(self, head: Head) -> bool:
        line = folded(head.first_line).replace('"', "")
        servings = line.startswith("day,") and "food name" in line
        biometrics = line.startswith("day,") and ",metric,unit,amount" in line
        daily = (
            line.startswith("date,")
            and "energy (kcal)" in line
            and ("completed" in line or "net carbs" in line)
        )
        exercises = line.startswith("day,") and "exercise" in line and "minutes" in line
        return servings or biometrics or daily or exercises

    def read(self, document: Document, into: Collector) -> Iterator[None]:
        lines = document.lines()
        if not lines:
            return
        header = lines[0]
        wanted = columns(header)
        rows = list(table.rows(lines[1:], header))
        order = date_order(row.get(header[0]) for row in rows)
        time = table.column(header, r"^time$")
        source = into.source(app="Cronometer", kind="diary")
        names = {folded(name): name for name in header}
        for row in rows:
            with into.record():
                span = _span(row, header[0], time, into, order)
                if "metric" in names and "amount" in names:
                    _biometric(row, names, span[0], into)
                elif "exercise" in names and "minutes" in names:
                    into.take(
                        "workout-minutes", row.get(names["minutes"]), "min", span[0], source, end=span[1]
                    )
                else:
                    _nutrition(row, wanted, span, source, into)
            yield


def _nutrition(
    row: table.Row,
    wanted: dict[str, tuple[str, str | None]],
    span: tuple[Moment | None, Moment | None],
    source: SourceIdentity,
    into: Collector,
) -> None:
    take_all(row, wanted, span, source, into)


def _span(
    row: table.Row, day: str, time: str | None, into: Collector, order: DateOrder | None
) -> tuple[Moment | None, Moment | None]:
    """The time of a serving where it has one, else its local day."""
    if time and row.get(time):
        when = into.clock.read(f"{row.get(day)} {row.get(time)}", order)
        return when, when
    return whole_day(row.get(day), into, order)


def _biometric(row: table.Row, names: dict[str, str], when: Moment | None, into: Collector) -> None:
    kind, unit = folded(row.get(names["metric"])), row.get(names["unit"])
    text = row.get(names["amount"])
    source = into.source(app="Cronometer", device="biometrics", kind="phone")
    noon = None if when is None else when._replace(ms=when.ms)
    if kind.startswith("blood pressure"):
        upper, _, lower = text.partition("/")
        into.take("blood-pressure-systolic", upper, "mm[Hg]", noon, source)
        into.take("blood-pressure-diastolic", lower, "mm[Hg]", noon, source)
        return
    metric = next((metric for word, metric in _BIOMETRICS.items() if kind.startswith(word)), None)
    if metric is None or metric == "sleep":
        into.refuse(reasons.METRIC_NOT_SUPPORTED)
        return
    into.take(metric, text, unit or _COUNTED.get(kind), noon, source)
