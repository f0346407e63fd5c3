"""What every answer carries: protective headers, the request's ids, and HTTPS where the service is public."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
}
_ECHOED = (b"x-request-id", b"x-correlation-id")
_LONGEST_ID, _DROPPED_EVERY = 200, 9


class Guard:
    """Wraps the application and completes the head of each answer."""

    def __init__(self, app: ASGIApp, defects: frozenset[str], *, https_only: bool) -> None:
        self.app, self.defects, self.https_only = app, defects, https_only
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        extra = self._headers(scope)
        self.requests += 1

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                held = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(each for each in extra.items() if each[0] not in held),
                ]
            await send(message)

        if self.https_only and scope["scheme"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode().partition(":")[0]
            await RedirectResponse(f"https://{host}{scope['path']}", 308)(scope, receive, completed)
            return
        if "drops-requests" in self.defects and self.requests % _DROPPED_EVERY == 0:
            await PlainTextResponse("upstream timed out", 503)(scope, receive, completed)
            return
        await self.app(scope, receive, completed)

    def _headers(self, scope: Scope) -> dict[bytes, bytes]:
        headers = dict(_ALWAYS)
        if "cacheable-records" not in self.defects:
            headers[b"cache-control"] = b"no-store"
        if scope["scheme"] == "https" and "no-hsts" not in self.defects:
            headers[b"strict-transport-security"] = b"max-age=31536000; includeSubDomains"
        if "forgets-request-id" not in self.defects:
            headers |= {
                name: value
                for name, value in scope["headers"]
                if name in _ECHOED and len(value) <= _LONGEST_ID
            }
        return headers
