"""The server processes: forked from one that has imported everything, started again when they end unasked.

The one they are forked from (multiprocessing's fork server) has neither threads nor connections, so that a fork copies
no lock that somebody holds. It imports while the database starts.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import connection, forkserver
from typing import TYPE_CHECKING

import structlog

from carespine.kernel.errors import Unavailable

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess
    from types import FrameType

_PRELOADED = ["carespine.web.http_server", "carespine.web.app", "carespine.cli"]
_END_WITHIN_S = 10.0
# A process that ends within this time of its start did not come up; after so many in a row nobody should wait longer.
_YOUNG_S, _MOST_FAILURES = 5.0, 5
_LOOK_EVERY_S = 0.5
_MOST = 4  # ours: more are started only where a deployer asks for them
# The fork server may be ended by whoever is short of memory, and is then started again; in so many attempts.
_ATTEMPTS, _AGAIN_AFTER_S = 5, 0.2
# Answers wait with the kernel for a client up to this size, so that it shows soon who reads slowly.
_UNSENT_BYTES = 256 * 1024
_log = structlog.get_logger("carespine.processes")


def worth() -> int:
    """How many processes this machine is worth: beyond a few, the database has more to do than they."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, _MOST)


def prepare() -> None:
    """Start the process that the others are forked from. It sees the environment as it is now."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(_PRELOADED)
    forkserver.ensure_running()


def listening(host: str, port: int) -> socket.socket:
    """A socket of its own for each process: the kernel shares connections out among them."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
    sock.bind((host, port))
    return sock


def _work(sock: socket.socket, run: str, figures: str) -> None:
    """Imported already where this runs; the supervisor need not import it."""
    from carespine.web import http_server  # noqa: PLC0415 -- see above

    http_server.work(sock, run, figures)


class Processes:
    """So many processes at work, until a signal ends them."""

    def __init__(self, count: int, arguments: Callable[[], tuple[socket.socket, str, str]]) -> None:
        """`arguments` makes those of one process: its socket, the run, the folder of figures."""
        self._context = multiprocessing.get_context("forkserver")
        self._count, self._arguments = count, arguments
        self._running: dict[ForkServerProcess, float] = {}
        self._failures = 0
        self._ending = False

    def run(self) -> None:
        """Keep them at work until SIGINT or SIGTERM; raises Unavailable where they end as soon as they start."""
        with self._signals():
            try:
                for _ in range(self._count):
                    self._start()
                while not self._ending:
                    self._look()
            finally:
                self._end()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def end(_number: int, _frame: FrameType | None) -> None:
            self._ending = True
            for process in self._running:  # waiting goes on after a signal, but ends when they do
                process.terminate()

        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            arguments = self._arguments()
            process = self._context.Process(target=_work, args=arguments, name="carespine-server")
            try:
                process.start()
            except (EOFError, OSError) as error:  # the fork server ended meanwhile
                _log.error("no server process", error=type(error).__name__, attempt=attempt)
                time.sleep(_AGAIN_AFTER_S)
                continue
            finally:
                arguments[0].close()  # the process has its own
            self._running[process] = time.monotonic()
            return
        raise Unavailable("No server process can be started; the log says why.")

    def _look(self) -> None:
        """Wait a moment; put another process in the place of each that has ended."""
        connection.wait([process.sentinel for process in self._running], _LOOK_EVERY_S)
        for process in [process for process in self._running if not process.is_alive()]:
            if self._ending:
                return
            is_young = time.monotonic() - self._running.pop(process) < _YOUNG_S
            self._failures = self._failures + 1 if is_young else 1
            _log.error("server process ended", code=process.exitcode)
            process.close()
            if self._failures > _MOST_FAILURES:
                raise Unavailable("The server's processes end as soon as they start; the log says why.")
            self._start()

    def _end(self) -> None:
        for process in self._running:
            if process.is_alive():
                process.terminate()
        deadline = time.monotonic() + _END_WITHIN_S
        for process in self._running:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
