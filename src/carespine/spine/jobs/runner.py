"""The workers' side: take a job under a lease, keep the lease while at work, end it or give it back.

What a crash interrupts is taken up again from its last checkpoint when the lease has run out, by any process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from carespine.kernel.errors import CarespineError, Unavailable
from carespine.kernel.ids import new_id
from carespine.spine.jobs.handle import TOPIC, Handler, handle_of
from carespine.storage import jobs
from carespine.storage.database import TRANSIENT
from carespine.storage.jobs import LEASE_S, LeaseLost

if TYPE_CHECKING:
    from carespine.kernel.clock import Clock
    from carespine.storage.bell import Bell
    from carespine.storage.database import Database
    from carespine.storage.jobs import JobRow

# Ours: how long a worker waits without being rung, and how many jobs one process has at work.
_IDLE_S, AT_ONCE = 1.0, 2
# Ours: a job that fails on our side so often without getting forward is given up.
_ATTEMPTS, _WAIT_S = 5, 2.0
_RENEW_S = LEASE_S / 3
_log = structlog.get_logger("carespine.jobs")


class Runner:
    """Runs jobs in this process. `keep` is how long a job and its files stay after its end."""

    def __init__(
        self,
        database: Database,
        bell: Bell,
        clock: Clock,
        handlers: Mapping[str, Handler],
        *,
        keep: timedelta,
    ) -> None:
        self._database, self._bell, self._clock = database, bell, clock
        self._handlers, self._keep = handlers, keep

    async def run(self) -> None:
        """Work until cancelled."""
        await asyncio.gather(*(self._loop() for _ in range(AT_ONCE)))

    async def _loop(self) -> None:
        while True:
            try:
                worked = await self.turn()
            except (Unavailable, OSError):
                worked = False
            if not worked:
                await self._bell.wait(TOPIC, seconds=_IDLE_S)

    async def turn(self) -> bool:
        """Take one job as far as it goes; False where there is none."""
        lease = new_id()
        async with self._database.connection() as connection:
            row = await jobs.claim(connection, lease, list(self._handlers))
        if row is None:
            return False
        try:
            async with self._kept(row.id, lease):
                await self._work(row, lease)
        except LeaseLost:
            _log.info("job let go", job=row.id, kind=row.kind)
        return True

    async def _work(self, row: JobRow, lease: str) -> None:
        failure: str | None = None
        try:
            await self._handlers[row.kind](handle_of(row, lease))
        except LeaseLost:
            raise
        except (*TRANSIENT, Unavailable):
            await self._postpone(row, lease)
            return
        except CarespineError as error:
            failure = error.message
        except Exception as error:
            _log.error(
                "job failed", job=row.id, kind=row.kind, error=type(error).__name__, tries=row.attempts
            )
            if row.attempts < _ATTEMPTS:
                await self._postpone(row, lease)
                return
            failure = "Something went wrong here; the log names this job by its id."
        now = self._clock()
        async with self._database.transaction() as tx:
            await jobs.finish(tx, row.id, lease, now=now, expires=now + self._keep, failure=failure)

    async def _postpone(self, row: JobRow, lease: str) -> None:
        async with self._database.connection() as connection:
            await jobs.postpone(connection, row.id, lease, seconds=_WAIT_S * row.attempts)

    @asynccontextmanager
    async def _kept(self, job_id: str, lease: str) -> AsyncIterator[None]:
        """Renew the lease for as long as this lasts; what is under way is cancelled when it is lost."""
        working = asyncio.current_task()
        lost = False

        async def renew() -> None:
            nonlocal lost
            while True:
                await asyncio.sleep(_RENEW_S)
                try:
                    async with self._database.connection() as connection:
                        await jobs.renew(connection, job_id, lease)
                except LeaseLost:
                    lost = True
                    if working is not None:
                        working.cancel()
                    return
                except (Unavailable, OSError):
                    continue

        renewing = asyncio.create_task(renew())
        try:
            yield
        except asyncio.CancelledError:
            if lost and working is not None and working.uncancel() == 0:
                raise LeaseLost from None
            raise
        finally:
            renewing.cancel()
