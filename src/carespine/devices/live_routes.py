"""The HTTP of live ingestion: batches of samples from apps, erasing a source, a patient's own order of sources."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from carespine.devices import live, ranking
from carespine.devices.pace import Pace
from carespine.devices.ports import Platform
from carespine.devices.window import raw_window
from carespine.kernel.errors import Invalid, TooLarge, TooMany, UnsupportedMedia
from carespine.security.actor import TREATMENT, Actor
from carespine.storage.database import retrying

JSON, NDJSON = "application/json", "application/x-ndjson"
# Ours: a batch is one transaction of one patient; at these sizes it stays well under a second.
MOST_SAMPLES, MOST_BYTES = 10_000, 16 * 1024 * 1024
_LONGEST_SKEW_TEXT = 40

Key = Callable[[Request], str]
Endpoint = Callable[[Request, Actor], Awaitable[Response]]


def endpoints(platform: Platform, key_of: Key) -> dict[str, Endpoint]:
    """What each path does: `batches`, `source`, `ranking`."""
    pace = Pace(platform.clock)

    async def batch(request: Request, actor: Actor) -> Response:
        patient_id, key = request.path_params["patient"], key_of(request)
        raw = await _body(request)
        samples, sent = _samples(request, raw)
        wait = pace.wait_s(actor.id, len(samples))
        if wait:
            raise TooMany(
                f"Too many samples at once: send the batch again in {wait} seconds.",
                headers={"Retry-After": str(wait)},
            )
        digest = hashlib.sha256(raw).digest()

        async def attempt() -> live.Answer:
            async with platform.door.enter(actor, purpose=TREATMENT) as session:
                made = await live.take_batch(
                    session,
                    patient_id=patient_id,
                    samples=samples,
                    client=actor.id,
                    idempotency_key=key,
                    sha256=digest,
                    sent=sent,
                )
                await platform.tokens.demand_standing(session.tx, actor, writes=True)
                return made

        return Response(msgspec.json.encode(await retrying(attempt)), media_type=JSON)

    async def erase(request: Request, actor: Actor) -> Response:
        async def attempt() -> int:
            async with platform.door.enter(actor, purpose=TREATMENT) as session:
                return await live.erase_source(
                    session, patient_id=request.path_params["patient"], source=_source(request)
                )

        count = await retrying(attempt)
        return Response(msgspec.json.encode({"erased": count}), media_type=JSON)

    async def rank(request: Request, actor: Actor) -> Response:
        wanted = _object(await _body(request))
        sources = wanted.get("sources")
        if not isinstance(sources, list) or not all(isinstance(one, str) for one in sources):
            raise Invalid('Send {"metric": "steps", "sources": [device ids, best first]}.')

        async def attempt() -> dict[str, Any]:
            async with platform.door.enter(actor, purpose=TREATMENT) as session:
                return await ranking.set_ranking(
                    session,
                    patient_id=request.path_params["patient"],
                    metric_key=str(wanted.get("metric")),
                    devices=sources,
                )

        return Response(msgspec.json.encode(await retrying(attempt)), media_type=JSON)

    async def window(request: Request, actor: Actor) -> Response:
        asked = request.query_params
        first, last = _moment(asked.get("from")), _moment(asked.get("to"))
        async with platform.door.enter(actor, purpose=TREATMENT) as session:
            lines = await raw_window(
                session,
                patient_id=request.path_params["patient"],
                metric_key=asked.get("metric", ""),
                first=first,
                last=last,
            )
        return Response(lines, media_type=NDJSON)

    return {"batches": batch, "source": erase, "ranking": rank, "readings": window}


def _moment(text: str | None) -> datetime:
    """One end of a window."""
    try:
        moment = datetime.fromisoformat((text or "").replace(" ", "+")[:_LONGEST_SKEW_TEXT])
    except ValueError as error:
        raise Invalid("`from` and `to` are dates and times of ISO 8601 with their offset.") from error
    if moment.tzinfo is None:
        raise Invalid("`from` and `to` need their offset from UTC.")
    return moment


async def _body(request: Request) -> bytes:
    """The body, unpacked where it is gzip; bounded before and after."""
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMedia("Send the batch as it is, or with Content-Encoding: gzip.")
    pieces, size = [], 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > MOST_BYTES:
                raise _too_large()
            pieces.append(piece)
    except ClientDisconnect as error:
        raise Invalid("The connection ended before the batch did; nothing was stored.") from error
    raw = b"".join(pieces)
    return raw if encoding == "identity" else await asyncio.to_thread(_unpacked, raw)


def _unpacked(raw: bytes) -> bytes:
    machine = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        whole = machine.decompress(raw, MOST_BYTES + 1)
    except zlib.error as error:
        raise Invalid("The body is not gzip, although its Content-Encoding says so.") from error
    if len(whole) > MOST_BYTES:
        raise _too_large()
    if not machine.eof:
        raise Invalid("The gzip body is cut off.")
    return whole


def _samples(request: Request, raw: bytes) -> tuple[list[Any], datetime | None]:
    """The samples, and when the app says that it sent them."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == NDJSON:
        samples = [_line(line) for line in raw.split(b"\n") if line.strip()]
        sent = request.headers.get("x-sent-at")
    elif media == JSON:
        tree = _object(raw)
        found, sent = tree.get("samples"), tree.get("sentAt")
        if not isinstance(found, list):
            raise Invalid('Send {"samples": [...]}, or the samples one a line as application/x-ndjson.')
        samples = found
    else:
        raise UnsupportedMedia(f"Send the batch as {JSON} or {NDJSON}.")
    if not samples:
        raise Invalid("The batch holds no sample.")
    if len(samples) > MOST_SAMPLES:
        raise TooLarge(f"A batch holds at most {MOST_SAMPLES} samples; send several.")
    return samples, _sent(sent)


def _sent(text: Any) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text)[:_LONGEST_SKEW_TEXT])
    except ValueError as error:
        raise Invalid("sentAt is not a date and time of ISO 8601.") from error
    if moment.tzinfo is None:
        raise Invalid("sentAt needs its offset from UTC.")
    return moment


def _line(line: bytes) -> Any:
    """A line of NDJSON; one that is no JSON is a sample that cannot be read, not the end of the batch."""
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        tree = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("The body is not JSON.") from error
    if not isinstance(tree, dict):
        raise Invalid("The body is not a JSON object.")
    return tree


def _source(request: Request) -> str:
    return str(request.path_params["device"])


def _too_large() -> TooLarge:
    return TooLarge(f"A batch has at most {MOST_BYTES // 1024 // 1024} MB.")
