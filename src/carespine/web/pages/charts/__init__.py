"""Charts of readings as accessible SVG: drawn on the server, with words and tables that say the same."""

from carespine.web.pages.charts.diary import diary
from carespine.web.pages.charts.drawing import draw, size
from carespine.web.pages.charts.panels import has_chart
from carespine.web.pages.charts.style import Width
from carespine.web.pages.charts.words import alt_text, tables

__all__ = ["Width", "alt_text", "diary", "draw", "has_chart", "size", "tables"]
