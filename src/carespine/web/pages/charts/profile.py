"""The ambulatory profile: one day made of fourteen, hour by hour, as bands of percentiles around the median."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from carespine.devices.models import Point, Series
from carespine.web.pages.charts import style
from carespine.web.pages.charts.style import Width
from carespine.web.pages.formats import tidy_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MIDDLE, MOST = "agp-middle", "agp-most"
HEAD = ("Hour", "5 % lie below", "25 % lie below", "Median", "75 % lie below", "95 % lie below")
_HOURS = 24
_EVERY: dict[Width, int] = {"wide": 3, "narrow": 6}
# From light to dark; the outer band is hatched too, since shade alone must not carry the meaning.
_FAR, _NEAR = "#c8d7e6", "#7fa6cc"


def is_profile(series: Series) -> bool:
    return series.key in (MIDDLE, MOST)


def draw_profile(axes: Axes, panel: tuple[Series, ...], width: Width) -> None:
    """Nine tenths of the readings, their middle half, the median, and the range they should lie in."""
    for series in sorted(panel, key=lambda one: one.key, reverse=True):
        low, high = _by_hour(series, "low"), _by_hour(series, "high")
        far = series.key == MOST
        axes.fill_between(
            range(_HOURS),
            low,
            high,
            color=_FAR if far else _NEAR,
            hatch="//" if far else None,
            edgecolor="white" if far else None,
            linewidth=0,
            label="9 of 10 readings" if far else "Half of the readings",
        )
    axes.plot(
        range(_HOURS), _by_hour(panel[0], "value"), color=style.DARK_BLUE, linewidth=2.5, label="Median", marker="o",
        markersize=3,
    )  # fmt: skip
    target = panel[0].target
    if target is not None and target.low is not None and target.high is not None:
        axes.axhspan(
            target.low, target.high, color=style.BAND, linewidth=0, zorder=0, label=f"Target: {target.text}"
        )
        for limit in (target.low, target.high):
            axes.axhline(limit, color=style.GREEN, linestyle=(0, (5, 3)), linewidth=1.5)
    axes.set_ylabel(panel[0].unit_text)
    axes.set_xlim(0, _HOURS - 1)
    axes.set_ylim(bottom=0)
    hours = range(0, _HOURS, _EVERY[width])
    axes.set_xticks(list(hours), [f"{hour:02d}:00" for hour in hours])
    axes.grid(axis="y", color=style.GRID)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=1 if width == "narrow" else 2,
        frameon=False,
        borderaxespad=0.2,
    )


def sentence(panel: tuple[Series, ...]) -> str:
    """The lowest and the highest hour of the median, and how far nine tenths of the readings reach."""
    points = _hours(panel[0])
    lowest = min(points.values(), key=lambda point: point.value)
    highest = max(points.values(), key=lambda point: point.value)
    most = next((series for series in panel if series.key == MOST), panel[0])
    ends = [end for point in most.points for end in (point.low, point.high) if end is not None]
    unit = panel[0].unit_text
    reach = (
        f" Nine of ten readings lie between {tidy_number(min(ends))} and {tidy_number(max(ends))} {unit}."
        if ends
        else ""
    )
    return (
        f"Glucose by the hour of the day: the median is lowest at {_clock(lowest)} ({tidy_number(lowest.value)}) and "
        f"highest at {_clock(highest)} ({tidy_number(highest.value)} {unit}).{reach}"
    )


def rows(panel: tuple[Series, ...]) -> tuple[tuple[str, ...], ...]:
    """One row for each hour with readings: the five percentiles."""
    by_key = {series.key: _hours(series) for series in panel}
    middle, most = by_key.get(MIDDLE, {}), by_key.get(MOST, {})
    return tuple(
        (f"{hour:02d}:00", *(_cell(value) for value in _five(middle.get(hour), most.get(hour))))
        for hour in sorted(middle.keys() | most.keys())
    )


def _five(middle: Point | None, most: Point | None) -> tuple[float | None, ...]:
    median = middle or most
    return (
        most.low if most else None,
        middle.low if middle else None,
        median.value if median else None,
        middle.high if middle else None,
        most.high if most else None,
    )


def _cell(value: float | None) -> str:
    return "–" if value is None else tidy_number(round(value, 1))


def _hours(series: Series) -> dict[int, Point]:
    return {point.at.hour: point for point in series.points if point.at is not None}


def _by_hour(series: Series, name: str) -> list[float]:
    """The numbers of 24 hours; an hour without readings breaks the line."""
    points = _hours(series)
    found = [getattr(points[hour], name, None) if hour in points else None for hour in range(_HOURS)]
    return [nan if value is None else float(value) for value in found]


def _clock(point: Point) -> str:
    return f"{point.at.hour:02d}:00" if point.at is not None else ""
