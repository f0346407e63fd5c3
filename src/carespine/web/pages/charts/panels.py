"""What a result's chart is made of: its series in panels, and the shares that its figures add up to."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from carespine.devices.models import Figure, Point, Result, Series, Target
from carespine.devices.rules import glucose
from carespine.web.pages.charts.profile import is_profile

Panel = tuple[Series, ...]

_MINUTES_IN_AN_HOUR = 60
_, _LOWEST, _HIGHEST, _ = glucose.LIMITS["mmol/L"]
_GLUCOSE_RANGE = Target(_LOWEST, _HIGHEST, f"{_LOWEST} to {_HIGHEST} mmol/L", glucose.RULE)
# The figures that together are all of the time, from the lowest band to the highest.
_SHARES = {
    "glucose-cgm": ("cgm-very-low", "cgm-low", "cgm-in-range", "cgm-high", "cgm-very-high"),
}


def panels(result: Result) -> list[Panel]:
    """Series with one unit and one way of drawing share a panel; what has no points is left out."""
    shown = [*_shares(result), *(_as_drawn(series) for series in result.series if series.points)]
    return [tuple(group) for _, group in groupby(shown, key=_drawn_as)]


def _drawn_as(series: Series) -> tuple[str, bool, bool]:
    return series.unit, series.kind == "share", is_profile(series)


def has_chart(result: Result) -> bool:
    """Whether there is anything to draw."""
    return bool(panels(result))


def _as_drawn(series: Series) -> Series:
    """Long times are drawn in hours; glucose is drawn against the range that its shares are counted by."""
    if (series.key == "glucose-cgm" or is_profile(series)) and series.target is None:
        return replace(series, target=_GLUCOSE_RANGE)
    if series.unit == "min" and max(point.value for point in series.points) >= _MINUTES_IN_AN_HOUR:
        return replace(series, unit="h", unit_text="hours", points=tuple(map(_in_hours, series.points)))
    return series


def _in_hours(point: Point) -> Point:
    low, high = point.low, point.high
    return replace(
        point,
        value=point.value / _MINUTES_IN_AN_HOUR,
        low=None if low is None else low / _MINUTES_IN_AN_HOUR,
        high=None if high is None else high / _MINUTES_IN_AN_HOUR,
    )


def _shares(result: Result) -> list[Series]:
    keys = _SHARES.get(result.key, ())
    found = {figure.key: figure for figure in result.figures if figure.value is not None}
    if not keys or not all(key in found for key in keys):
        return []
    day = max((point.day for series in result.series for point in series.points), default=None)
    return [] if day is None else [_share(found[key], Point(day, found[key].value or 0.0)) for key in keys]


def _share(figure: Figure, point: Point) -> Series:
    return Series(figure.key, figure.label, figure.unit, figure.unit_text, "share", (point,))
