"""$import: the kick-off of a bulk import of NDJSON, by address or with the content itself. The job is in spine/bulk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carespine.kernel.errors import Forbidden
from carespine.spine.bulk import import_request
from carespine.spine.bulk.pieces import cut
from carespine.spine.bulk.spool import Spool
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.fhir_api.operations import inputs
from carespine.spine.fhir_api.operations.export import accepted
from carespine.spine.jobs import handle
from carespine.storage import job_files

if TYPE_CHECKING:
    from carespine.security.door import Door
    from carespine.security.session import Session
    from carespine.spine.fhir_api.exchange import Exchange

KIND = "import"
# Ours: of what comes within a Parameters resource, unpacked.
_MOST_INLINE = 256 * 1024 * 1024


async def start(session: Session, exchange: Exchange) -> Answer:
    """POST $import with Parameters: 202 and where to ask for the state."""
    inputs.demand_asynchronous(exchange)
    demand_importer(session)
    found = import_request.inputs(inputs.parameters(exchange))
    described: list[dict[str, Any]] = [{"type": each.type, "url": each.url} for each in found]
    job = await handle.ask(session, KIND, _request(exchange, described))
    for position, each in enumerate(found):
        if each.content is not None:
            described[position]["name"] = f"input {position + 1}"
            await _keep(session, job, position, _once(each.content), limit=_MOST_INLINE)
    await handle.describe(session, job, _request(exchange, described))
    await session.audit("E", "import", description="asked for", detail={"job": job})
    return accepted(exchange, job)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that comes with the request: its name, the type that it should hold, its bytes as they come."""

    name: str
    type: str | None
    chunks: AsyncIterator[bytes]


async def upload(door: Door, exchange: Exchange, files: AsyncIterator[Upload], *, limit: int) -> Answer:
    """POST $import with the files themselves. The job is at hand once all of them are stored, or not at all.

    What comes is kept in a temporary file until all of it is here: a client may take its time, a transaction may not.
    """
    async with door.glance(exchange.actor, purpose=exchange.purpose) as session:
        inputs.demand_asynchronous(exchange)
        demand_importer(session)
    described: list[dict[str, Any]] = []
    with Spool() as spool:
        async for file in files:
            described.append({"type": import_request.demand_type(file.type), "name": file.name})
            async for lines, piece in cut(file.chunks, limit=limit):
                spool.add(len(described) - 1, lines, piece)
        async with door.enter(exchange.actor, purpose=exchange.purpose) as session:
            job = await handle.ask(session, KIND, _request(exchange, described))
            for part, (position, lines, piece) in spool.numbered():
                name = import_request.input_name(position)
                await job_files.append(session.tx, job, name, part, resources=lines, piece=piece)
            await session.audit("E", "import", description="uploaded", detail={"job": job})
    return accepted(exchange, job)


def demand_importer(session: Session) -> None:
    """Raise Forbidden for people: files are for programs, whose scopes say what they may write."""
    if session.actor.kind not in ("app", "open", "system"):
        raise Forbidden("Files are imported by registered apps and by the command line.")


async def _keep(
    session: Session, job: str, position: int, chunks: AsyncIterator[bytes], *, limit: int
) -> None:
    part = 0
    async for lines, piece in cut(chunks, limit=limit):
        await job_files.append(
            session.tx, job, import_request.input_name(position), part, resources=lines, piece=piece
        )
        part += 1


def _request(exchange: Exchange, described: list[dict[str, Any]]) -> dict[str, Any]:
    return {"url": f"{exchange.base}/$import", "target": "system", "inputs": described}


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
