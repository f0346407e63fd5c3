"""Servers for the tests of the FHIR API: one for each test that changes things, one for each module that reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api import Server, fresh_database, serving

from carespine.storage.embedded import EmbeddedPostgres

ANN = {
    "resourceType": "Patient",
    "id": "ann",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Ann Abel</div>'},
    "name": [{"family": "Abel", "given": ["Ann"]}],
    "gender": "female",
    "maritalStatus": {"text": "single"},
}


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    """A server with open access over a database of this test's own."""
    async with serving(database_url, tmp_path, open=True) as running:
        yield running


@pytest.fixture(scope="module")
async def reading(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server that the tests of a module share, with one patient; no test changes anything."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("reading"), open=True) as running:
            await running.put(ANN)
            yield running


@pytest.fixture(scope="module")
async def dates(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server that the tests of a module share and write to, each with everything that it needs."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("dates"), open=True) as running:
            yield running
