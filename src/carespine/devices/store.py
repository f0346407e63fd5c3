"""The queries on this domain's own tables. Every one of them begins with the patient key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from carespine.devices.chunks import pack, unpack
from carespine.devices.metrics import Metric, metric
from carespine.devices.models import ImportResult, Reason
from carespine.devices.samples import DAY_MS, MINUTE_MS, Samples, SourceIdentity, concatenate

if TYPE_CHECKING:
    import asyncpg

    from carespine.storage.database import Connection

ChunkKey = tuple[str, int, int]
"""Metric, source and month (yyyymm in UTC)."""

# Ours: a live batch rewrites a piece of this many readings in some milliseconds, whatever the month holds.
PIECE_READINGS = 16_384


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a chunk as bytes. Its readings start within [first_ms, last_ms]; pieces never overlap."""

    readings: int
    first_ms: int
    last_ms: int
    body: bytes


Packed = tuple[Piece, ...]
"""A chunk as its pieces, in order of time."""

_SOURCE_COLUMNS = ("platform", "app", "device", "maker", "model", "hardware", "kind")
_EPOCH_YEAR = 1970


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write a patient's readings until the transaction ends, and the import's number."""

    patient: int
    number: int


async def claim(tx: Connection, patient: int) -> Claim:
    """Queue up behind other imports for this patient and take the next import number."""
    number = await tx.fetchval(
        "insert into device_ledger (patient, imports) values ($1, 1) "
        "on conflict (patient) do update set imports = device_ledger.imports + 1 returning imports",
        patient,
    )
    return Claim(patient, number)


def months(samples: Samples) -> np.ndarray:
    """The month (yyyymm in UTC) of each reading's start."""
    count = samples.start_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    result: np.ndarray = (count // 12 + _EPOCH_YEAR) * 100 + count % 12 + 1
    return result


def month_span(first_ms: int, last_ms: int) -> tuple[int, int]:
    """The months (yyyymm) in which readings that start within these moments are kept."""
    return _month(first_ms), _month(last_ms)


def _month(moment_ms: int) -> int:
    count = int(np.datetime64(moment_ms, "ms").astype("datetime64[M]").astype(int))
    return (count // 12 + _EPOCH_YEAR) * 100 + count % 12 + 1


async def chunks(tx: Connection, patient: int, keys: Sequence[ChunkKey]) -> dict[ChunkKey, Samples]:
    """The chunks with these keys that exist."""
    rows = await tx.fetch(
        "select c.metric, c.source, c.month, c.body from device_chunk c "
        "join unnest($2::text[], $3::bigint[], $4::int[]) as wanted(metric, source, month) "
        "using (metric, source, month) where c.patient = $1 order by c.metric, c.source, c.month, c.first_ms",
        patient,
        *([key[place] for key in keys] for place in range(3)),
    )
    return joined(rows)


def joined(rows: Iterable[asyncpg.Record]) -> dict[ChunkKey, Samples]:
    """The chunks of rows that come in order of time: each row is a piece."""
    parts: dict[ChunkKey, list[Samples]] = {}
    for row in rows:
        opened = unpack(row["body"], metric(row["metric"]))
        parts.setdefault((row["metric"], row["source"], row["month"]), []).append(opened)
    return {key: concatenate(pieces) for key, pieces in parts.items()}


def pack_all(contents: Mapping[ChunkKey, Samples]) -> dict[ChunkKey, Packed]:
    """The chunks as bytes, in pieces. Each is in order of time. Pure and slow enough for a thread."""
    return {key: _pieces(samples, metric(key[0])) for key, samples in contents.items()}


def _pieces(samples: Samples, of: Metric) -> Packed:
    """Equal stretches; readings that start together stay together."""
    count = -(-len(samples) // PIECE_READINGS)
    wished = [place * len(samples) // count for place in range(1, count)]
    cuts = np.unique(np.searchsorted(samples.start_ms, samples.start_ms[wished], side="left"))
    edges = [0, *(int(cut) for cut in cuts if cut), len(samples)]
    parts = [samples if count == 1 else samples.take(np.arange(low, high)) for low, high in pairwise(edges)]
    return tuple(
        Piece(len(part), int(part.start_ms[0]), int(part.start_ms[-1]), pack(part, of)) for part in parts
    )


async def save_chunks(tx: Connection, patient: int, contents: Mapping[ChunkKey, Packed]) -> None:
    """Replace these chunks by their new contents."""
    await drop_chunks(tx, patient, list(contents))
    await add_pieces(tx, patient, contents)


async def drop_chunks(tx: Connection, patient: int, keys: Sequence[ChunkKey]) -> None:
    """Remove these chunks with all their pieces."""
    await tx.execute(
        "delete from device_chunk c using unnest($2::text[], $3::bigint[], $4::int[]) as w(metric, source, month) "
        "where c.patient = $1 and c.metric = w.metric and c.source = w.source and c.month = w.month",
        patient,
        *([key[place] for key in keys] for place in range(3)),
    )


async def add_pieces(tx: Connection, patient: int, contents: Mapping[ChunkKey, Packed]) -> None:
    """Add pieces where none lies; what they replace was dropped before."""
    await tx.executemany(
        "insert into device_chunk (patient, metric, source, month, readings, first_ms, last_ms, body) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (patient, *key, piece.readings, piece.first_ms, piece.last_ms, piece.body)
            for key, pieces in contents.items()
            for piece in pieces
        ],
    )


async def sources_with(tx: Connection, patient: int, key: str, sources: Sequence[int]) -> frozenset[int]:
    """Which of these sources have readings of a metric."""
    rows = await tx.fetch(
        "select distinct source from device_chunk "
        "where patient = $1 and metric = $2 and source = any($3::bigint[])",
        patient,
        key,
        list(sources),
    )
    return frozenset(row["source"] for row in rows)


async def every_reading(tx: Connection, patient: int, key: str, source: int) -> Samples:
    """All readings of a sparse metric from one source."""
    rows = await tx.fetch(
        "select body from device_chunk where patient = $1 and metric = $2 and source = $3 order by month, first_ms",
        patient,
        key,
        source,
    )
    return concatenate([unpack(row["body"], metric(key)) for row in rows])


async def remove(tx: Connection, patient: int, key: str, source: int) -> None:
    """Forget the readings of one metric from one source, because they are kept under another metric."""
    await tx.execute(
        "delete from device_chunk where patient = $1 and metric = $2 and source = $3", patient, key, source
    )


async def window(
    tx: Connection, patient: int, metrics: Iterable[str], *, first_ms: int, last_ms: int
) -> dict[str, dict[int, Samples]]:
    """The readings that start within [first_ms, last_ms], by metric and source, exactly as stored."""
    low, high = month_span(first_ms, last_ms)
    rows = await tx.fetch(
        "select metric, source, body from device_chunk "
        "where patient = $1 and metric = any($2::text[]) and month between $3 and $4 "
        "and first_ms <= $6 and last_ms >= $5 order by metric, source, month, first_ms",
        patient,
        list(metrics),
        low,
        high,
        first_ms,
        last_ms,
    )
    found = ((row["metric"], row["source"], unpack(row["body"], metric(row["metric"]))) for row in rows)
    return within(found, first_ms=first_ms, last_ms=last_ms)


def within(
    found: Iterable[tuple[str, int, Samples]], *, first_ms: int, last_ms: int
) -> dict[str, dict[int, Samples]]:
    """Chunks (metric, source, readings), cut to the readings that start within [first_ms, last_ms]."""
    parts: dict[str, dict[int, list[Samples]]] = {}
    for key, source, samples in found:
        inside = (samples.start_ms >= first_ms) & (samples.start_ms <= last_ms)
        if inside.any():
            kept = samples if inside.all() else samples.take(inside)
            parts.setdefault(key, {}).setdefault(source, []).append(kept)
    return {key: {source: concatenate(some) for source, some in of.items()} for key, of in parts.items()}


async def days_of(tx: Connection, patient: int, key: str) -> set[int]:
    """The local days on which a metric has readings."""
    rows = await tx.fetch("select body from device_chunk where patient = $1 and metric = $2", patient, key)
    found = [unpack(row["body"], metric(key)).local_day() for row in rows]
    return {int(day) for days in found for day in np.unique(days)}


async def months_kept(tx: Connection, patient: int) -> list[int]:
    """The months (yyyymm) in which the patient has readings, in order."""
    rows = await tx.fetch(
        "select distinct month from device_chunk where patient = $1 order by month", patient
    )
    return [row["month"] for row in rows]


@dataclass(frozen=True, slots=True)
class Latest:
    """The local day (days since 1970) of a patient's latest reading, and at what time of that day it ended."""

    day: int
    ended_ms: int


# A reading of the latest local day starts within this of the latest start: offsets and a day's length included.
_NEAR_THE_END_MS = 3 * DAY_MS


async def latest(tx: Connection, patient: int) -> Latest | None:
    """The latest reading of any metric; None where there is none."""
    rows = await tx.fetch(
        "select metric, body from device_chunk where patient = $1 "
        "and last_ms >= (select max(last_ms) from device_chunk where patient = $1) - $2::bigint",
        patient,
        _NEAR_THE_END_MS,
    )
    return latest_of([unpack(row["body"], metric(row["metric"])) for row in rows])


def latest_of(found: Sequence[Samples]) -> Latest | None:
    """The latest of these readings; None where there is none."""
    if not found:
        return None
    day = max(int(samples.local_day().max()) for samples in found)
    ends = [
        int((samples.end_ms + samples.offset_min.astype(np.int64) * MINUTE_MS).max()) for samples in found
    ]
    return Latest(day, max(ends) - day * DAY_MS)


async def save_sources(tx: Connection, patient: int, sources: Iterable[SourceIdentity]) -> None:
    """Note the sources; one that is known keeps its row, but its kind may be known better now."""
    await tx.executemany(
        "insert into device_source (patient, source, platform, app, device, maker, model, hardware, kind) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
        "on conflict (patient, source) do update set kind = excluded.kind",
        [
            (patient, source.key, *(getattr(source, column) for column in _SOURCE_COLUMNS))
            for source in sorted(sources, key=lambda item: item.key)
        ],
    )


async def sources(tx: Connection, patient: int) -> dict[int, SourceIdentity]:
    """Every source of the patient, by its key."""
    rows = await tx.fetch("select * from device_source where patient = $1", patient)
    return {
        row["source"]: SourceIdentity(**{column: row[column] for column in _SOURCE_COLUMNS}) for row in rows
    }


async def save_import(
    tx: Connection, entitled: Claim, result: ImportResult, *, idempotency_key: str, not_shared: Sequence[str]
) -> None:
    """Write down what an import did."""
    await tx.execute(
        "insert into device_import (patient, number, id, client, idempotency_key, adapter, sha256, state, "
        "read, stored, duplicate, rejected, reasons, notices, not_shared, received, report, task) values "
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        entitled.patient,
        entitled.number,
        result.import_id,
        result.client,
        idempotency_key,
        result.adapter,
        bytes.fromhex(result.sha256),
        result.state,
        result.read,
        result.stored,
        result.duplicate,
        result.rejected,
        json.dumps([[reason.code, reason.sentence, reason.count] for reason in result.reasons]),
        json.dumps(result.notices),
        json.dumps(list(not_shared)),
        result.received_at,
        result.report_id,
        result.task_id,
    )


async def set_summary(tx: Connection, entitled: Claim, *, report: str, task: str) -> None:
    """Note which summary and Task an import led to."""
    await tx.execute(
        "update device_import set report = $3, task = $4 where patient = $1 and number = $2",
        entitled.patient,
        entitled.number,
        report,
        task,
    )


async def import_by_key(
    tx: Connection, patient: int, patient_id: str, *, client: str, idempotency_key: str
) -> ImportResult | None:
    """The import that this client sent under this key, or None."""
    row = await tx.fetchrow(
        "select * from device_import where patient = $1 and client = $2 and idempotency_key = $3",
        patient,
        client,
        idempotency_key,
    )
    return None if row is None else _import(row, patient_id)


async def import_by_id(tx: Connection, patient: int, patient_id: str, import_id: str) -> ImportResult | None:
    """The import with this id among the patient's, or None."""
    row = await tx.fetchrow("select * from device_import where patient = $1 and id = $2", patient, import_id)
    return None if row is None else _import(row, patient_id)


async def imports(tx: Connection, patient: int, patient_id: str) -> dict[int, ImportResult]:
    """Every import of the patient by its number, newest first."""
    rows = await tx.fetch("select * from device_import where patient = $1 order by number desc", patient)
    return {row["number"]: _import(row, patient_id) for row in rows}


async def classes_not_shared(tx: Connection, patient: int) -> frozenset[str]:
    """The data classes that the newest import or batch of every client was refused: no client may bring them."""
    rows = await tx.fetch(
        "select distinct on (client) not_shared from (select client, number, not_shared from device_import "
        "where patient = $1 union all select client, number, not_shared from device_batch where patient = $1) sent "
        "order by client, number desc",
        patient,
    )
    refused = [frozenset(json.loads(row["not_shared"])) for row in rows]
    return frozenset.intersection(*refused) if refused else frozenset()


def _import(row: asyncpg.Record | Mapping[str, Any], patient_id: str) -> ImportResult:
    received: datetime = row["received"]
    return ImportResult(
        import_id=row["id"],
        patient_id=patient_id,
        client=row["client"],
        adapter=row["adapter"],
        state=row["state"],
        read=row["read"],
        stored=row["stored"],
        duplicate=row["duplicate"],
        rejected=row["rejected"],
        reasons=tuple(Reason(*reason) for reason in json.loads(row["reasons"])),
        notices=tuple(json.loads(row["notices"])),
        sha256=row["sha256"].hex(),
        received_at=received,
        report_id=row["report"],
        task_id=row["task"],
    )
