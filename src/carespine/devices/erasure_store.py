"""The queries of erasing for good. The patient key comes first."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from carespine.devices.chunks import pack, unpack
from carespine.devices.metrics import metric
from carespine.devices.models import Erasure
from carespine.devices.samples import Samples
from carespine.devices.store import ChunkKey, joined

if TYPE_CHECKING:
    from carespine.storage.database import Connection


async def numbers_of(tx: Connection, patient: int, client: str) -> frozenset[int]:
    """The numbers of the imports and batches that a client sent: readings carry them as their origin."""
    rows = await tx.fetch(
        "select number from device_import where patient = $1 and client = $2 "
        "union select number from device_batch where patient = $1 and client = $2",
        patient,
        client,
    )
    return frozenset(row["number"] for row in rows)


async def every_chunk(tx: Connection, patient: int) -> AsyncIterator[tuple[ChunkKey, Samples]]:
    """All chunks of a patient, one source and metric at a time."""
    of = await tx.fetch(
        "select distinct metric, source from device_chunk where patient = $1 order by 1, 2", patient
    )
    for one in of:
        rows = await tx.fetch(
            "select metric, source, month, body from device_chunk "
            "where patient = $1 and metric = $2 and source = $3 order by month, first_ms",
            patient,
            one["metric"],
            one["source"],
        )
        for key, samples in joined(rows).items():
            yield key, samples


async def forget_withdrawn(
    tx: Connection, patient: int, origins: frozenset[int], classes: Sequence[str]
) -> None:
    """Drop what had been taken back of these readings too."""
    rows = await tx.fetch(
        "select number, metric, source, month, body from device_withdrawn where patient = $1", patient
    )
    numbers = np.array(sorted(origins), dtype=np.int32)
    for row in rows:
        of = metric(row["metric"])
        samples = unpack(row["body"], of)
        going = np.isin(samples.origin, numbers)
        if (classes and of.data_class not in classes) or not going.any():
            continue
        key = (patient, row["number"], row["metric"], row["source"], row["month"])
        place = "patient = $1 and number = $2 and metric = $3 and source = $4 and month = $5"
        if going.all():
            await tx.execute(f"delete from device_withdrawn where {place}", *key)  # noqa: S608 -- a constant
            continue
        left = samples.take(~going)
        await tx.execute(
            f"update device_withdrawn set readings = $6, body = $7 where {place}",  # noqa: S608 -- a constant
            *key,
            len(left),
            pack(left, of),
        )


async def save(tx: Connection, patient: int, done: Erasure, *, sender: str) -> None:
    """Write down that something was erased, not what."""
    await tx.execute(
        "insert into device_erasure (patient, at, sender, label, classes, readings) values ($1, $2, $3, $4, $5, $6) "
        "on conflict (patient, at, sender) do update set readings = device_erasure.readings + excluded.readings",
        patient,
        done.at,
        sender,
        done.label,
        json.dumps(list(done.classes)),
        done.readings,
    )


async def erasures(tx: Connection, patient: int) -> tuple[Erasure, ...]:
    """What the patient erased, the newest first; an erasure that found nothing is left out."""
    rows = await tx.fetch(
        "select label, classes, readings, at from device_erasure where patient = $1 and readings > 0 "
        "order by at desc",
        patient,
    )
    return tuple(
        Erasure(row["label"], tuple(json.loads(row["classes"])), row["readings"], row["at"]) for row in rows
    )


async def note_purge(tx: Connection, patient: int, resources: Iterable[str]) -> None:
    """Resources (Type/id) whose earlier versions must go."""
    await tx.execute(
        "insert into device_purge (patient, resource) select $1, * from unnest($2::text[]) on conflict do nothing",
        patient,
        sorted(resources),
    )


async def take_purge(tx: Connection, patient: int) -> list[str]:
    """What must go, which it has when the transaction ends well."""
    rows = await tx.fetch("delete from device_purge where patient = $1 returning resource", patient)
    return [row["resource"] for row in rows]
