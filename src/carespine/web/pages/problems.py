"""Errors as pages: what went wrong in plain words, and what the reader can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carespine.kernel.errors import CarespineError, Unauthenticated
from carespine.web.pages.ports import Platform
from carespine.web.pages.rendering import page
from carespine.web.pages.views import Visitor
from carespine.web.pages.visits import to_sign_in

_log = structlog.get_logger("carespine.pages")
Handler = Callable[[Request], Awaitable[Response]]

_TITLES = {
    400: "We could not read that request",
    401: "Sign in to see this page",
    403: "You cannot see this page",
    404: "Page not found",
    409: "That is not possible now",
    410: "This is no longer here",
    413: "That is too large",
    429: "Too many requests",
    503: "This service is not available right now",
}
_NEXT_STEPS = {
    403: "If you think you should be able to, ask the person who manages access in your organisation.",
    404: "If you typed the address, check that it is correct. If you followed a link, it may be out of date.",
    409: "Go back, reload the page to see how things stand, and try again.",
    429: "Wait a minute, then try again.",
    503: "Try again in a few minutes. Nothing you entered has been lost if you already saw it confirmed.",
}
_FAILED = "Sorry, there is a problem with the service"


def problem_page(
    status: int, *, visitor: Visitor | None = None, message: str | None = None, reference: str | None = None
) -> Response:
    """The page for an HTTP status. `message` is fit to be shown; `reference` is what support asks for."""
    title = _TITLES.get(status, _FAILED)
    next_step = _NEXT_STEPS.get(status, "Try again later." if status >= 500 else None)
    lines = [line for line in (message, next_step) if line]
    return page(
        "problem.html",
        visitor=visitor,
        current="",
        status=status,
        title=title,
        lines=lines,
        reference=reference,
    )


async def page_for(platform: Platform, request: Request, error: CarespineError) -> Response:
    """The page for an error raised on purpose; someone who is not signed in is asked to sign in."""
    if isinstance(error, Unauthenticated):
        return to_sign_in(request)
    visitor = await platform.sessions.visitor(request)
    response = problem_page(error.status, visitor=visitor, message=error.message)
    response.headers.update(error.headers)
    return response


def guarded(platform: Platform, routes: list[Route]) -> list[Route]:
    """The same routes, whose refusals are pages for people and not OperationOutcomes."""
    return [
        Route(
            route.path, _guard(platform, route.endpoint), methods=list(route.methods or ()), name=route.name
        )
        for route in routes
    ]


def _guard(platform: Platform, handler: Handler) -> Handler:
    @wraps(handler)
    async def guarded_handler(request: Request) -> Response:
        try:
            return await handler(request)
        except CarespineError as error:
            return await page_for(platform, request, error)
        except Exception:
            # A person needs a page here too; what went wrong is in the log under the same reference.
            reference = request.state.request_id
            _log.exception("page failed", request_id=reference, method=request.method)
            return problem_page(500, reference=reference)

    return guarded_handler
