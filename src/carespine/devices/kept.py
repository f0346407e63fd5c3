"""The summary as it was last worked out, kept beside the readings: used only while nothing it follows from changed.

Its stamp covers the patient's last write to the readings (`device_ledger.imports`, which every import, batch and
erasing takes a number of), the date of birth, the targets set for them, and the code of this domain. Whoever changes
anything else that a summary follows from (the patient's ranking of sources), publishes it anew in the same transaction.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

import msgspec

from carespine.devices.models import Result, Source
from carespine.devices.thresholds import Thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carespine.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Kept:
    """What a page shows of the readings, but for the imports. `period` is the review period, as in 2026-11."""

    period: str
    first_day: date
    last_day: date
    results: tuple[Result, ...]
    not_shared: tuple[str, ...]
    sources: tuple[Source, ...]


_DECODER = msgspec.msgpack.Decoder(Kept)


async def write_number(tx: Connection, patient: int) -> int:
    """The number of the patient's last write to the readings; to be asked before a summary is worked out."""
    number: int | None = await tx.fetchval("select imports from device_ledger where patient = $1", patient)
    return number or 0


def stamp(number: int, born: date | None, thresholds: Thresholds) -> bytes:
    """A digest of what a summary follows from. A write since `number` gives another one."""
    targets = sorted((key, one.value, one.source) for key, one in thresholds.items())
    return hashlib.sha256(f"{number}|{born}|{targets}|{_code()}".encode()).digest()


async def save(tx: Connection, patient: int, summary: Kept, *, stamp: bytes) -> None:
    """Keep the summary of what the stamp was made of."""
    await tx.execute(
        "insert into device_summary (patient, stamp, body) values ($1, $2, $3) "
        "on conflict (patient) do update set stamp = excluded.stamp, body = excluded.body",
        patient,
        stamp,
        msgspec.msgpack.encode(summary),
    )


async def load(tx: Connection, patient: int, *, stamp: bytes) -> Kept | None:
    """The summary, where it was worked out from the same; None otherwise."""
    body = await tx.fetchval(
        "select body from device_summary where patient = $1 and stamp = $2", patient, stamp
    )
    return None if body is None else _DECODER.decode(body)


async def forget(tx: Connection, patient: int) -> None:
    """Drop what is kept: it holds readings that were erased."""
    await tx.execute("delete from device_summary where patient = $1", patient)


@cache
def _code() -> str:
    """A digest of this domain's code and data: what another version worked out is not used."""
    digest = hashlib.sha256()
    for file in _files(resources.files("carespine.devices")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _files(folder: Traversable) -> Iterator[Traversable]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _files(entry)
        elif entry.name.endswith((".py", ".toml")):
            yield entry
