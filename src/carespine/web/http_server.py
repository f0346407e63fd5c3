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
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from carespine.kernel.errors import Issue
from carespine.spine.fhir_api import answer
from carespine.web import app as application
from carespine.web import tls
from carespine.web.settings import METRICS_VARIABLE

if TYPE_CHECKING:
    import socket
    import ssl

    from starlette.types import ASGIApp
    from uvicorn.config import Config
    from uvicorn.server import ServerState

# Ours. A head is sent at once by any client that means well; connections are kept for the next request.
_HEAD_WITHIN_S, _KEPT_S, _END_WITHIN_S = 30.0, 75, 8
_MOST_HEAD_BYTES = 64 * 1024
_BACKLOG = 2048
# Requests make many small objects that die young; the usual 700 would look at all of them over and over.
_COLLECT = (20_000, 20, 50)
_log = structlog.get_logger("carespine.http")
_NOT_HTTP = answer.outcome([Issue("structure", "This is not a request of HTTP/1.1 that is understood here.")])
_TOO_MUCH = answer.outcome([Issue("too-long", "The head of a request holds 64 KiB at most.")])


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 on one connection, with a limit to the size of a request's head and to the time that it may take."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_bytes = 0
        self._in_head = True
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late = self.loop.call_later(_HEAD_WITHIN_S, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > _MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large", _TOO_MUCH)

    def send_400_response(self, msg: str) -> None:
        self._refuse(b"400 Bad Request", _NOT_HTTP)

    def _refuse(self, status: bytes, body: bytes) -> None:
        """What does not come as far as the application is answered here, as that would."""
        head = f"content-type: {answer.CONTENT_TYPE}\r\ncontent-length: {len(body)}\r\n".encode()
        safe = b"x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
        self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + head + safe + body)
        self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        if self._late is None:
            self._late = self.loop.call_later(_HEAD_WITHIN_S, self._close)

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._in_time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self) -> None:
        self._late = None
        self.transport.close()


class Server(uvicorn.Server):
    """Ends when its supervisor says so (SIGTERM). Ctrl-C is for the supervisor, though it reaches every process."""

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
        timeout_keep_alive=_KEPT_S,
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
