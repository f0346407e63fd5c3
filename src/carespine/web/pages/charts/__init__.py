"""Charts of readings as accessible SVG: drawn on the server, with words and a table that say the same."""

from carespine.web.pages.charts.drawing import draw, size
from carespine.web.pages.charts.style import Width
from carespine.web.pages.charts.words import alt_text, table

__all__ = ["Width", "alt_text", "draw", "size", "table"]
