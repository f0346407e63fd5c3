"""What holds for every request: an id, a place in the queue, security headers, one line in the log."""

from __future__ import annotations

import re
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from carespine.kernel.errors import CarespineError, Issue
from carespine.kernel.ids import new_id
from carespine.spine.fhir_api import answer
from carespine.web import logs
from carespine.web.metrics import Meter
from carespine.web.places import Places, method
from carespine.web.tracing import finish

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from carespine.web.tracing import Tracing

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")
_log = structlog.get_logger("carespine.http")


def content_security_policy(*form_targets: str) -> str:
    """The policy of a page whose forms may lead to these origins too, beside our own."""
    targets = " ".join(("'self'", *form_targets))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; form-action {targets}; frame-ancestors 'none'; "
        "base-uri 'none'; manifest-src 'self'"
    )


_HEADERS = (
    (b"content-security-policy", content_security_policy().encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_PLACES = 8
# What tells an orchestrator how the server is: it must not be restarted or left out because it has much to do.
_ALWAYS = ("/health", "/ready", "/metrics")
# So many times the limit may be waiting for the rest of a long body; a short one is here before its request begins.
_MOST_AWAITED = 4
_NO_STORE = (b"cache-control", b"no-store")
# Minimum standard SE-03: one year at least.
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class Gate:
    """The outermost layer. `limit` requests are at work at once; the next is told to come back.

    Who waits for the client, to send the rest of a body or to read the answer, is not at work.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limit: int,
        https: bool,
        longest_url: int = 16_384,
        places: Places | None = None,
        meter: Meter | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._app, self._limit, self._in_flight, self._awaited = app, limit, 0, 0
        self._longest_url = longest_url
        self._extra = [*_HEADERS, *([_HSTS] if https else []), _NO_STORE]
        self._names = frozenset(name for name, _ in self._extra)
        self._places, self._meter, self._tracing = places or Places(), meter or Meter(), tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, given = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        if self._tracing is None:
            await self._answer(scope, receive, send, request_id, given)
            return
        with self._tracing.request(scope, request_id) as span:
            status = await self._answer(scope, receive, send, request_id, given)
            finish(span, scope, self._places.template(scope), status)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, given: list[tuple[bytes, bytes]]
    ) -> int:
        """Have the request answered, and account for it; the status."""
        started = time.perf_counter()
        status = 500
        answered = False

        async def dressed(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
                message["headers"] = self._dress(message.get("headers", ()), request_id, given)
            self._in_flight -= 1  # while the client reads
            try:
                await send(message)
            finally:
                self._in_flight += 1

        self._in_flight += 1
        self._meter.began()
        try:
            if self._is_full(scope) and scope["path"] not in _ALWAYS:
                await reply(dressed, 429, _BUSY, headers=[(b"retry-after", b"1")])
            elif len(scope["path"]) + len(scope["query_string"]) > self._longest_url:
                await reply(dressed, 414, _TOO_LONG)
            else:
                await self._app(scope, self._aside(receive), dressed)
        except Exception as error:
            _log.error(
                "request failed",
                request_id=request_id,
                method=method(scope),
                area=self._places.area(scope),
                error=type(error).__name__,
                where=_places(error),
            )
            if answered:
                raise
            await reply(dressed, 500, _BROKEN)
        finally:
            self._in_flight -= 1
            self._meter.ended()
            spent = time.perf_counter() - started
            self._meter.answered(self._places.template(scope), method(scope), status, spent)
            if (
                status != 200 or scope["path"] not in _ALWAYS
            ):  # probes that find all well would drown the rest
                logs.request(
                    request_id, method(scope), self._places.area(scope), status, round(spent * 1000, 1)
                )
        return status

    def _is_full(self, scope: Scope) -> bool:
        if self._in_flight > self._limit:
            return True
        return self._awaited >= _MOST_AWAITED * self._limit and _has_long_body(scope)

    def _aside(self, receive: Receive) -> Receive:
        """The messages of a request, which gives its place to another while it waits for the next of its body."""
        is_whole = False

        async def received() -> Message:
            nonlocal is_whole
            if is_whole:  # only the end of the connection can come
                return await receive()
            self._in_flight -= 1
            self._awaited += 1
            try:
                message = await receive()
            finally:
                self._in_flight += 1
                self._awaited -= 1
            is_whole = not message.get("more_body", False)
            return message

        return received

    def _dress(
        self, headers: Any, request_id: str, given: list[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        dressed = [*headers, *given, (b"x-request-id", request_id.encode())]
        present = {name for name, _ in dressed}
        if present.isdisjoint(self._names):
            return dressed + self._extra
        return dressed + [pair for pair in self._extra if pair[0] not in present]


def _has_long_body(scope: Scope) -> bool:
    """Whether the body may be one whose request begins before all of it is here."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and int(value) > HIGH_WATER_LIMIT):
            return True
    return False


def _request_id(scope: Scope) -> tuple[str, list[tuple[bytes, bytes]]]:
    """The caller's request id if it is well formed, else ours; and its correlation id to be echoed."""
    request_id, echoed = None, []
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value.decode()
        elif name == b"x-correlation-id" and _REQUEST_ID.fullmatch(value):
            echoed = [(b"x-correlation-id", value)]
    return request_id or new_id(), echoed


def _places(error: Exception) -> list[str]:
    """Where it went wrong, innermost last. Not the error's own text: that may hold what a patient is called."""
    frames = traceback.extract_tb(error.__traceback__)[-_PLACES:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


async def reply(
    send: Send, status: int, body: bytes, *, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Send a whole answer of FHIR JSON."""
    start = [(b"content-type", answer.CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*start, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})


def outcome_of(error: CarespineError) -> bytes:
    return answer.outcome(error.issues)


_BUSY = answer.outcome([Issue("throttled", "The server has as much to do as it can; try again in a second.")])
_TOO_LONG = answer.outcome(
    [Issue("too-long", "The address is too long; search with POST and _search instead.")]
)
_BROKEN = answer.outcome(
    [Issue("exception", "Something went wrong here. The request id names it in the log.")]
)
