"""Cross-origin requests: browsers' apps of other origins that a deployment names may use the API (Fetch standard)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVERY_ORIGIN = "*"
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_REQUEST_HEADERS = (
    b"authorization, dpop, accept, content-type, if-match, if-none-match, if-modified-since, if-none-exist, prefer, "
    b"x-request-id, x-correlation-id"
)
_ANSWER_HEADERS = (
    b"etag, location, content-location, last-modified, expires, retry-after, x-progress, x-request-id, "
    b"x-correlation-id"
)
# Chosen by us: how long a browser may remember the answer.
_MAX_AGE_S = b"600"


class Cors:
    """Around an application: answers preflight requests, and lets the named origins read what the others say.

    Cookies are never allowed along: the API knows access tokens only.
    """

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        self._app, self._origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = _header(scope, b"origin") if scope["type"] == "http" else None
        if origin is None or not self._lets_in(origin):
            await self._app(scope, receive, send)
            return
        allowed = [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
        if scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method") is not None:
            await send({"type": "http.response.start", "status": 204, "headers": [*allowed, *_PREFLIGHT]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def shared(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *allowed, _EXPOSED]
            await send(message)

        await self._app(scope, receive, shared)

    def _lets_in(self, origin: bytes) -> bool:
        return EVERY_ORIGIN in self._origins or origin.decode("latin-1") in self._origins


_PREFLIGHT = [
    (b"access-control-allow-methods", _METHODS),
    (b"access-control-allow-headers", _REQUEST_HEADERS),
    (b"access-control-max-age", _MAX_AGE_S),
]
_EXPOSED = (b"access-control-expose-headers", _ANSWER_HEADERS)


def _header(scope: Scope, wanted: bytes) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == wanted), None)
