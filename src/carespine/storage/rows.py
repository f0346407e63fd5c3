"""What the tables hold: a stored version of a resource, and a write that is about to become one."""

from __future__ import annotations

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


class RowIds:
    """Makes row ids: microseconds since 1970 in the high bits, so that later is larger, and the writer in 12 bits.

    No two are alike: a process never gives out a microsecond twice, and the database numbers the processes that
    write to it. (Only the 4,097th would have the number of the first.)
    """

    def __init__(self) -> None:
        self._writer = random.SystemRandom().getrandbits(
            _WRITER_BITS
        )  # until the database has given a number
        self._last = 0

    def numbered(self, writer: int) -> None:
        """Make ids as the writer with this number from now on."""
        self._writer = writer % (1 << _WRITER_BITS)

    def new(self) -> int:
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last << _WRITER_BITS | self._writer


_WRITER_BITS = 12
row_ids = RowIds()
new_rid = row_ids.new
