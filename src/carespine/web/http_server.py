"""One server process: uvicorn, with what a server that anybody may talk to needs besides.

Requests are parsed, performed and answered in one thread: a wake-up of another thread costs as much as all of that
(docs/decisions/0008-http-stack.md).
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn

from carespine.web import app as application
from carespine.web import tls
from carespine.web.connection import KEPT_S, Protocol
from carespine.web.settings import METRICS_VARIABLE

if TYPE_CHECKING:
    import socket
    import ssl

    from starlette.types import ASGIApp

_END_WITHIN_S = 8
_BACKLOG = 2048
# Ours: what may wait in the memory of one process for clients that read slowly, before they are hurried.
_MOST_UNSENT_BYTES = 128 * 1024 * 1024
LOOK_EVERY = 10  # of uvicorn's ticks, ten a second
# Requests make many small objects that die young; the usual 700 would look at all of them over and over.
_COLLECT = (20_000, 20, 50)
_log = structlog.get_logger("carespine.http")


class Server(uvicorn.Server):
    """Ends when its supervisor says so (SIGTERM). Ctrl-C is for the supervisor, though it reaches every process."""

    _looked_at = 0.0

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(_report)
        await super().serve(sockets)

    async def on_tick(self, counter: int) -> bool:
        if counter % LOOK_EVERY == 0:
            self._look(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    def _look(self, now: float) -> None:
        """Look at each connection. Who was kept waiting by us while this process was busy or asleep owes nothing."""
        passed_s = min(now - self._looked_at, 2.0)
        self._looked_at = now
        connections = [each for each in self.server_state.connections if isinstance(each, Protocol)]
        is_tight = sum(each.unsent for each in connections) > _MOST_UNSENT_BYTES
        for connection in connections:
            connection.look(now, passed_s, is_tight=is_tight)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self.handle_exit)
        yield


class _Reporter(logging.Handler):
    """What uvicorn says, as lines of our log. Of an error its kind: its text may hold what a patient is called."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        if kind is not None:
            _log.error("server failed", error=kind.__name__)
        elif record.levelno >= logging.ERROR:
            _log.error("server failed", said=record.getMessage()[-2000:])


def _report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What fails with nobody waiting for it, such as a connection to a database that has ended."""
    error = context.get("exception")
    _log.error("server failed", error=type(error).__name__ if error is not None else context["message"])


def server(app: ASGIApp, secure: ssl.SSLContext | None = None) -> Server:
    """A server for an application, not yet listening; with a context it speaks TLS."""
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], False
    logging.getLogger("uvicorn.error").addHandler(_Reporter(logging.ERROR))
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=Protocol,
        ws="websockets-sansio",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=KEPT_S,
        timeout_graceful_shutdown=_END_WITHIN_S,
    )
    config.load()
    config.ssl = secure
    return Server(config)


def work(listening: socket.socket, run: str, figures: str) -> None:
    """The life of a server process: `run` is what the application is made from, `figures` the folder of its metrics."""
    os.environ[METRICS_VARIABLE] = figures
    gc.freeze()
    gc.set_threshold(*_COLLECT)
    server(application.create(run), _secure(run)).run(sockets=[listening])


def _secure(run: str) -> ssl.SSLContext | None:
    settings = json.loads(run)["settings"]
    if settings["tls_certificate"] is None:
        return None
    return tls.context(Path(settings["tls_certificate"]), Path(settings["tls_key"]))
