"""A real `carespine serve` for the tests: processes, sockets and a log, over a database that is given."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_READY = re.compile(rb"Carespine is ready: (https?://\S+?) ")


@dataclass
class Live:
    """A running server: where it answers, where its log is."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path
    database_url: str

    @property
    def fhir(self) -> str:
        return f"{self.address}/fhir"

    def stop(self) -> int:
        """End it as an orchestrator does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@contextmanager
def live(database_url: str, folder: Path, *, open_access: bool = True, **settings: object) -> Iterator[Live]:
    """`carespine serve` until the end of the block, with settings from the environment."""
    named = {name: value for name, value in os.environ.items() if not name.startswith("CARESPINE_")}
    named |= {f"CARESPINE_{name.upper()}": str(value) for name, value in settings.items()}
    named |= {"CARESPINE_DATABASE": database_url, "CARESPINE_DATA": str(folder), "CARESPINE_PORT": "0"}
    log = folder / "serve.log"
    command = [sys.executable, "-m", "carespine", "serve", *(["--open"] if open_access else [])]
    with log.open("ab") as stream:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stream, env=named)
    try:
        yield Live(process, _address(process, log), log, database_url)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := _READY.search(line):
            return found[1].decode()
    raise AssertionError(f"The server did not start: {log.read_text()[-2000:]}")
