"""The job of an import: fetch what is to be fetched, then store it a piece at a time, as the requester.

A piece that a crash cut short is loaded again: what is stored already is unchanged, and counts as such.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from carespine.kernel.errors import CarespineError, Invalid
from carespine.security.egress import Egress, GuardedTransport
from carespine.spine.bulk.hands import Hands
from carespine.spine.bulk.import_request import input_name
from carespine.spine.bulk.pieces import cut
from carespine.spine.jobs.outcomes import ERRORS
from carespine.storage import job_files

if TYPE_CHECKING:
    from carespine.security.door import Door
    from carespine.security.tokens import TokenService
    from carespine.spine.jobs.handle import Handle
    from carespine.spine.loading import Loaded
    from carespine.storage.database import Connection, Database

# Ours: how long a source may be silent.
_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_PLACE = re.compile(r".*?:(\d+): (.*)", re.DOTALL)
_ACCEPT = {"Accept": "application/fhir+ndjson, application/ndjson, */*;q=0.1"}
_text = msgspec.json.Encoder().encode
Refusal = tuple[int | None, str]  # the line, and what was wrong with it


class _Head(msgspec.Struct):
    resourceType: str = ""  # noqa: N815 -- as FHIR spells it


_head = msgspec.json.Decoder(_Head).decode


class Importer:
    """Imports for the actor who asked.

    `limit` is the most bytes of one input; `egress` says what may be fetched; `validation` is the level of each type.
    """

    def __init__(
        self,
        database: Database,
        door: Door,
        standings: TokenService,
        egress: Egress,
        *,
        limit: int,
        validation: Mapping[str, str],
    ) -> None:
        self._database, self._door, self._standings = database, door, standings
        self._egress, self._limit, self._validation = egress, limit, validation

    async def run(self, job: Handle) -> None:
        """Import from where the last checkpoint is."""
        if not job.progress:
            counts = [{"stored": 0, "unchanged": 0, "refused": 0} for _ in job.request["inputs"]]
            start = {"input": 0, "fetched": False, "part": 0, "line": 0, "errors": 0, "resources": 0}
            async with self._database.transaction() as tx:
                await job.checkpoint(tx, {**start, "counts": counts})
        async with Hands(self._door, job, self._database.url, self._validation) as hands:
            while job.progress["input"] < len(job.request["inputs"]):
                await self._one(job, job.request["inputs"][job.progress["input"]], hands)
            await hands.look(at_last=True)

    async def _one(self, job: Handle, given: dict[str, Any], hands: Hands) -> None:
        if given.get("url") and not job.progress["fetched"]:
            await self._fetch(job, given["url"])
        name = input_name(job.progress["input"])
        while (
            piece := await job_files.piece(self._database, job.id, name, job.progress["part"])
        ) is not None:
            await self._piece(job, given, name, piece, hands)
            await hands.look()
        following = {"input": job.progress["input"] + 1, "fetched": False, "part": 0, "line": 0}
        async with self._database.transaction() as tx:
            await job_files.remove(tx, job.id, name)
            await job.checkpoint(tx, {**job.progress, **following})

    async def _fetch(self, job: Handle, url: str) -> None:
        """Keep the file with the job; what goes wrong with it is an error of this input, and the others go on."""
        name = input_name(job.progress["input"])
        async with self._database.transaction() as tx:
            await job_files.remove(tx, job.id, name)
        refusals: list[Refusal] = []
        part = 0
        try:
            async for lines, piece in cut(self._chunks(url), limit=self._limit):
                async with self._database.transaction() as tx:
                    await job_files.append(tx, job.id, name, part, resources=lines, piece=piece)
                    await job.checkpoint(tx, job.progress)
                part += 1
        except (CarespineError, httpx.HTTPError) as error:
            reason = error.message if isinstance(error, CarespineError) else type(error).__name__
            refusals = [(None, f"The file could not be fetched: {reason}")]
        async with self._database.transaction() as tx:
            if refusals:
                await job_files.remove(tx, job.id, name)
            await self._note(tx, job, url, refusals, {**job.progress, "fetched": True})

    async def _chunks(self, url: str) -> AsyncIterator[bytes]:
        transport = GuardedTransport(self._egress, httpx.AsyncHTTPTransport())
        async with (
            httpx.AsyncClient(transport=transport, timeout=_TIMEOUT, trust_env=False) as client,
            client.stream("GET", url, headers=_ACCEPT) as reply,
        ):
            if reply.is_redirect:
                raise Invalid("the source redirects elsewhere, which is not followed.")
            if reply.status_code != 200:
                raise Invalid(f"the source answered {reply.status_code}.")
            async for chunk in reply.aiter_bytes():
                yield chunk

    async def _piece(
        self, job: Handle, given: dict[str, Any], name: str, piece: job_files.Piece, hands: Hands
    ) -> None:
        async with self._database.connection() as connection:
            await self._standings.demand_standing(connection, job.actor, writes=True)
        text = job_files.unpack(piece.body)
        lines = text.count(b"\n")
        refusals, text = _of_type(text, given.get("type"))
        with tempfile.TemporaryDirectory(prefix="carespine-import-") as folder:
            path = Path(folder) / name
            path.write_bytes(text)
            loaded = await hands.load(path, len(text))
        refusals += [_refusal(each) for each in loaded.refused]
        offset = job.progress["line"]
        placed = [(line + offset if line else None, reason) for line, reason in sorted(refusals, key=_line)]
        progress = _counted(job.progress, loaded, len(placed))
        progress |= {"part": progress["part"] + 1, "line": offset + lines}
        async with self._database.transaction() as tx:
            await self._note(tx, job, given.get("url") or given.get("name") or name, placed, progress)

    async def _note(
        self, tx: Connection, job: Handle, source: str, refusals: list[Refusal], progress: dict[str, Any]
    ) -> None:
        """The refusals as lines of the error file, with the checkpoint."""
        if refusals:
            piece = job_files.pack([_outcome(source, line, reason) for line, reason in refusals])
            file = f"{ERRORS}.{job.progress['input']:05}.ndjson"
            await job_files.append(tx, job.id, file, progress["errors"], resources=len(refusals), piece=piece)
            progress = {**progress, "errors": progress["errors"] + 1}
        await job.checkpoint(tx, progress)


def _of_type(text: bytes, wanted: str | None) -> tuple[list[Refusal], bytes]:
    """Lines of another type than the input says are refused, and left empty so that the others keep their number."""
    if wanted is None:
        return [], text
    refusals: list[Refusal] = []
    lines = text.split(b"\n")
    for number, line in enumerate(lines, start=1):
        found = _type_of(line) if line.strip() else wanted
        if found is not None and found != wanted:
            refusals.append((number, f"The input is of type {wanted}; this is {found[:60]!r}."))
            lines[number - 1] = b""
    return refusals, b"\n".join(lines)


def _type_of(line: bytes) -> str | None:
    """The resource type that a line names; None where it is no JSON, which loading says better."""
    try:
        return _head(line).resourceType
    except msgspec.DecodeError:
        return None


def _refusal(text: str) -> Refusal:
    found = _PLACE.fullmatch(text)
    return (int(found[1]), found[2]) if found else (None, text)


def _line(refusal: Refusal) -> int:
    return refusal[0] or 0


def _counted(progress: dict[str, Any], loaded: Loaded, refused: int) -> dict[str, Any]:
    counts = [dict(each) for each in progress["counts"]]
    own = counts[progress["input"]]
    own["stored"] += loaded.stored
    own["unchanged"] += loaded.unchanged
    own["refused"] += refused
    return {
        **progress,
        "counts": counts,
        "resources": progress["resources"] + loaded.stored + loaded.unchanged,
    }


def _outcome(source: str, line: int | None, reason: str) -> bytes:
    place = f"{source}, line {line}: " if line else f"{source}: "
    issue = {"severity": "error", "code": "processing", "diagnostics": place + reason}
    if line:
        issue |= {"location": [f"line {line}"]}  # type: ignore[dict-item]
    return _text({"resourceType": "OperationOutcome", "issue": [issue]})
