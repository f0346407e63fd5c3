"""The FHIR API as an ASGI application: bytes in, an exchange, bytes out. The hot path, so no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from carespine.kernel.errors import CarespineError, Invalid, TooLarge, Unauthenticated
from carespine.security import actor as actors
from carespine.security.actor import TREATMENT, Actor
from carespine.security.audit_event import Event
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.exchange import Exchange
from carespine.spine.fhir_api.pairs import query_pairs

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from carespine.spine.fhir_api.answer import Answer
    from carespine.web.platform import Platform

PREFIX = "/fhir"
_ANONYMOUS = "anonymous"


class FhirEndpoint:
    """Serves everything below /fhir."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._base = f"{platform.settings.address}{PREFIX}"
        self._limit = platform.settings.max_body_mb * 1024 * 1024

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = await self._answer(scope, receive)
        body = given.body if given.body is not None else b""
        headers = [(name.lower().encode(), value.encode()) for name, value in given.headers.items()]
        if given.body:
            headers.append((b"content-type", answer.CONTENT_TYPE.encode()))
        if given.status not in (204, 304):
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": given.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            path = scope["path"][len(PREFIX) :]
            parts = tuple(unquote(part) for part in path.split("/") if part)
            pairs = tuple(query_pairs(scope["query_string"].decode("latin-1")))
            if parts == ("metadata",) and scope["method"] in ("GET", "HEAD"):
                return self._platform.fhir.metadata(self._base, pretty=("_pretty", "true") in pairs)
            actor = await self._actor(scope, headers)
            body = await _body(receive, headers, self._limit)
        except CarespineError as error:
            return answer.refusal(error)
        purpose = TREATMENT
        exchange = Exchange(scope["method"], parts, pairs, headers, body, actor, purpose, self._base)
        return await self._platform.fhir.answer(exchange)

    async def _actor(self, scope: Scope, headers: dict[str, str]) -> Actor:
        address = (scope.get("client") or (None,))[0]
        try:
            return await bearer_actor(
                self._platform, headers, address=address, request_id=scope["state"]["request_id"]
            )
        except CarespineError as error:
            await record_refusal(self._platform, error, address, scope["state"]["request_id"])
            raise


async def bearer_actor(
    platform: Platform, headers: dict[str, str], *, address: str | None, request_id: str | None
) -> Actor:
    """Who a request's Authorization header speaks for; the open actor where the server was started open."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        try:
            return await platform.tokens.actor(token.strip(), address=address, request_id=request_id)
        except Unauthenticated as error:
            error.headers["WWW-Authenticate"] = 'Bearer realm="carespine", error="invalid_token"'
            raise
    if platform.settings.open:
        return actors.open_access(address)
    raise Unauthenticated(
        "Sign in first: send an access token as Authorization: Bearer.",
        headers={"WWW-Authenticate": 'Bearer realm="carespine"'},
    )


async def record_refusal(
    platform: Platform, error: CarespineError, address: str | None, request_id: str | None
) -> None:
    """A refusal before anyone was let in is on record too."""
    unknown = Actor("app", _ANONYMOUS, _ANONYMOUS, "not signed in", address=address, request_id=request_id)
    event = Event(unknown, TREATMENT, "E", "sign-in", outcome="4", description=error.message)
    await platform.audit.record([event])


async def _body(receive: Receive, headers: dict[str, str], limit: int) -> bytes:
    """The whole body, of at most `limit` bytes; raises TooLarge before more is read."""
    if headers.get("content-encoding", "identity") not in ("identity", ""):
        raise Invalid("Compressed bodies are not read here; send the JSON as it is.")
    announced = headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > limit:
        raise TooLarge(f"The body is larger than {limit // 1024 // 1024} MiB.")
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("The connection ended before the body did.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"The body is larger than {limit // 1024 // 1024} MiB.")
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)
