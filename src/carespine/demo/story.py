"""The story of the product, played on real processes: seven steps, each ending in a line with its figure."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable
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
    _fresh(data)
    database = EmbeddedPostgres(data)
    server = Server(data, port or _free_port())
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


def _fresh(data: Path) -> None:
    """An empty folder with our mark; one without the mark is not ours to empty."""
    if data.exists() and any(data.iterdir()) and not (data / _MARK).exists():
        raise Misconfigured(
            f"{data} holds something else than a demonstration; choose another folder with --data."
        )
    if (data / _MARK).exists():
        EmbeddedPostgres(data).remove()
        shutil.rmtree(data)
    data.mkdir(parents=True, exist_ok=True)
    (data / _MARK).write_text(
        "This folder holds a demonstration of Carespine and is emptied when one starts.\n"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
