"""A chart in words: the alternative text of the picture, and the table of its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from carespine.devices.models import Point, Result, Series
from carespine.web.pages.formats import clock, day, short_day, tidy_number


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers of a chart: column heads, then rows of cells, in the order of time."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def alt_text(result: Result) -> str:
    """What the picture shows, in two or three sentences: what, when, from where to where."""
    shown = [series for series in result.series if series.points]
    if not shown:
        return f"{result.title}: no readings to draw."
    parts = [_sentence(series) for series in shown]
    return (
        f"Chart of {result.title.lower()}. "
        + " ".join(parts)
        + " The numbers are in the table below the chart."
    )


def _sentence(series: Series) -> str:
    values = [point.value for point in series.points]
    unit = f" {series.unit_text}" if series.unit_text else ""
    if series.kind == "share":
        return f"{series.label}: {tidy_number(values[-1])}{unit}."
    first, last = series.points[0].day, series.points[-1].day
    return (
        f"{series.label} from {short_day(first)} to {short_day(last)}: "
        f"lowest {tidy_number(min(values))}, highest {tidy_number(max(values))}, "
        f"last {tidy_number(values[-1])}{unit}.{_target(series)}"
    )


def _target(series: Series) -> str:
    return f" Target: {series.target.text}." if series.target else ""


def table(result: Result) -> Table:
    """All points of the chart, one row for each moment, one column for each line."""
    shown = tuple(series for series in result.series if series.points)
    if shown and all(series.kind == "share" for series in shown):
        shares = tuple((series.label, _cell(series.points[-1], series)) for series in shown)
        return Table(("Band", "Share of the time"), shares)
    moments = sorted({_when(point) for series in shown for point in series.points})
    found = {(series.key, _when(point)): point for series in shown for point in series.points}
    heads = tuple(
        f"{series.label} ({series.unit_text})" if series.unit_text else series.label for series in shown
    )
    rows = tuple(
        (words, *(_cell(found.get((series.key, (sort, words))), series) for series in shown))
        for sort, words in moments
    )
    return Table(("When", *heads), rows)


def _when(point: Point) -> tuple[str, str]:
    """A key that sorts by time, and the words for it."""
    if point.at is None:
        return point.day.isoformat(), day(point.day)
    return point.at.astimezone(UTC).isoformat(), f"{day(point.day)}, {clock(point.at)}"


def _cell(point: Point | None, series: Series) -> str:
    if point is None:
        return "no reading"
    spread = ""
    if point.low is not None and point.high is not None:
        spread = f" ({tidy_number(point.low)} to {tidy_number(point.high)})"
    unit = series.unit_text if series.kind == "share" else ""
    return f"{tidy_number(point.value)}{unit}{spread}"
