"""Finding out one thing for many askers at once, and never from before they asked.

Whoever asks while somebody else's question is being answered waits for the next answer, together with all who come
until then. Nothing is remembered: an answer is given to those who were there before it was looked for, and forgotten.
Those who were answered together tend to come back together: the next question waits for as many of them, a millisecond
at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from carespine.kernel.gathering import Gathering

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
# Ours: for how many keys it is known how many come.
_MOST_KEYS = 1_024


@dataclass(slots=True)
class _Group(Generic[V]):
    """Those who wait for one answer."""

    gathering: Gathering
    askers: list[asyncio.Future[V]] = field(default_factory=list)

    def add(self, asker: asyncio.Future[V]) -> None:
        self.askers.append(asker)
        self.gathering.came()


class Together(Generic[K, V]):
    """Answers by key; what has the same key must have the same answer at the same time."""

    def __init__(self) -> None:
        self._waiting: dict[K, _Group[V]] = {}
        self._running: dict[K, asyncio.Task[None]] = {}
        self._usual: dict[K, int] = {}

    async def ask(self, key: K, find: Callable[[], Awaitable[V]]) -> V:
        """What `find` returns or raises, called after this was."""
        mine: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        group = self._waiting.get(key)
        if group is None:
            group = self._waiting[key] = _Group(Gathering(self._usual.get(key, 1)))
        group.add(mine)
        if key not in self._running:
            self._running[key] = asyncio.create_task(self._run(key, find))
        return await mine

    async def _run(self, key: K, find: Callable[[], Awaitable[V]]) -> None:
        try:
            while group := self._waiting.get(key):
                await group.gathering.wait()
                del self._waiting[key]
                if len(self._usual) >= _MOST_KEYS:
                    self._usual.clear()
                self._usual[key] = len(group.askers)
                await _answer(group.askers, find)
        finally:
            del self._running[key]


async def _answer(askers: list[asyncio.Future[V]], find: Callable[[], Awaitable[V]]) -> None:
    try:
        found = await find()
    except BaseException as error:
        for asker in askers:
            if not asker.done():  # a request may have been given up
                asker.set_exception(error)
        if not isinstance(error, Exception):
            raise
    else:
        for asker in askers:
            if not asker.done():
                asker.set_result(found)
