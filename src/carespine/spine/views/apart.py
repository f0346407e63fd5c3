"""Tables are made in processes apart, so that no view, however slow, keeps a server process from answering others."""

from __future__ import annotations

import asyncio
import atexit
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from carespine.fhir import json_text
from carespine.kernel.errors import Invalid, Issue, TooMany, Unprocessable
from carespine.spine.views import child

# Ours: tables at work at once in one server process, and the seconds that one may take in all.
MOST_AT_ONCE = 4
MOST_SECONDS = 30.0
_KEPT = 1  # how many processes wait for the next view
_MODULE = "carespine.spine.views.child"


class _Child:
    """One process. Its calls block, and so are made in threads of their own."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", _MODULE]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        self._left = MOST_SECONDS
        self.is_free = True

    def begin(self) -> None:
        """A new table: its time begins."""
        self._left = MOST_SECONDS

    def ask(self, message: list[Any]) -> Any:
        """What the process answers; raises Unprocessable where it refuses, or takes too long and is ended."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("The process has no pipes.")
        watch = threading.Timer(self._left, self._process.kill)
        began = time.monotonic()
        watch.start()
        self.is_free = False  # until it has answered: a request that is given up leaves it at work
        try:
            child.write(cast("Any", self._process.stdin), message)
            answer = child.read(cast("Any", self._process.stdout))
        except BrokenPipeError:
            answer = None
        finally:
            watch.cancel()
            self._left = max(0.0, self._left - (time.monotonic() - began))
        self.is_free = answer is not None
        if answer is None:
            words = f"The view takes longer than {MOST_SECONDS:g} seconds, or more memory than there is."
            raise Unprocessable(words, issues=[Issue(child.TOO_COSTLY, words)])
        if answer[0] == "refused":
            words, issues, is_invalid = answer[1:]
            raise (Invalid if is_invalid else Unprocessable)(words, issues=[Issue(*each) for each in issues])
        return answer[1]

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what was not read any more
                    pipe.close()


class _Workshop:
    """The processes of this server process. A table has one to itself from its first page to its last."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="view")
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        self._busy = 0
        atexit.register(self.close)

    @asynccontextmanager
    async def table(self) -> AsyncIterator[Table]:
        """A process for one table. Raises TooMany where as many as may be are at work."""
        if self._busy >= MOST_AT_ONCE:
            raise TooMany("Other views are being run; try again in a minute.", headers={"Retry-After": "60"})
        self._busy += 1
        found: _Child | None = None
        try:
            found = await self._in_thread(self._take)
            yield Table(self, found)
        finally:
            self._busy -= 1
            if found is not None:
                self._give_back(found)

    async def ask(self, one: _Child, message: list[Any]) -> Any:
        return await self._in_thread(one.ask, message)

    async def _in_thread(self, verb: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, verb, *arguments)

    def _take(self) -> _Child:
        with self._lock:
            while self._idle:
                if (found := self._idle.pop()).is_alive:
                    found.begin()
                    return found
                found.end()
        return _Child()

    def _give_back(self, one: _Child) -> None:
        with self._lock:
            if one.is_alive and one.is_free and len(self._idle) < _KEPT:
                self._idle.append(one)
                return
        one.end()

    def close(self) -> None:
        """End the processes that wait."""
        with self._lock:
            while self._idle:
                self._idle.pop().end()


class Table:
    """A table that is being made. Raises Unprocessable where the view does not fit, or is too costly."""

    def __init__(self, workshop: _Workshop, one: _Child) -> None:
        self._workshop, self._child = workshop, one

    async def begin(self, view: dict[str, Any], form: str, *, header: bool) -> None:
        await self._workshop.ask(self._child, ["view", json_text.write(view), form, header])

    async def bodies(self, page: list[bytes]) -> int:
        """Add the rows of resources as they are stored; how many rows there are now."""
        return int(await self._workshop.ask(self._child, ["bodies", page]))

    async def trees(self, sent: list[dict[str, Any]]) -> int:
        """Add the rows of resources that were sent, which are checked."""
        return int(await self._workshop.ask(self._child, ["trees", [json_text.write(tree) for tree in sent]]))

    async def written(self, limit: int) -> bytes:
        """The table in its format, of at most so many rows."""
        return bytes(await self._workshop.ask(self._child, ["written", limit]))


_workshop: _Workshop | None = None


def workshop() -> _Workshop:
    """The one of this process, made when it is first needed."""
    global _workshop  # noqa: PLW0603 -- one for all, as the processes are
    if _workshop is None:
        _workshop = _Workshop()
    return _workshop
