"""Starting the server: the database, the schema, the keys, the worker processes, in this order."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

from carespine.kernel.errors import Misconfigured
from carespine.web import processes, tls
from carespine.web.databases import database
from carespine.web.keys import Keys
from carespine.web.settings import METRICS_VARIABLE, Settings

__all__ = ["database", "serve"]

_READY_WITHIN_S = 30.0
_PORT_WITHIN_S = 1.0


def serve(settings: Settings, *, on_ready: Callable[[str], None]) -> None:
    """Serve until a signal ends it; `on_ready(address)` is called once requests are answered."""
    settings = _with_port(settings)
    if settings.tls_certificate and settings.tls_key:
        tls.context(
            settings.tls_certificate, settings.tls_key
        )  # to say here what is wrong, not in each process
    figures = str(_metrics_folder(settings))
    os.environ[METRICS_VARIABLE] = figures  # the library of the metrics looks for it when it is imported
    processes.prepare()
    with database(settings) as url:
        Keys.load(settings)
        run = json.dumps({"settings": settings.model_dump(mode="json"), "database_url": url})
        threading.Thread(target=_announce, args=(settings, on_ready), daemon=True).start()

        def arguments() -> tuple[socket.socket, str, str]:
            return processes.listening(settings.host, settings.port), run, figures

        processes.Processes(settings.workers or processes.worth(), arguments).run()


def _metrics_folder(settings: Settings) -> Path:
    """A new folder for this server's figures; those of servers that are gone are removed."""
    folder = settings.data.absolute() / "metrics"
    for old in folder.glob("*"):
        if old.name.isdigit() and (not Path(f"/proc/{old.name}").exists() or int(old.name) == os.getpid()):
            shutil.rmtree(old, ignore_errors=True)
    own = folder / str(os.getpid())
    own.mkdir(parents=True)
    return own


def _with_port(settings: Settings) -> Settings:
    """The settings with a port that is free now; raises Misconfigured where it stays taken."""
    deadline = time.monotonic() + _PORT_WITHIN_S
    while True:  # a server that was just killed may need a moment to let go of its port
        with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, settings.port))
                return settings.model_copy(update={"port": probe.getsockname()[1]})
            except OSError as error:
                if time.monotonic() > deadline:
                    raise Misconfigured(
                        f"Port {settings.port} on {settings.host} is taken ({error.strerror}); "
                        "choose another with --port."
                    ) from error
        time.sleep(0.1)


def _announce(settings: Settings, on_ready: Callable[[str], None]) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if _is_ready(settings):
                on_ready(settings.address)
                return
        except (OSError, HTTPException):
            pass
        time.sleep(0.03)


def _is_ready(settings: Settings) -> bool:
    asking = _connection(settings)
    try:
        asking.request("GET", "/ready")
        return asking.getresponse().status == 200
    finally:
        asking.close()


def _connection(settings: Settings) -> HTTPConnection:
    """To this very server, whose certificate names its public address."""
    if settings.tls_certificate is None:
        return HTTPConnection(settings.host, settings.port, timeout=2)
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(settings.host, settings.port, timeout=2, context=unchecked)
