"""Writing the audit trail: within a verb's transaction, or grouped for reads that have none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from carespine.kernel.clock import Clock
from carespine.security.audit_event import Event, body, tells_the_same

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.storage.database import Connection, Database

_COLUMNS = ["patient", "recorded", "body"]
# A statement that is prepared costs less than a COPY, which is prepared each time, until there are many rows.
_FEW = 100
_Row = tuple[int, "datetime", bytes]
_INSERT = (
    "insert into audit_event (patient, recorded, body) "
    "select * from unnest($1::bigint[], $2::timestamptz[], $3::bytea[])"
)


class AuditLog:
    """The trail of one process. `append` joins a transaction; `record` returns once the event is stored."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._waiting: list[_Row] = []
        self._askers: list[asyncio.Future[None]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def append(self, tx: Connection, events: Sequence[Event]) -> None:
        """Store the events with the caller's transaction: both stand or neither does."""
        if events:
            await _store(tx, self._rows(events))

    async def record(self, events: Sequence[Event]) -> None:
        """Store the events now; those of requests that arrive meanwhile share one commit."""
        if not events:
            return
        self._waiting.extend(self._rows(events))
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._askers.append(stored)
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        await stored

    async def _flush(self) -> None:
        try:
            while self._waiting:
                rows, self._waiting = self._waiting, []
                askers, self._askers = self._askers, []
                try:
                    async with self._database.kept_plans() as connection:
                        await _store(connection, rows)
                except BaseException as error:
                    for asker in askers:
                        if not asker.done():  # a request may have been given up
                            asker.set_exception(error)
                    if not isinstance(error, Exception):
                        raise
                else:
                    for asker in askers:
                        if not asker.done():
                            asker.set_result(None)
        finally:
            self._flusher = None

    def _rows(self, events: Sequence[Event]) -> list[_Row]:
        """A row for each event; those of one search differ by their patient only, who is no part of the text."""
        now = self._clock()
        first, text = events[0], body(events[0], recorded=now)
        rows = [(first.patient, now, text)]
        for event in events[1:]:
            if not tells_the_same(event, first):
                first, text = event, body(event, recorded=now)
            rows.append((event.patient, now, text))
        return rows


async def _store(connection: Connection, rows: Sequence[_Row]) -> None:
    if len(rows) > _FEW:
        await connection.copy_records_to_table("audit_event", records=rows, columns=_COLUMNS)
    else:
        await connection.execute(_INSERT, *(list(column) for column in zip(*rows, strict=True)))
