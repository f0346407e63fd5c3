"""An import whose files come with the request: NDJSON as the body, or a form as browsers and curl send it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from carespine.fhir import definitions
from carespine.kernel.errors import Invalid, TooLarge
from carespine.spine.bulk.import_request import MOST_INPUTS, NDJSON
from carespine.spine.fhir_api.operations import importing
from carespine.spine.fhir_api.operations.importing import Upload

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

    from carespine.spine.fhir_api.answer import Answer
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.web.platform import Platform

_MULTIPART = "multipart/form-data"
_CHUNK = 1024 * 1024


def is_upload(method: str, parts: tuple[str, ...], headers: Mapping[str, str]) -> bool:
    """Whether this is $import with files in its body."""
    return method == "POST" and parts == ("$import",) and _media(headers) in (*NDJSON, _MULTIPART)


async def take(platform: Platform, exchange: Exchange, scope: Scope, receive: Receive) -> Answer:
    """Store the files with a job that will import them; flat in memory whatever their size."""
    limit = platform.settings.max_upload_mb * 1024 * 1024
    request = Request(scope, _limited(receive, limit))
    multipart = _media(exchange.headers) == _MULTIPART
    files = _parts(request) if multipart else _whole(request, exchange)
    return await importing.upload(platform.door, exchange, files, limit=limit)


def _media(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _limited(receive: Receive, limit: int) -> Receive:
    """The messages of a body of at most so many bytes."""
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("The connection ended before the body did.")
        size += len(message.get("body", b""))
        if size > limit:
            raise TooLarge(f"The upload is larger than {limit // 1024 // 1024} MiB.")
        return message

    return limited


async def _whole(request: Request, exchange: Exchange) -> AsyncIterator[Upload]:
    """The body as one file; ?type=Patient says what it should hold. Gzip is known by how it begins."""
    if exchange.headers.get("content-encoding", "identity") not in ("", "identity", "gzip"):
        raise Invalid("A body is sent as it is, or with Content-Encoding: gzip.")
    yield Upload("body", exchange.parameter("type"), request.stream())


async def _parts(request: Request) -> AsyncIterator[Upload]:
    """Each file of the form; a field or a file that is called after a resource type holds that type."""
    try:
        async with request.form(max_files=MOST_INPUTS, max_fields=10) as form:
            found = [(name, part) for name, part in form.multi_items() if isinstance(part, UploadFile)]
            if not found:
                raise Invalid("The form has no file.")
            for field, part in found:
                names = (field, PurePath(part.filename or "").name.partition(".")[0])
                kind = next((name for name in names if name in definitions.resource_types()), None)
                yield Upload(part.filename or field, kind, _chunks(part))
    except MultiPartException as error:
        raise Invalid(f"The form cannot be read: {error.message}.") from error


async def _chunks(part: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await part.read(_CHUNK):
        yield chunk
