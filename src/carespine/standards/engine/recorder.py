"""The HTTP client of a run: sends a request, keeps the exchange as evidence with its secrets masked."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import Any

import httpx

from carespine.kernel.clock import Clock, fhir_instant
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.evidence import EvidenceLog
from carespine.standards.engine.masking import Masker

# Ours: enough to show a fault; the whole body is committed to by its hash.
EVIDENCE_BODY_CHARS = 16_384
# Ours: a service that answers a check with more than this is not answering the check.
BODY_LIMIT = 8 * 1024 * 1024


class AnswerTooLarge(httpx.TransportError):
    """The service sent more than a check will read."""


class Recorder:
    """Sends requests and writes each exchange to the evidence log, answered or not. Follows no redirects."""

    def __init__(
        self, client: httpx.AsyncClient, evidence: EvidenceLog, *, masker: Masker, clock: Clock
    ) -> None:
        self._client = client
        self._evidence = evidence
        self._masker = masker
        self._clock = clock

    async def send(self, request: httpx.Request, *, check: str) -> Answer:
        """Send `request` for `check`. Raises httpx.TransportError where no whole answer came."""
        at, began = self._clock(), time.perf_counter()
        try:
            response = await self._client.send(request, stream=True)
            body = await self._read(response)
        except httpx.TransportError as error:
            self._evidence.append(
                "exchange",
                {**self._request(request, check, fhir_instant(at)), "failure": type(error).__name__},
            )
            raise
        seconds = time.perf_counter() - began
        self._masker.learn(body[:EVIDENCE_BODY_CHARS].decode("utf-8", "replace"))
        number = self._evidence.append(
            "exchange",
            {
                **self._request(request, check, fhir_instant(at)),
                "ms": round(seconds * 1000, 1),
                "response": {
                    "status": response.status_code,
                    "headers": self._masker.headers(response.headers),
                    **self._body(body),
                },
            },
        )
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(number, request.method, str(request.url), response.status_code, headers, body, seconds)

    async def _read(self, response: httpx.Response) -> bytes:
        parts, size = [], 0
        try:
            async for part in response.aiter_bytes():
                size += len(part)
                if size > BODY_LIMIT:
                    raise AnswerTooLarge(f"more than {BODY_LIMIT} bytes")
                parts.append(part)
        finally:
            await response.aclose()
        return b"".join(parts)

    def _request(self, request: httpx.Request, check: str, at: str) -> dict[str, Any]:
        return {
            "check": check,
            "at": at,
            "request": {
                "method": request.method,
                "url": self._masker.text(str(request.url)),
                "headers": self._masker.headers(request.headers),
                **self._body(request.content),
            },
        }

    def _body(self, raw: bytes) -> dict[str, Any]:
        if not raw:
            return {}
        shown = self._masker.text(raw.decode("utf-8", "backslashreplace"))
        return {"body": shown[:EVIDENCE_BODY_CHARS], "bytes": len(raw), "sha256": sha256(raw).hexdigest()}
