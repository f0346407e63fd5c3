"""Finding out one thing for many askers at once, and never from before they asked.

Whoever asks while somebody else's question is being answered waits for the next answer, together with all who come
until then. Nothing is remembered: an answer is given to those who were there before it was looked for, and forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Together(Generic[K, V]):
    """Answers by key; what has the same key must have the same answer at the same time."""

    def __init__(self) -> None:
        self._waiting: dict[K, list[asyncio.Future[V]]] = {}
        self._running: dict[K, asyncio.Task[None]] = {}

    async def ask(self, key: K, find: Callable[[], Awaitable[V]]) -> V:
        """What `find` returns or raises, called after this was."""
        mine: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(mine)
        if key not in self._running:
            self._running[key] = asyncio.create_task(self._run(key, find))
        return await mine

    async def _run(self, key: K, find: Callable[[], Awaitable[V]]) -> None:
        try:
            while askers := self._waiting.pop(key, None):
                await _answer(askers, find)
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
