"""Writing the audit trail: within a verb's transaction, or grouped for reads that have none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from carespine.kernel.clock import Clock
from carespine.security.audit_event import Event, body

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.storage.database import Connection, Database

_COLUMNS = ["patient", "recorded", "body"]
# A statement that is prepared costs less than a COPY, which is prepared each time, until there are many rows.
_FEW = 20
_INSERT = (
    "insert into audit_event (patient, recorded, body) "
    "select * from unnest($1::bigint[], $2::timestamptz[], $3::bytea[])"
)


class AuditLog:
    """The trail of one process. `append` joins a transaction; `record` returns once the event is stored."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._waiting: list[tuple[int, datetime, bytes]] = []
        self._flushed: asyncio.Future[None] | None = None
        self._flusher: asyncio.Task[None] | None = None

    async def append(self, tx: Connection, events: Sequence[Event]) -> None:
        """Store the events with the caller's transaction: both stand or neither does."""
        rows = [self._row(event) for event in events]
        if len(rows) > _FEW:
            await tx.copy_records_to_table("audit_event", records=rows, columns=_COLUMNS)
        elif rows:
            await tx.execute(_INSERT, *(list(column) for column in zip(*rows, strict=True)))

    async def record(self, events: Sequence[Event]) -> None:
        """Store the events now; those of requests that arrive meanwhile share one commit."""
        if not events:
            return
        self._waiting.extend(self._row(event) for event in events)
        if self._flushed is None:
            self._flushed = asyncio.get_running_loop().create_future()
        flushed = self._flushed
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        await asyncio.shield(flushed)

    async def _flush(self) -> None:
        try:
            while self._waiting and self._flushed is not None:
                rows, self._waiting = self._waiting, []
                done, self._flushed = self._flushed, None
                try:
                    async with self._database.connection() as connection:
                        await connection.copy_records_to_table("audit_event", records=rows, columns=_COLUMNS)
                except BaseException as error:
                    done.set_exception(error)
                    with suppress(BaseException):
                        done.exception()  # each waiting request raises it; the future itself need not warn
                else:
                    done.set_result(None)
        finally:
            self._flusher = None

    def _row(self, event: Event) -> tuple[int, datetime, bytes]:
        now = self._clock()
        return event.patient, now, body(event, recorded=now)
