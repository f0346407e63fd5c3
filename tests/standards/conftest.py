"""A running wearable service for the tests of the standards: in this process, with any of its defects."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from applicants import proof_of
from joserfc.jwk import ECKey

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

from carespine.standards.engine import config  # noqa: E402
from carespine.standards.engine.config import RunConfig  # noqa: E402
from carespine.standards.engine.runner import Plan  # noqa: E402
from reference import kinds  # noqa: E402
from reference import sandbox as reference_sandbox  # noqa: E402
from wearable import sandbox, web  # noqa: E402

BASE = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Running:
    """A service in this process, and what a run needs to check it."""

    parts: web.Service
    config: RunConfig
    transport: httpx.ASGITransport

    def plan(self, *only: str, seed: str = "a seed", **more: object) -> Plan:
        """A plan against this service."""
        plan = {
            "base_url": self.parts.base,
            "profile": self.parts.kind,
            "config": self.config,
            "transport": self.transport,
            **more,
        }
        return Plan(seed=seed, only=frozenset(only), **plan)  # type: ignore[arg-type]


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the service with these defects: `start("long-tokens")`, `start("double-books", kind="booking-service")`."""
    started: list[Running] = []

    def starting(
        *defects: str, kind: str = "device-app", base: str = BASE, https_only: bool = False
    ) -> Running:
        data = tmp_path / f"service{len(started)}"
        if kind == "device-app":
            parts = web.service("Test Band", data=data, base=base, defects=frozenset(defects))
            app, told = web.build(parts, https_only=https_only), sandbox.config(parts.store, data)
        else:
            parts = kinds.service(kind, data=data, base=base, defects=frozenset(defects))
            app = kinds.build(parts, https_only=https_only)
            told = reference_sandbox.config(parts.store, data, patience_seconds=0.5)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        running = Running(parts, config.parse(told), transport)
        started.append(running)
        return running

    yield starting
    for running in started:
        running.parts.store.close()


@dataclass(frozen=True, slots=True)
class App:
    """One of the example apps as a process of its own. `about` is the first line it wrote."""

    about: dict[str, Any]
    config: dict[str, Any]
    data: Path

    @property
    def address(self) -> str:
        return str(self.about["address"])

    @property
    def operator(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.about['operator_token']}"}

    @property
    def key(self) -> ECKey:
        """The key that the app keeps in its folder."""
        return ECKey.import_key(json.loads((self.data / "key.json").read_text()))

    def application(
        self, *, key: ECKey | None = None, at: float | None = None, **over: Any
    ) -> dict[str, Any]:
        """The body of an application for a certificate, proved with the app's key, or with another."""
        own = {name: value for name, value in self.about.items() if name not in {"address", "operator_token"}}
        wish: dict[str, Any] = {**own, **over}
        return {"proof": proof_of(wish["client_id"], key or self.key, at=at or time.time()), **wish}


def _run(name: str, data: Path) -> Iterator[App]:
    command = [sys.executable, str(EXAMPLES / name / "app.py"), "--data", str(data)]
    shown = subprocess.run(
        [*command, "--sandbox-config"], capture_output=True, text=True, check=True, timeout=30
    )
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield App(json.loads(process.stdout.readline()), json.loads(shown.stdout), data)
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="session")
def steady_band(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The sound example app."""
    yield from _run("steady_band", tmp_path_factory.mktemp("steady_band"))


@pytest.fixture(scope="session")
def loose_band(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The broken example app."""
    yield from _run("loose_band", tmp_path_factory.mktemp("loose_band"))
