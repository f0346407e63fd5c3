"""Waiting a moment for those who tend to come together, so that one answer serves them all."""

from __future__ import annotations

import asyncio

# Ours: how long the first of a group waits for the others.
GATHER_S = 0.001


class Gathering:
    """A group that is wanted to be so many; `came` counts one, `wait` returns when all have come, or a moment later."""

    __slots__ = ("_full", "count", "wanted")

    def __init__(self, wanted: int = 1) -> None:
        self.wanted, self.count = wanted, 0
        self._full: asyncio.Future[None] | None = None

    def came(self) -> None:
        self.count += 1
        if self.count >= self.wanted:
            self._stop()

    def _stop(self) -> None:
        if self._full is not None and not self._full.done():
            self._full.set_result(None)

    async def wait(self) -> None:
        if self.count >= self.wanted:
            return
        loop = asyncio.get_running_loop()
        full = self._full = loop.create_future()
        late = loop.call_later(GATHER_S, self._stop)
        try:
            await full
        finally:
            late.cancel()
