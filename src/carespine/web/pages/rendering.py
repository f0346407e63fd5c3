"""Templates to responses: one Jinja environment, escaping on, nothing taken from another host."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, ChoiceLoader, Environment, FileSystemLoader, PackageLoader
from starlette.responses import HTMLResponse

from carespine.web.pages import charts, formats
from carespine.web.pages.views import Visitor

WEB = Path(__file__).resolve().parent.parent
STATIC = WEB / "static"
STATIC_PATH = "/static"


@cache
def environment() -> Environment:
    """The environment of all pages. NHS.UK frontend's macros need the chainable undefined."""
    made = Environment(
        loader=ChoiceLoader([FileSystemLoader(WEB / "templates"), PackageLoader("nhsuk_frontend_jinja")]),
        undefined=ChainableUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(formats.FILTERS)
    made.filters["alt_text"] = charts.alt_text
    made.filters["chart_tables"] = charts.tables
    made.filters["diary"] = charts.diary
    made.tests["charted"] = charts.has_chart
    made.filters["chart_size"] = charts.size
    made.globals["asset"] = asset
    return made


@cache
def asset(path: str) -> str:
    """The address of a static file, with a mark of its content so that browsers may keep it for ever."""
    mark = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"{STATIC_PATH}/{path}?v={mark}"


def page(
    template: str,
    *,
    visitor: Visitor | None,
    current: str,
    status: int = 200,
    **content: Any,
) -> HTMLResponse:
    """Render `template`. `current` is the path of the menu entry to mark; personal pages are never stored."""
    html = environment().get_template(template).render(visitor=visitor, current=current, **content)
    # A page can carry a form token or a person's data: no copy may stay in a cache.
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})
