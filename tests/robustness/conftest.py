"""The proofs of robustness speak to the FHIR API with the helper of its tests."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "spine"))

from api import Server, fresh_database, serving

from carespine.storage.embedded import EmbeddedPostgres

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module")
def on_a_loop(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Run, Server]]:
    """A server on a loop of its own, for Hypothesis, whose tests are not coroutines."""
    with fresh_database(postgres) as url, asyncio.Runner() as runner:
        context = serving(url, tmp_path_factory.mktemp("loop"), open=True)
        server = runner.run(context.__aenter__())
        yield runner.run, server
        runner.run(context.__aexit__(None, None, None))
