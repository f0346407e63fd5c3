"""Draws shares of the time, such as glucose time in range, as one stacked bar with a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carespine.devices.models import Series
from carespine.web.pages.charts import style
from carespine.web.pages.charts.style import Width
from carespine.web.pages.formats import tidy_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAR_HEIGHT, _KEY_LINE_HEIGHT = 64, 24
# From lowest to highest band. Each has its own hatching, since colour alone must not carry the meaning.
_BAND_STYLES = {
    "cgm-very-low": ("#7c0a1e", "xx"),
    "cgm-low": ("#d5281b", "//"),
    "cgm-in-range": (style.GREEN, ""),
    "cgm-high": ("#ffb81c", "\\\\"),
    "cgm-very-high": ("#c15c00", ".."),
}
_OTHER_STYLES = (
    (style.DARK_BLUE, ""),
    (style.BLUE, "//"),
    ("#768692", "\\\\"),
    (style.PINK, ".."),
    (style.PURPLE, "xx"),
)
_LABEL_FROM_PERCENT = 8


def height_of_shares(parts: int, width: Width) -> int:
    """How high the bar and its key are together, in CSS pixels."""
    lines = parts if width == "narrow" else (parts + 1) // 2
    return _BAR_HEIGHT + _KEY_LINE_HEIGHT * lines


def draw_shares(axes: Axes, parts: tuple[Series, ...], width: Width) -> None:
    """One bar from 0 to 100; parts wide enough carry their figure, the key carries all of them."""
    left = 0.0
    for index, part in enumerate(parts):
        share = part.points[-1].value
        colour, hatch = _BAND_STYLES.get(part.key) or _OTHER_STYLES[index % len(_OTHER_STYLES)]
        axes.barh(
            [0],
            [share],
            left=left,
            height=1,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=1.5,
            label=f"{part.label}: {tidy_number(round(share, 1))}%",
        )
        if share >= _LABEL_FROM_PERCENT:
            axes.text(
                left + share / 2,
                0,
                f"{tidy_number(round(share, 1))}%",
                ha="center",
                va="center",
                fontweight="bold",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
            )
        left += share
    axes.set_xlim(0, 100)
    axes.set_axis_off()
    axes.legend(loc="upper left", bbox_to_anchor=(0, 0), ncols=1 if width == "narrow" else 2, frameon=False)
