"""The real processes of the demonstration: the server, and the suppliers' apps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

import carespine
from carespine.kernel.errors import Unavailable
from carespine.storage.embedded import die_with_parent

_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 20.0


@dataclass(slots=True)
class Process:
    """A child process with its log file."""

    popen: subprocess.Popen[str]
    log: Path

    def stop(self) -> None:
        """Ask it to end, and wait; after 20 seconds it is killed."""
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
        if self.popen.stdout:
            self.popen.stdout.close()

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, no clean-up."""
        self.popen.kill()
        self.popen.wait()
        if self.popen.stdout:
            self.popen.stdout.close()

    def last_words(self) -> str:
        with suppress(OSError):
            return self.log.read_text(errors="replace").strip()[-600:]
        return "(no log)"


def _start(command: list[str], log: Path) -> Process:
    with log.open("ab") as errors:
        popen = subprocess.Popen(  # noqa: S603 -- our own programs with arguments of ours
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 -- one thread is running at this point
        )
    return Process(popen, log)


@dataclass(slots=True)
class Server:
    """`carespine serve --demo` over one data folder; it can be stopped, killed and started again."""

    data: Path
    port: int
    process: Process | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start and wait until it answers; the seconds it took. Raises Unavailable with its last words."""
        began = time.monotonic()
        command = [sys.executable, "-m", "carespine", "serve", "--demo", "--port", str(self.port)]
        self.process = _start([*command, "--data", str(self.data)], self.data / "server.log")
        while time.monotonic() - began < _READY_WITHIN_S:
            if self.process.popen.poll() is not None:
                break
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/ready", timeout=2, trust_env=False).status_code == 200:
                    return time.monotonic() - began
            time.sleep(0.03)
        raise Unavailable(f"The server did not start. Its log ends: {self.process.last_words()}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()
            self.process = None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = None


@dataclass(slots=True)
class App:
    """A supplier's app: its process, and what it says about itself."""

    name: str
    process: Process
    about: dict[str, Any]
    sandbox: dict[str, Any]

    @property
    def address(self) -> str:
        return str(self.about["address"])

    def application(self, platform: str) -> dict[str, Any]:
        """The body of its application for a certificate at `platform`, with the proof that its key is its own."""
        asked, address = {"platform": platform}, f"{self.address}/application"
        answer = httpx.post(address, json=asked, headers=self.operator(), trust_env=False)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def operator(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.about['operator_token']}"}


def start_app(name: str, data: Path) -> App:
    """Start examples/NAME as a process of its own and read how it introduces itself."""
    program = examples() / name / "app.py"
    folder = data / "apps" / name
    folder.mkdir(parents=True, exist_ok=True)
    process = _start([sys.executable, str(program), "--port", "0", "--data", str(folder)], folder / "app.log")
    line = process.popen.stdout.readline() if process.popen.stdout else ""
    try:
        about = json.loads(line)
    except ValueError as error:
        process.kill()
        raise Unavailable(f"The app {name} did not start. Its log ends: {process.last_words()}") from error
    config = subprocess.run(  # noqa: S603
        [sys.executable, str(program), "--sandbox-config", "--data", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return App(name, process, about, json.loads(config.stdout))


def examples() -> Path:
    """The example apps: in the wheel beside this package, in a checkout at its root."""
    package = Path(carespine.__file__).parent
    for folder in (package / "examples", package.parents[1] / "examples"):
        if folder.is_dir():
            return folder
    raise Unavailable(f"The example apps are missing; expected them in {os.fspath(package / 'examples')}.")
