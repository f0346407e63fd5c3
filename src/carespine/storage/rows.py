"""What the tables hold: a stored version of a resource, and a write that is about to become one."""

from __future__ import annotations

import itertools
import random
import time
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.fhir.search import IndexEntries


class Stored(msgspec.Struct, frozen=True, gc=False):
    """One version of one resource, as the database holds it. `body` is empty where it was deleted."""

    type: str
    id: str
    version: int
    updated: datetime
    deleted: bool
    body: bytes
    patient: int
    rid: int

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"'


class Write(msgspec.Struct, frozen=True):
    """A version to be stored. `previous` is the current version, read for update; None for a new resource."""

    type: str
    id: str
    version: int
    updated: datetime
    deleted: bool
    body: bytes
    patient: int
    rid: int
    entries: IndexEntries | None
    previous: Stored | None

    def stored(self) -> Stored:
        return Stored(
            self.type,
            self.id,
            self.version,
            self.updated,
            self.deleted,
            self.body,
            self.patient,
            self.rid,
        )


_ticks = itertools.count(random.SystemRandom().getrandbits(12))


def new_rid() -> int:
    """A row id: microseconds since 1970 in the high bits, so that later is larger, and 12 bits that differ.

    Unique within a process; should two processes meet in one microsecond and one pattern, the primary key
    refuses the second and its transaction is run again.
    """
    return (time.time_ns() // 1000 << 12) | (next(_ticks) & 0xFFF)
