"""The queries of live ingestion: answers by key, what is pending, readings taken back. The patient key comes first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carespine.devices.chunks import unpack
from carespine.devices.metrics import metric
from carespine.devices.samples import Samples
from carespine.devices.store import ChunkKey, Claim, Packed

if TYPE_CHECKING:
    from carespine.storage.database import Connection


async def answer(
    tx: Connection, patient: int, *, client: str, idempotency_key: str
) -> tuple[bytes, dict[str, Any]] | None:
    """The hash and the answer of the batch that this client sent under this key, or None."""
    row = await tx.fetchrow(
        "select sha256, answer from device_batch where patient = $1 and client = $2 and idempotency_key = $3",
        patient,
        client,
        idempotency_key,
    )
    return None if row is None else (row["sha256"], json.loads(row["answer"]))


async def save_answer(
    tx: Connection,
    claim: Claim,
    made: Mapping[str, Any],
    *,
    client: str,
    idempotency_key: str,
    sha256: bytes,
    now: datetime,
) -> None:
    """Write down what a batch did."""
    await tx.execute(
        "insert into device_batch (patient, number, client, idempotency_key, sha256, answer, received) "
        "values ($1, $2, $3, $4, $5, $6, $7)",
        claim.patient,
        claim.number,
        client,
        idempotency_key,
        sha256,
        json.dumps(made),
        now,
    )


async def hold(tx: Connection, patient: int) -> None:
    """Queue up behind other writers of this patient."""
    await tx.execute("select 1 from device_ledger where patient = $1 for update", patient)


async def note_pending(
    tx: Connection, patient: int, days: Mapping[str, set[int]], stale: Iterable[str]
) -> None:
    """Days and Observations that the record must follow."""
    pairs = [(key, day) for key, found in days.items() for day in sorted(found)]
    await tx.execute(
        "insert into device_pending (patient, metric, day) "
        "select $1, * from unnest($2::text[], $3::int[]) on conflict do nothing",
        patient,
        [key for key, _ in pairs],
        [day for _, day in pairs],
    )
    await tx.execute(
        "insert into device_stale (patient, observation) select $1, * from unnest($2::text[]) on conflict do nothing",
        patient,
        sorted(stale),
    )


async def take_pending(tx: Connection, patient: int) -> tuple[dict[str, set[int]], list[str]]:
    """What is pending, which it is no longer when the transaction ends well."""
    rows = await tx.fetch("delete from device_pending where patient = $1 returning metric, day", patient)
    days: dict[str, set[int]] = {}
    for row in rows:
        days.setdefault(row["metric"], set()).add(row["day"])
    stale = await tx.fetch("delete from device_stale where patient = $1 returning observation", patient)
    return days, [row["observation"] for row in stale]


async def has_waiting_job(tx: Connection, owner: str) -> bool:
    """Whether a job of this owner has not begun yet."""
    return bool(
        await tx.fetchval("select exists (select 1 from job where owner = $1 and state = 'waiting')", owner)
    )


async def drop_chunks(tx: Connection, patient: int, keys: Sequence[ChunkKey]) -> None:
    """Chunks without any reading left."""
    await tx.executemany(
        "delete from device_chunk where patient = $1 and metric = $2 and source = $3 and month = $4",
        [(patient, *key) for key in keys],
    )


async def chunks_of(tx: Connection, patient: int, source: int) -> dict[ChunkKey, Samples]:
    """Every chunk of one source."""
    rows = await tx.fetch(
        "select metric, source, month, body from device_chunk where patient = $1 and source = $2",
        patient,
        source,
    )
    return {
        (row["metric"], row["source"], row["month"]): unpack(row["body"], metric(row["metric"]))
        for row in rows
    }


async def save_withdrawn(
    tx: Connection, claim: Claim, removed: Mapping[ChunkKey, Packed], *, now: datetime
) -> None:
    """Keep what was taken back, as it was."""
    await tx.executemany(
        "insert into device_withdrawn (patient, number, metric, source, month, readings, body, at) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (claim.patient, claim.number, *key, readings, body, now)
            for key, (readings, body) in removed.items()
        ],
    )


async def rankings(tx: Connection, patient: int) -> dict[str, tuple[int, ...]]:
    """The patient's own order of sources, by metric."""
    rows = await tx.fetch(
        "select metric, source from device_ranking where patient = $1 order by metric, place", patient
    )
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["metric"], []).append(row["source"])
    return {key: tuple(sources) for key, sources in found.items()}


async def save_ranking(tx: Connection, patient: int, key: str, sources: Sequence[int]) -> None:
    """Replace the order for one metric; none at all goes back to the metric's own order."""
    await tx.execute("delete from device_ranking where patient = $1 and metric = $2", patient, key)
    await tx.executemany(
        "insert into device_ranking (patient, metric, place, source) values ($1, $2, $3, $4)",
        [(patient, key, place, source) for place, source in enumerate(sources)],
    )
