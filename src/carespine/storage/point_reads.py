"""Reading single resources by id for many askers at once: those who come while a statement runs share the next one.

One statement for eight ids costs the database and this process little more than one for a single id. Nobody gets
what was read before they asked: a statement begins after all whom it answers have come. Those who were answered
together tend to come back together: the next statement waits for as many of them, a millisecond at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from carespine.kernel.gathering import Gathering
from carespine.storage.resources import read_many
from carespine.storage.sql import Arguments

if TYPE_CHECKING:
    from carespine.storage.database import Database
    from carespine.storage.rows import Stored

Reachable = Callable[[Arguments, str], str]
Identity = tuple[str, str]
# Ours: statements under way at once, each for another reach, so that a slow one holds up nobody else; ids in each.
_AT_ONCE = 4
_MOST_IDS = 256
# Ours: for how many reaches it is known how many come.
_MOST_REACHES = 256


@dataclass(slots=True)
class _Group:
    """Those who ask with the same reach."""

    reachable: Reachable
    gathering: Gathering
    asked: dict[Identity, list[asyncio.Future[Stored | None]]] = field(default_factory=dict)

    def add(self, identity: Identity, future: asyncio.Future[Stored | None]) -> None:
        self.asked.setdefault(identity, []).append(future)
        self.gathering.came()


class PointReads:
    """The shared reads of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[Hashable, _Group] = {}
        self._running: dict[Hashable, asyncio.Task[None]] = {}
        self._usual: dict[Hashable, int] = {}

    async def read(
        self, resource_type: str, resource_id: str, *, reach: Hashable, reachable: Reachable
    ) -> Stored | None:
        """The current version (also of a deleted resource), None where there is none within reach.

        `reachable` gives the condition on the rows, and must be the same for all who ask with the same `reach`.
        """
        future: asyncio.Future[Stored | None] = asyncio.get_running_loop().create_future()
        group = self._waiting.get(reach)
        if group is None:
            group = self._waiting[reach] = _Group(reachable, Gathering(self._usual.get(reach, 1)))
        group.add((resource_type, resource_id), future)
        self._start()
        return await future

    def _start(self) -> None:
        """Set to work for those who have waited longest, one statement for each reach at a time."""
        if len(self._running) >= _AT_ONCE:
            return
        for reach in [reach for reach in self._waiting if reach not in self._running]:
            if len(self._running) < _AT_ONCE:
                self._running[reach] = asyncio.create_task(self._run(reach))

    async def _run(self, reach: Hashable) -> None:
        try:
            await self._waiting[reach].gathering.wait()
            group = self._waiting.pop(reach)
            if len(self._usual) >= _MOST_REACHES:
                self._usual.clear()
            self._usual[reach] = group.gathering.count
            await self._answer(group)
        finally:
            del self._running[reach]
            self._start()

    async def _answer(self, group: _Group) -> None:
        identities = list(group.asked)
        try:
            found: dict[Identity, Stored] = {}
            async with self._database.kept_plans() as connection:
                for start in range(0, len(identities), _MOST_IDS):
                    found |= await read_many(
                        connection, identities[start : start + _MOST_IDS], group.reachable
                    )
        except BaseException as error:
            for futures in group.asked.values():
                _fail(futures, error)
            if not isinstance(error, Exception):
                raise
            return
        for identity, futures in group.asked.items():
            for future in futures:
                if not future.done():  # its asker may have gone
                    future.set_result(found.get(identity))


def _fail(futures: list[asyncio.Future[Stored | None]], error: BaseException) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
            with suppress(BaseException):
                future.exception()  # whoever still waits raises it; the future itself need not warn
