"""Keeping this process's search parameters as the database says, without a restart."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from carespine.fhir import definitions
from carespine.fhir.definitions import SearchParameter
from carespine.kernel.errors import Unavailable
from carespine.kernel.ids import new_id
from carespine.storage import search_parameters as stored

if TYPE_CHECKING:
    from carespine.storage.bell import Bell
    from carespine.storage.database import Connection, Database
    from carespine.storage.search_parameters import ParameterRow

_LOOK_EVERY_S = 1.0
_SEEN_EVERY_S = 4.0


class KnownParameters:
    """What this process knows of added parameters. Every process that writes resources keeps one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._worker = new_id()
        self._known = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self, bell: Bell | None = None) -> None:
        """Learn what there is; then follow it until `stop`."""
        async with self._database.connection() as connection:
            await self._learn(connection)
            await stored.seen(connection, self._worker, self._known)
        self._task = asyncio.create_task(self._follow(bell))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with suppress(Unavailable, OSError):
            async with self._database.connection() as connection:
                await stored.leave(connection, self._worker)
        if self._known:
            definitions.add_parameters({}, unready=frozenset())

    async def _follow(self, bell: Bell | None) -> None:
        clock = asyncio.get_running_loop().time
        seen = clock()
        while True:
            if bell is not None:
                await bell.wait(stored.TOPIC, seconds=_LOOK_EVERY_S)
            else:
                await asyncio.sleep(_LOOK_EVERY_S)
            with suppress(Unavailable, OSError):
                async with self._database.connection() as connection:
                    learnt = await self._learn(connection)
                    if learnt or clock() - seen > _SEEN_EVERY_S:
                        await stored.seen(connection, self._worker, self._known)
                        seen = clock()

    async def _learn(self, connection: Connection) -> bool:
        """Take over the parameters where they changed; whether they did."""
        last = await stored.last_change(connection)
        if last == self._known:
            return False
        _install(await stored.rows(connection))
        self._known = last
        return True


def _install(rows: list[ParameterRow]) -> None:
    by_type: dict[str, dict[str, SearchParameter]] = {}
    for row in rows:
        for base in row.bases:
            own = definitions.alternatives_for(row.expression, base)
            parameter = SearchParameter(row.code, row.type, own, row.targets, (), row.url)
            by_type.setdefault(base, {})[row.code] = parameter
    unready = frozenset((base, row.code) for row in rows if not row.ready for base in row.bases)
    definitions.add_parameters(by_type, unready=unready)
