"""Takes the body of a request into a temporary file: bounded, never as a whole in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from starlette.requests import ClientDisconnect, Request

from carespine.kernel.errors import Invalid, TooLarge, UnsupportedMedia

# Apple exports of ten years reach some 250 MB as a zip; eight times that is still one upload.
MAX_UPLOAD = 2 * 1024 * 1024 * 1024
MEDIA_TYPES = frozenset({"application/zip", "application/x-zip-compressed", "application/xml", "text/xml"})
# Smaller bodies stay in memory; larger ones are written a step at a time by a thread.
_IN_MEMORY = 1024 * 1024


@asynccontextmanager
async def received(request: Request, *, limit: int = MAX_UPLOAD) -> AsyncIterator[BinaryIO]:
    """The body as a seekable file that is gone afterwards.

    Raises UnsupportedMedia, TooLarge (before more than `limit` bytes are read) or Invalid.
    """
    _check_head(request, limit)
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        file = cast("BinaryIO", spool)
        await _receive(request, file, limit)
        file.seek(0)
        yield file


def _check_head(request: Request, limit: int) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise UnsupportedMedia("Send the export as application/zip, or its XML as application/xml.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("Send the file as it is, without a Content-Encoding.")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)


async def _receive(request: Request, file: BinaryIO, limit: int) -> None:
    waiting, held, size = list[bytes](), 0, 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            waiting.append(piece)
            held += len(piece)
            if held >= _IN_MEMORY:
                await asyncio.to_thread(file.write, b"".join(waiting))
                waiting, held = [], 0
    except ClientDisconnect as error:
        raise Invalid("The connection ended before the file did; nothing was stored.") from error
    await asyncio.to_thread(file.write, b"".join(waiting))
    if not size:
        raise Invalid("The body is empty: send the export file as the body.")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The file is larger than {limit // 1024 // 1024} MB, the most that is taken at once.")
