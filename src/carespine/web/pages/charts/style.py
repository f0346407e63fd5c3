"""The look of every chart: sizes, colours, and how a figure becomes an SVG file that is always the same."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Width = Literal["wide", "narrow"]

# Width in CSS pixels. Two drawings, not one that shrinks: on a phone the words must stay readable.
WIDTHS: dict[Width, int] = {"wide": 720, "narrow": 290}
PANEL_HEIGHT: dict[Width, int] = {"wide": 260, "narrow": 240}
POINTS_PER_INCH = 72  # one unit of the drawing is one CSS pixel

# NHS identity colours; against white each has a contrast of 3:1 or more (WCAG 2.2, 1.4.11).
BLUE, DARK_BLUE, PINK, GREEN, PURPLE = "#005eb8", "#003087", "#ae2573", "#007f3b", "#330072"
TEXT, QUIET, GRID, BAND = "#212b32", "#4c6272", "#d8dde0", "#cce5d8"
LINES = (BLUE, PINK, DARK_BLUE, PURPLE)
MARKERS = ("o", "s", "^", "D")

_FONT_SIZE = 14
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "carespine",
    "font.family": "DejaVu Sans",
    "font.size": _FONT_SIZE,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": TEXT,
    "text.color": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.8,
}
# The reader's own sans-serif is shown; DejaVu Sans, the widest, only measures the room that words need.
_MEASURED_FONT, _SHOWN_FONT = "'DejaVu Sans'", "Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

# The settings of matplotlib are global to the process, so one chart is drawn at a time.
_one_at_a_time = threading.Lock()


class Canvas:
    """A figure of `panels` charts above one another, drawn within `with Canvas(...) as canvas`."""

    def __init__(self, width: Width, panel_heights: list[int]) -> None:
        self.width = width
        self._heights = panel_heights

    def __enter__(self) -> Canvas:
        # Imported here: the library takes most of a second to load, and only charts need it.
        import matplotlib as mpl  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415

        _one_at_a_time.acquire()
        self._context = mpl.rc_context(cast("Any", _SETTINGS))
        self._context.__enter__()
        size = (WIDTHS[self.width] / POINTS_PER_INCH, sum(self._heights) / POINTS_PER_INCH)
        self.figure: Figure = Figure(figsize=size, dpi=POINTS_PER_INCH, layout="constrained")
        panels = self.figure.subplots(
            len(self._heights), squeeze=False, gridspec_kw={"height_ratios": self._heights}
        )
        self.panels: list[Axes] = list(panels[:, 0])
        return self

    def __exit__(self, *failure: object) -> None:
        self._context.__exit__(None, None, None)
        _one_at_a_time.release()

    def svg(self) -> bytes:
        """The drawing as SVG, with text as text; the same input gives the same bytes."""
        out = io.BytesIO()
        self.figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        return out.getvalue().replace(_MEASURED_FONT.encode(), _SHOWN_FONT.encode())
