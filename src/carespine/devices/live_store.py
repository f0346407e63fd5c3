"""The queries of live ingestion: answers by key, what is pending, readings taken back. The patient key comes first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.devices.chunks import pack
from carespine.devices.metrics import metric
from carespine.devices.samples import Samples
from carespine.devices.store import PIECE_READINGS, ChunkKey, Claim, joined

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
    not_shared: Sequence[str],
    now: datetime,
) -> None:
    """Write down what a batch did."""
    await tx.execute(
        "insert into device_batch (patient, number, client, idempotency_key, sha256, answer, received, not_shared) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8)",
        claim.patient,
        claim.number,
        client,
        idempotency_key,
        sha256,
        msgspec.json.encode(made).decode(),
        now,
        json.dumps(list(not_shared)),
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


@dataclass(frozen=True, slots=True)
class Touched:
    """The stretch of a chunk that a batch touches: its readings, and the pieces (by first_ms) that hold them."""

    samples: Samples
    pieces: tuple[int, ...]


async def touched(
    tx: Connection, patient: int, spans: Mapping[ChunkKey, tuple[int, int]]
) -> dict[ChunkKey, Touched]:
    """The pieces that hold any start within [first_ms, last_ms], and a small one before, which grows by what comes."""
    rows = await tx.fetch(
        "select c.metric, c.source, c.month, c.first_ms, c.body "
        "from unnest($2::text[], $3::bigint[], $4::int[], $5::bigint[], $6::bigint[]) "
        "as w(metric, source, month, low, high) "
        "join device_chunk c on c.patient = $1 and c.metric = w.metric and c.source = w.source and c.month = w.month "
        "where (c.first_ms <= w.high and c.last_ms >= w.low) or (c.readings < $7 and c.first_ms = "
        "(select max(b.first_ms) from device_chunk b where b.patient = $1 and b.metric = w.metric "
        "and b.source = w.source and b.month = w.month and b.first_ms <= w.low)) "
        "order by c.metric, c.source, c.month, c.first_ms",
        patient,
        *([key[place] for key in spans] for place in range(3)),
        [low for low, _ in spans.values()],
        [high for _, high in spans.values()],
        PIECE_READINGS,
    )
    found = joined(rows)
    pieces: dict[ChunkKey, list[int]] = {}
    for row in rows:
        pieces.setdefault((row["metric"], row["source"], row["month"]), []).append(row["first_ms"])
    return {key: Touched(samples, tuple(pieces[key])) for key, samples in found.items()}


async def drop_pieces(tx: Connection, patient: int, pieces: Mapping[ChunkKey, Sequence[int]]) -> None:
    """Remove these pieces (by first_ms)."""
    await tx.executemany(
        "delete from device_chunk where patient = $1 and metric = $2 and source = $3 and month = $4 "
        "and first_ms = any($5::bigint[])",
        [(patient, *key, list(firsts)) for key, firsts in pieces.items() if firsts],
    )


async def chunks_of(tx: Connection, patient: int, source: int) -> dict[ChunkKey, Samples]:
    """Every chunk of one source."""
    rows = await tx.fetch(
        "select metric, source, month, body from device_chunk where patient = $1 and source = $2 "
        "order by metric, month, first_ms",
        patient,
        source,
    )
    return joined(rows)


async def save_withdrawn(
    tx: Connection, claim: Claim, removed: Mapping[ChunkKey, Samples], *, now: datetime
) -> None:
    """Keep what was taken back, as it was."""
    await tx.executemany(
        "insert into device_withdrawn (patient, number, metric, source, month, readings, body, at) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (claim.patient, claim.number, *key, len(samples), pack(samples, metric(key[0])), now)
            for key, samples in removed.items()
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
