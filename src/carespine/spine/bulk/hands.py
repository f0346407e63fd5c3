"""Who stores the pieces of an import: the server process itself, or processes that it starts for the purpose."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from carespine.spine.load_helpers import WORTH_HELP_BYTES, Helpers, worth
from carespine.spine.loading import MANY, Loaded, load_alone, load_shared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from carespine.security.door import Door
    from carespine.spine.jobs.handle import Handle


class Hands:
    """Who stores the pieces of one import: this process, or helpers once there is a piece that is worth them.

    Used as an asynchronous context; `look` has the database look at what it stores as often as that doubles.
    """

    def __init__(self, door: Door, job: Handle, url: str, validation: Mapping[str, str]) -> None:
        self._door, self._job, self._url, self._validation = door, job, url, validation
        self._helpers: Helpers | None = None
        self._stored, self._looked_at = 0, 0

    async def __aenter__(self) -> Hands:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._helpers is not None:
            await self._helpers.close()
            await asyncio.to_thread(self._helpers.end)

    async def load(self, path: Path, size: int) -> Loaded:
        """Store a piece of so many bytes."""
        if self._helpers is None and worth() > 1 and size >= WORTH_HELP_BYTES:
            self._helpers = await asyncio.to_thread(Helpers.start, worth())
            self._helpers.url, self._helpers.validation = self._url, self._validation
            await self._helpers.begin(self._job.actor)
        if self._helpers is not None:
            loaded = await load_shared(self._helpers, [path], _untold)
        else:
            loaded = await load_alone(self._door, self._job.actor, [path], _untold)
        self._stored += loaded.stored
        return loaded

    async def look(self, *, at_last: bool = False) -> None:
        new = self._stored - self._looked_at
        if new >= MANY and (at_last or new >= self._looked_at):
            self._looked_at = self._stored
            await self._door.look()


def _untold(_count: int) -> None:
    """The checkpoint tells."""
