"""The story of the product, played on real processes: seven steps, each ending in a line with its figure."""

from __future__ import annotations

import fcntl
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from carespine.demo.processes import Server
from carespine.demo.stage import Stage, StepFailed
from carespine.demo.steps import STEPS
from carespine.kernel.errors import CarespineError, Misconfigured
from carespine.storage.embedded import EmbeddedPostgres

_MARK = "carespine-demonstration"
Say = Callable[[str], None]


def perform(
    data: Path,
    *,
    port: int,
    checking: bool,
    say: Say,
    show_progress: Callable[[str, int], Any],
    stay: Callable[[Stage], None],
) -> bool:
    """Play all steps in a fresh data folder; whether all came out. `stay` is called before everything is stopped.

    Stops at the first step that fails, and says why.
    """
    data = data.absolute()
    chosen = _port(port)
    with _fresh(data):
        return _play(data, chosen, checking, say, show_progress, stay)


def _play(
    data: Path,
    port: int,
    checking: bool,
    say: Say,
    show_progress: Callable[[str, int], Any],
    stay: Callable[[Stage], None],
) -> bool:
    database = EmbeddedPostgres(data)
    server = Server(data, port)
    stage = Stage(data, server, checking, database.start(), show_progress)
    try:
        done = all(_step(number, stage, say) for number in range(1, len(STEPS) + 1))
        if done:
            stay(stage)
        return done
    finally:
        for app in stage.apps.values():
            app.process.stop()
        server.stop()
        database.stop()


def _step(number: int, stage: Stage, say: Say) -> bool:
    title, play = STEPS[number - 1]
    began = time.monotonic()
    try:
        figure = play(stage)
    except (StepFailed, CarespineError, httpx.HTTPError) as failure:
        say(f"{number}. {title}: FAILED after {time.monotonic() - began:.1f} s: {failure}")
        return False
    say(f"{number}. {title}: {figure} [{time.monotonic() - began:.1f} s]")
    return True


@contextmanager
def _fresh(data: Path) -> Iterator[None]:
    """An empty folder with our mark, held for as long as this lasts; one without the mark is not ours to empty.

    Raises Misconfigured where the folder holds something else, or another demonstration is using it.
    """
    mark = data / _MARK
    if data.exists() and any(data.iterdir()) and not mark.exists():
        raise Misconfigured(
            f"{data} holds something else than a demonstration; choose another folder with --data."
        )
    if mark.exists():
        with _held(mark):
            EmbeddedPostgres(data).remove()
            shutil.rmtree(data)
    data.mkdir(parents=True, exist_ok=True)
    mark.write_text("This folder holds a demonstration of Carespine and is emptied when one starts.\n")
    with _held(mark):
        yield


@contextmanager
def _held(mark: Path) -> Iterator[None]:
    with mark.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Misconfigured(
                f"Another demonstration is using {mark.parent}; end it, or choose another folder with --data."
            ) from error
        yield


def _port(wanted: int) -> int:
    """The wanted port if it is free (0: any that is); raises Misconfigured where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise Misconfigured(
                f"Port {wanted} is taken ({error.strerror}); choose another with --port."
            ) from error
        return int(probe.getsockname()[1])
