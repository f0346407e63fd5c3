"""A chart in words: the alternative text of the picture, and the tables of its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from carespine.devices.models import Point, Result, Series
from carespine.web.pages.charts import profile
from carespine.web.pages.charts.panels import Panel, panels
from carespine.web.pages.charts.profile import is_profile
from carespine.web.pages.formats import day, short_day, tidy_number, wall_clock


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers of one panel: column heads, then rows of cells, in the order of time."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def alt_text(result: Result) -> str:
    """What the picture shows, in two or three sentences: what, when, from where to where."""
    shown = panels(result)
    if not shown:
        return f"{result.title}: no readings to draw."
    sentences = " ".join(sentence for panel in shown for sentence in _sentences(panel))
    return f"Chart of {result.title.lower()}. {sentences} The numbers are in the table below the chart."


def _sentences(panel: Panel) -> list[str]:
    return [profile.sentence(panel)] if is_profile(panel[0]) else [_sentence(series) for series in panel]


def _sentence(series: Series) -> str:
    values = [point.value for point in series.points]
    if series.kind == "share":
        return f"{series.label}: {_with_unit(values[-1], series)}."
    first, last = series.points[0].day, series.points[-1].day
    target = f" Target: {series.target.text}." if series.target else ""
    return (
        f"{series.label} from {short_day(first)} to {short_day(last)}: lowest {tidy_number(min(values))}, "
        f"highest {tidy_number(max(values))}, last {_with_unit(values[-1], series)}.{target}"
    )


def _with_unit(value: float, series: Series) -> str:
    return f"{tidy_number(value)} {series.unit_text}".strip()


def tables(result: Result) -> list[Table]:
    """All points of the chart: a table for each panel, a row for each moment, a column for each line."""
    return [_table(panel) for panel in panels(result)]


def _table(panel: Panel) -> Table:
    if is_profile(panel[0]):
        return Table(profile.HEAD, profile.rows(panel))
    return _shares(panel) if panel[0].kind == "share" else _over_time(panel)


def _shares(panel: Panel) -> Table:
    rows = tuple((series.label, _with_unit(series.points[-1].value, series)) for series in panel)
    return Table(("Band", "Share of the time"), rows)


def _over_time(panel: Panel) -> Table:
    moments = sorted({_when(point) for series in panel for point in series.points})
    found = {(series.key, _when(point)): point for series in panel for point in series.points}
    heads = tuple(
        f"{series.label} ({series.unit_text})" if series.unit_text else series.label for series in panel
    )
    rows = tuple(
        (words, *(_cell(found.get((series.key, (sort, words)))) for series in panel))
        for sort, words in moments
    )
    return Table(("When", *heads), rows)


def _when(point: Point) -> tuple[str, str]:
    """A key that sorts by time, and the words for it: the clock on the wall where the reading was taken."""
    if point.at is None:
        return point.day.isoformat(), day(point.day)
    return point.at.astimezone(UTC).isoformat(), f"{day(point.day)}, {wall_clock(point.at)}"


def _cell(point: Point | None) -> str:
    if point is None:
        return "no reading"
    if point.low is None or point.high is None:
        return tidy_number(point.value)
    return f"{tidy_number(point.value)} ({tidy_number(point.low)} to {tidy_number(point.high)})"
