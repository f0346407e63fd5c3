"""Draws the series of one result: lines and bars over days with their target band, and shares of the time."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from math import nan
from statistics import median
from typing import TYPE_CHECKING

from carespine.devices.models import Point, Result, Series, Target
from carespine.web.pages.charts import style
from carespine.web.pages.charts.panels import Panel, panels
from carespine.web.pages.charts.profile import draw_profile, is_profile
from carespine.web.pages.charts.shares import draw_shares, height_of_shares
from carespine.web.pages.charts.style import PANEL_HEIGHT, WIDTHS, Canvas, Width
from carespine.web.pages.formats import short_day

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_DATES: dict[Width, int] = {"wide": 7, "narrow": 3}
_KEY_LINE_HEIGHT = 22
_KEYS_OF_A_PROFILE = 4
_HALF_A_DAY = 0.5
# A bar of a week covers most of it.
_DAYS_OF_A_BAR: dict[str, float] = {"activity-weeks": 6.0}
_LONGEST_GAP_DAYS = 3
_FEW_POINTS = 15


def size(result: Result, width: Width) -> tuple[int, int]:
    """Width and height of the drawing in CSS pixels, so that a page keeps its place free."""
    return WIDTHS[width], sum(_height(panel, width) for panel in panels(result))


def draw(result: Result, width: Width) -> bytes:
    """All series of `result` as one SVG file of that size."""
    shown = panels(result)
    with Canvas(width, [_height(panel, width) for panel in shown]) as canvas:
        for axes, panel in zip(canvas.panels, shown, strict=True):
            if panel[0].kind == "share":
                draw_shares(axes, panel, width)
            elif is_profile(panel[0]):
                draw_profile(axes, panel, width)
            else:
                _draw_over_time(axes, panel, width)
        return canvas.svg()


def _height(panel: Panel, width: Width) -> int:
    if panel[0].kind == "share":
        return height_of_shares(len(panel), width)
    if is_profile(panel[0]):
        return PANEL_HEIGHT[width] + (_KEY_LINE_HEIGHT * _KEYS_OF_A_PROFILE if width == "narrow" else 0)
    keys = len(panel) + len({series.target.text for series in panel if series.target})
    return PANEL_HEIGHT[width] + (_KEY_LINE_HEIGHT * keys if width == "narrow" else 0)


def _draw_over_time(axes: Axes, panel: Panel, width: Width) -> None:
    for index, series in enumerate(panel):
        colour, marker = style.LINES[index % len(style.LINES)], style.MARKERS[index % len(style.MARKERS)]
        if series.kind == "bar":
            wide = _DAYS_OF_A_BAR.get(series.key, 0.8)
            axes.bar(_moments(series.points), _values(series), width=wide, color=colour, label=series.label)
        else:
            _draw_line(axes, series, colour, marker)
    _leave_room(axes, panel)
    for index, series in enumerate(panel):
        if series.target:
            _draw_target(axes, series.target, style.LINES[index % len(style.LINES)])
    axes.grid(axis="y", color=style.GRID)
    axes.set_ylabel(panel[0].unit_text)
    _mark_dates(axes, panel, width)
    if len(panel) > 1 or panel[0].target:
        columns = 1 if width == "narrow" else 2
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, borderaxespad=0.2)


def _values(series: Series) -> list[float]:
    return [point.value for point in series.points]


def _moments(points: tuple[Point, ...]) -> list[float]:
    """Where each point lies on the axis of time: its instant, or the middle of its day."""
    return [_as_number(point.day) + (_part_of_day(point) if point.at else _HALF_A_DAY) for point in points]


def _as_number(day: date) -> float:
    return float(day.toordinal())


def _part_of_day(point: Point) -> float:
    return (point.at.hour + point.at.minute / 60) / 24 if point.at else 0.0


def _draw_line(axes: Axes, series: Series, colour: str, marker: str) -> None:
    spread = tuple(point for point in series.points if point.low is not None and point.high is not None)
    if spread:
        lows, highs = [point.low or 0.0 for point in spread], [point.high or 0.0 for point in spread]
        axes.fill_between(_moments(spread), lows, highs, color=colour, alpha=0.18, linewidth=0)
    loose = series.kind == "points"
    moments, values = _moments(series.points), _values(series)
    if not loose:
        moments, values = _with_gaps(moments, values)
    axes.plot(
        moments,
        values,
        color=colour,
        marker=marker,
        markersize=5 if loose or len(moments) <= _FEW_POINTS else 3,
        linewidth=0 if loose else 2,
        label=series.label,
    )


def _with_gaps(moments: list[float], values: list[float]) -> tuple[list[float], list[float]]:
    """A line must not claim to know the days that nobody measured: it breaks where a gap is too long."""
    spaced: tuple[list[float], list[float]] = ([], [])
    longest = _longest_gap(moments)
    for index, (moment, value) in enumerate(zip(moments, values, strict=True)):
        if index and moment - moments[index - 1] > longest:
            spaced[0].append(moment)
            spaced[1].append(nan)
        spaced[0].append(moment)
        spaced[1].append(value)
    return spaced


def _longest_gap(moments: list[float]) -> float:
    """Three days, or three times the usual distance of what is measured more seldom than daily."""
    steps = [after - before for before, after in pairwise(moments)]
    return max(_LONGEST_GAP_DAYS, 3 * median(steps)) if steps else _LONGEST_GAP_DAYS


def _draw_target(axes: Axes, target: Target, colour: str) -> None:
    """A band between two ends is shaded; a single limit is a dashed line in the colour of what it limits."""
    words = f"Target: {target.text}"
    if target.low is not None and target.high is not None:
        axes.axhspan(target.low, target.high, color=style.BAND, linewidth=0, label=words, zorder=0)
        return
    limit = target.high if target.high is not None else target.low
    if limit is not None:
        axes.axhline(limit, color=colour, linestyle=(0, (5, 3)), linewidth=1.5, label=words)


def _mark_dates(axes: Axes, panel: Panel, width: Width) -> None:
    days = [point.day for series in panel for point in series.points]
    first, last = min(days).toordinal(), max(days).toordinal()
    step = max(1, -(-(last - first + 1) // _MOST_DATES[width]))
    shown = [date.fromordinal(number) for number in range(first, last + 1, step)]
    axes.set_xticks([_as_number(day) + _HALF_A_DAY for day in shown], [short_day(day) for day in shown])
    axes.set_xlim(first - _HALF_A_DAY / 2, last + 1 + _HALF_A_DAY / 2)


def _leave_room(axes: Axes, panel: Panel) -> None:
    """Bars begin at nothing; lines get a tenth of their height above and below, targets included."""
    if any(series.kind == "bar" for series in panel):
        axes.set_ylim(bottom=0)
        return
    ends = [
        end for series in panel for point in series.points for end in (point.value, point.low, point.high)
    ]
    ends += [end for series in panel if series.target for end in (series.target.low, series.target.high)]
    known = [end for end in ends if end is not None]
    margin = (max(known) - min(known) or 1) * 0.1
    axes.set_ylim(min(known) - margin, max(known) + margin)
