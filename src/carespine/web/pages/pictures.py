"""The charts' pictures: drawn from the summary that the page has just shown, for the same session only."""

from __future__ import annotations

import time
from collections import OrderedDict
from functools import lru_cache

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from carespine.devices.models import Result, SummaryView
from carespine.kernel.errors import NotFound
from carespine.web.pages import charts
from carespine.web.pages.views import Visitor

_KEPT_DRAWINGS = 128
# A page and its pictures are one look at the record: within this time they are not read, nor audited, again.
_ONE_LOOK_SECONDS = 60.0
_MOST_LOOKS = 256
_looks: OrderedDict[tuple[str, str], tuple[float, SummaryView]] = OrderedDict()


def remember(visitor: Visitor, summary: SummaryView | None) -> None:
    """Keep what this session has just been shown, for its pictures."""
    if summary is not None:
        _looks[visitor.csrf_token, summary.patient_id] = (time.monotonic(), summary)
    while len(_looks) > _MOST_LOOKS:
        _looks.popitem(last=False)


def remembered(visitor: Visitor, patient_id: str) -> SummaryView | None:
    """What this very session was shown of this patient a moment ago, or None."""
    at, summary = _looks.get((visitor.csrf_token, patient_id), (0.0, None))
    return summary if time.monotonic() - at < _ONE_LOOK_SECONDS else None


def forget() -> None:
    """Drop every remembered look."""
    _looks.clear()


async def picture(request: Request, summary: SummaryView | None) -> Response:
    """The SVG of the result named in the path, `wide` or `narrow`. Raises NotFound when there is none."""
    result = summary.result(request.path_params["metric"]) if summary else None
    if result is None or not charts.has_chart(result):
        raise NotFound("There is no chart for this.")
    width: charts.Width = "narrow" if request.query_params.get("width") == "narrow" else "wide"
    svg = await run_in_threadpool(_drawn, result, width)
    return Response(svg, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


@lru_cache(maxsize=_KEPT_DRAWINGS)
def _drawn(result: Result, width: charts.Width) -> bytes:
    # A page is often looked at again: the same numbers give the same picture, so it is drawn once.
    return charts.draw(result, width)
