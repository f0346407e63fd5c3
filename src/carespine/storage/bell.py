"""The bell between processes: whoever commits work rings it, and those who wait for that kind of work wake up.

Only a ring that is heard saves time: everyone who waits also looks by themselves now and then, so that a lost
connection, or a pooler that does not pass notifications on, costs a second and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import asyncpg

from carespine.kernel.errors import Unavailable

if TYPE_CHECKING:
    from carespine.storage.database import Connection, Database

_CHANNEL = "carespine"
_RETRY_S = 1.0


async def ring(tx: Connection, topic: str) -> None:
    """Wake those who wait for this topic, in every process, once the transaction is committed."""
    await tx.execute("select pg_notify($1, $2)", _CHANNEL, topic)


class Bell:
    """Hears the rings in this process. Without `run` at work, waiting only lasts its time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, set[asyncio.Event]] = {}

    async def run(self) -> None:
        """Listen until cancelled, on a connection of its own, again and again where it is lost."""
        while True:
            try:
                async with self._database.dedicated() as connection:
                    lost = asyncio.Event()
                    connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
                    await connection.add_listener(_CHANNEL, self._heard)
                    self._wake_all()
                    await lost.wait()
            except (OSError, Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError):
                pass
            await asyncio.sleep(_RETRY_S)

    async def wait(self, topic: str, *, seconds: float) -> None:
        """Until the next ring for the topic, or so many seconds."""
        await self.wait_any((topic,), seconds=seconds)

    async def wait_any(self, topics: Sequence[str], *, seconds: float) -> None:
        """Until the next ring for one of the topics, or so many seconds."""
        event = asyncio.Event()
        for topic in topics:
            self._waiting.setdefault(topic, set()).add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            for topic in topics:
                self._waiting[topic].discard(event)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        for event in self._waiting.get(str(payload), ()):
            event.set()

    def _wake_all(self) -> None:
        """What was rung while nobody listened is not known: have everyone look."""
        for events in self._waiting.values():
            for event in events:
                event.set()
