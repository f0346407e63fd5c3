"""What a requester asks of their job: its state, its files, its end (FHIR R4 async.html, Bulk Data IG 2.0.0)."""

from __future__ import annotations

from email.utils import format_datetime
from typing import TYPE_CHECKING

import msgspec

from carespine.kernel.errors import CarespineError, Issue, NotAllowed, NotFound
from carespine.spine.fhir_api import answer
from carespine.spine.fhir_api.answer import Answer
from carespine.spine.jobs import outcomes
from carespine.storage import job_files, jobs

if TYPE_CHECKING:
    from carespine.security.door import Door
    from carespine.spine.fhir_api.exchange import Exchange
    from carespine.spine.jobs.handle import Jobs
    from carespine.storage.jobs import JobRow

PREFIX = "_jobs"
NDJSON = "application/fhir+ndjson"
_RETRY_AFTER_S = "1"
_text = msgspec.json.Encoder().encode


class Failed(CarespineError):
    """The job could not be done."""

    status, code = 500, "exception"


async def perform(exchange: Exchange, door: Door, known: Jobs, *, open_access: bool) -> Answer:
    """GET _jobs/id, GET _jobs/id/file, DELETE _jobs/id; for the requester only, to others there is no such job."""
    match (exchange.method, *exchange.parts):
        case ("GET" | "HEAD", _, job_id):
            return await _state(
                exchange, await known.of(exchange.actor, job_id), known, open_access=open_access
            )
        case ("DELETE", _, job_id):
            return await _cancel(exchange, await known.of(exchange.actor, job_id), door)
        case ("GET" | "HEAD", _, job_id, file):
            return await _download(exchange, await known.of(exchange.actor, job_id), file, door, known)
    raise NotAllowed(f"{exchange.method} is not supported for {'/'.join(exchange.parts)[:80]!r}.")


async def _state(exchange: Exchange, job: JobRow, known: Jobs, *, open_access: bool) -> Answer:
    if job.state in ("waiting", "running"):
        headers = {"X-Progress": outcomes.progress(job)[:100], "Retry-After": _RETRY_AFTER_S}
        return Answer(202, None, headers)
    if job.state == "failed":
        raise Failed(job.failure or "The job could not be done.")
    if "parameters" in job.progress:
        return Answer(200, _text(outcomes.summary(job)))
    async with known.database.connection() as connection:
        files = await job_files.files(connection, job.id)
    address = f"{exchange.base}/{PREFIX}/{job.id}"
    manifest = outcomes.manifest(job, files, address, needs_token=not open_access)
    headers = {"Content-Type": "application/json"}
    if job.expires is not None:
        headers["Expires"] = format_datetime(job.expires, usegmt=True)
    return Answer(200, _text(manifest), headers)


async def _cancel(exchange: Exchange, job: JobRow, door: Door) -> Answer:
    async with door.enter(exchange.actor, purpose=exchange.purpose) as session:
        await jobs.remove(session.tx, job.id)
        await session.audit("E", job.kind, description="cancelled or deleted", detail={"job": job.id})
    what = "The job is cancelled, and what it made is deleted."
    return Answer(202, answer.outcome([Issue("informational", what, severity="information")]))


async def _download(exchange: Exchange, job: JobRow, file: str, door: Door, known: Jobs) -> Answer:
    async with door.glance(exchange.actor, purpose=exchange.purpose) as session:
        names = {each.name for each in await job_files.files(session.tx, job.id)}
        if job.state != "complete" or file not in names:
            raise NotFound("There is no such file.")
        await session.audit("R", job.kind, description=f"download of {file}", detail={"job": job.id})
    headers = {"Content-Type": NDJSON, "Vary": "Accept-Encoding"}
    if not _takes_gzip(exchange.headers.get("accept-encoding", "")):
        return Answer(200, None, headers, job_files.as_text(known.database, job.id, file))
    headers["Content-Encoding"] = "gzip"
    return Answer(200, None, headers, job_files.as_gzip(known.database, job.id, file))


def _takes_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
