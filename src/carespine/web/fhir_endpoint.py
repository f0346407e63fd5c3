"""The FHIR API as an ASGI application: bytes in, an exchange, bytes out. The hot path, so no framework."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

from carespine.kernel.errors import CarespineError, Invalid, NotFound, TooLarge
from carespine.security.actor import PATIENT_REQUEST, TREATMENT
from carespine.security.bearer import bearer_actor
from carespine.security.dpop import Proof
from carespine.spine.fhir_api import answer, formats, methods
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.exchange import Exchange
from carespine.spine.fhir_api.pairs import query_pairs
from carespine.spine.fhir_api.patching import patch
from carespine.web import coding, import_upload

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from carespine.web.platform import Platform

PREFIX = "/fhir"


class FhirEndpoint:
    """Serves everything below /fhir."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._base = f"{platform.settings.address}{PREFIX}"
        self._limit = platform.settings.max_body_mb * 1024 * 1024

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = await self._answer(scope, receive)
        if given.stream is not None:
            await _send_stream(given, given.stream, scope["method"], send)
            return
        body = given.body if given.body is not None else b""
        headers = [(name.lower().encode(), value.encode()) for name, value in given.headers.items()]
        if len(body) >= coding.WORTH_PACKING and coding.wanted(scope):
            body = coding.packed(body)
            headers += coding.HEADERS
        if given.body and "Content-Type" not in given.headers:
            headers.append((b"content-type", answer.CONTENT_TYPE.encode()))
        if given.status not in (204, 304):
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": given.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        in_xml = False
        try:
            path = scope["path"][len(PREFIX) :]
            parts = tuple(part for part in path.split("/") if part)  # ASGI has decoded the path
            pairs = tuple(query_pairs(scope["query_string"].decode("latin-1")))
            in_xml = formats.wants_xml(pairs, headers)
            if scope["method"] == "OPTIONS":
                return options(parts)
            if parts == ("metadata",) and scope["method"] in ("GET", "HEAD"):
                mode = dict(pairs).get("mode", "full")
                pretty = ("_pretty", "true") in pairs
                return self._platform.fhir.metadata(self._base, pretty=pretty, in_xml=in_xml, mode=mode)
            if parts == ("openapi.json",) and scope["method"] in ("GET", "HEAD"):
                return self._platform.fhir.openapi(self._base)
            address = (scope.get("client") or (None,))[0]
            request_id = scope["state"]["request_id"]
            actor = await bearer_actor(
                headers.get("authorization", ""),
                tokens=self._platform.tokens,
                audit=self._platform.audit,
                is_open=self._platform.settings.open,
                address=address,
                request_id=request_id,
                proof=self._proof(scope, headers),
            )
            purpose = PATIENT_REQUEST if actor.kind == "patient" else TREATMENT
            method = scope["method"]
            if import_upload.is_upload(method, parts, headers):
                upload = Exchange(method, parts, pairs, headers, b"", actor, purpose, self._base)
                return await import_upload.take(self._platform, upload, scope, receive)
            body = await _body(receive, headers, self._limit) if _has_body(method, headers) else b""
        except CarespineError as error:
            refused = answer.refusal(error)
            return formats.in_xml(refused, scope["method"]) if in_xml else refused
        exchange = Exchange(method, parts, pairs, headers, body, actor, purpose, self._base)
        given = await self._platform.fhir.answer(exchange)
        return replace(given, headers={**given.headers, **dict(actor.notices)}) if actor.notices else given

    def _proof(self, scope: Scope, headers: dict[str, str]) -> Proof | None:
        """The DPoP proof of the request, for the address that the client knows us by."""
        text = headers.get("dpop")
        url = self._base + scope["path"][len(PREFIX) :]
        return Proof(text, scope["method"], url) if text else None


def options(parts: tuple[str, ...]) -> Answer:
    """What may be done at an address; raises NotFound where there is none."""
    if not methods.allowed(parts):
        raise NotFound(f"There is no {'/'.join(parts)[:80]!r} here.")
    headers = methods.allow(parts)
    if "PATCH" in headers["Allow"]:
        headers["Accept-Patch"] = ", ".join(patch.FORMATS)
    return Answer(204, None, headers)


async def _send_stream(given: Answer, pieces: AsyncIterator[bytes], method: str, send: Send) -> None:
    """Send a body of a length that is not known beforehand, one piece in memory at a time."""
    headers = [(name.lower().encode(), value.encode()) for name, value in given.headers.items()]
    await send({"type": "http.response.start", "status": given.status, "headers": headers})
    if method != "HEAD":
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _has_body(method: str, headers: dict[str, str]) -> bool:
    """Whether a body comes (RFC 9112, 6.3: without either header there is none)."""
    return method not in ("GET", "HEAD") or "content-length" in headers or "transfer-encoding" in headers


async def _body(receive: Receive, headers: dict[str, str], limit: int) -> bytes:
    """The whole body, unpacked, of at most `limit` bytes; raises TooLarge before more is read."""
    announced = headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdigit()) or int(announced) > limit:
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
            body = b"".join(chunks)
            encoding = headers.get("content-encoding")
            return coding.unpacked(body, encoding, limit) if encoding else body
