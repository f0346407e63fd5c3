"""Answers requests for a chart's picture; who may see it was decided by whoever read the summary."""

from __future__ import annotations

from functools import lru_cache

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from carespine.devices.models import Result, SummaryView
from carespine.kernel.errors import NotFound
from carespine.web.pages import charts

_KEPT_DRAWINGS = 128


async def picture(request: Request, summary: SummaryView | None) -> Response:
    """The SVG of the result named in the path, `wide` or `narrow`. Raises NotFound when there is none."""
    result = summary.result(request.path_params["metric"]) if summary else None
    if result is None or result.state != "ready" or not any(series.points for series in result.series):
        raise NotFound("There is no chart for this.")
    width: charts.Width = "narrow" if request.query_params.get("width") == "narrow" else "wide"
    svg = await run_in_threadpool(_drawn, result, width)
    return Response(svg, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


@lru_cache(maxsize=_KEPT_DRAWINGS)
def _drawn(result: Result, width: charts.Width) -> bytes:
    # A page is often looked at again: the same numbers give the same picture, so it is drawn once.
    return charts.draw(result, width)
