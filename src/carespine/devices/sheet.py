"""The summary on one printed page: each protocol in plain words with its figures, and the glucose profile."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from carespine.devices.models import SAFETY_NOTICE, Result, Series
from carespine.devices.naming import as_date
from carespine.devices.preview import Preview
from carespine.devices.rules import glucose

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A4 in inches.
_WIDTH, _HEIGHT = 8.27, 11.69
_LEFT, _TOP, _BOTTOM, _LINE = 0.08, 0.95, 0.05, 0.0145
_CHART_HEIGHT = 0.2
_COLUMNS = 112
_INK, _BAND, _FAR, _NEAR = "#212b32", "#cfe8d5", "#c8d7e6", "#7fa6cc"
_, _LOWEST, _HIGHEST, _ = glucose.LIMITS["mmol/L"]


def write(report: Preview, path: Path) -> None:
    """Write the page as PDF. What does not fit on it is said to be missing, never shrunk beyond reading."""
    figure = Figure(figsize=(_WIDTH, _HEIGHT))
    FigureCanvasPdf(figure)
    lines = _lines(report)
    middle, most = _profile(report.results)
    room = int((_TOP - _BOTTOM - (_CHART_HEIGHT + 0.05 if middle else 0)) / _LINE)
    if len(lines) > room:
        lines = [*lines[: room - 1], ("… more than fits on this page: see the full report.", False)]
    at = _TOP
    for text, bold in lines:
        figure.text(
            _LEFT,
            at,
            text,
            fontsize=8.5,
            color=_INK,
            weight="bold" if bold else "normal",
            va="top",
            parse_math=False,
        )
        at -= _LINE
    if middle is not None and most is not None:
        axes = figure.add_axes((_LEFT + 0.03, _BOTTOM + 0.02, 0.84, _CHART_HEIGHT))
        _draw(axes, middle, most)
    figure.savefig(
        path, format="pdf", metadata={"Title": "Readings from personal devices", "CreationDate": report.now}
    )


def _lines(report: Preview) -> list[tuple[str, bool]]:
    period = ""
    if report.first_day is not None and report.last_day is not None:
        period = f", {as_date(report.first_day):%d %B %Y} to {as_date(report.last_day):%d %B %Y}"
    lines = [(f"Readings from personal devices{period}", True), (SAFETY_NOTICE, False), ("", False)]
    shown = [result for result in report.results if result.state in ("ready", "not-enough")]
    for result in sorted(shown, key=lambda result: result.urgent is None):
        lines.append((result.plain_title, True))
        sentences = [result.urgent] if result.urgent else []
        for sentence in (*sentences, result.plain):
            lines += [(line, False) for line in textwrap.wrap(sentence, _COLUMNS)]
        numbers = "; ".join(f"{one.label} {one.text} {one.unit_text}" for one in result.figures)
        lines += [(line, False) for line in textwrap.wrap(numbers, _COLUMNS)]
        lines.append(("", False))
    if not shown:
        lines.append(("There are no readings that a protocol could use.", False))
    if report.not_shared:
        lines.append((f"Not shared: {', '.join(sorted(report.not_shared))}.", False))
    return lines


def _profile(results: Sequence[Result]) -> tuple[Series | None, Series | None]:
    series = {one.key: one for result in results for one in result.series}
    return series.get("agp-middle"), series.get("agp-most")


def _draw(axes: Axes, middle: Series, most: Series) -> None:
    """The ambulatory profile: the range in green, nine tenths and the middle half around the median."""
    hours = [point.at.hour for point in middle.points if point.at is not None]
    axes.axhspan(_LOWEST, _HIGHEST, color=_BAND, zorder=0)
    for series, colour in ((most, _FAR), (middle, _NEAR)):
        low = [point.low if point.low is not None else point.value for point in series.points]
        high = [point.high if point.high is not None else point.value for point in series.points]
        axes.fill_between(hours, low, high, color=colour, linewidth=0)
    axes.plot(hours, [point.value for point in middle.points], color=_INK, linewidth=1.6)
    axes.set_xlim(0, 23)
    axes.set_ylim(bottom=0)
    axes.set_xticks(range(0, 24, 3), [f"{hour:02d}:00" for hour in range(0, 24, 3)], fontsize=7)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_title(
        "Glucose by the hour, mmol/L: median, middle half, nine tenths; the range in green",
        fontsize=8,
        loc="left",
    )
