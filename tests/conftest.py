"""What all tests share: one embedded PostgreSQL for the run, and a fresh database for each test that asks."""

from __future__ import annotations

import inspect
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from carespine.storage.database import Database
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.migrate import migrate

_numbers = itertools.count(1)
# The files that take longest are begun first, so that no process waits for them when the others are done.
_LONGEST = (
    "test_browser_journey.py",
    "test_browser_pages.py",
    "test_standards_register.py",
    "test_devices_import.py",
    "test_storage_concurrency.py",
    "test_pages_on_the_platform.py",
    "test_storage_embedded.py",
    "test_security_door.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(name: str, obj: object) -> None:
    """Every async test runs on asyncio."""
    if name.startswith("test") and inspect.iscoroutinefunction(obj):
        pytest.mark.anyio(obj)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order within a file stays."""
    items.sort(
        key=lambda item: _LONGEST.index(item.path.name) if item.path.name in _LONGEST else len(_LONGEST)
    )


def pytest_make_parametrize_id(val: object) -> str | None:
    """A case of bytes is named by their number: their signs may hold the time, and both processes name alike."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def is_long() -> bool:
    """Whether the long packs are wanted (CARESPINE_LONG=1)."""
    return os.environ.get("CARESPINE_LONG", "") not in ("", "0")


@pytest.fixture(scope="session")
def shared_material() -> Path:
    """The folder ../shared with official suites and corpora; tests that need it skip where it is absent."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the folder ../shared is absent: official suites and corpora are not part of the project")
    return folder


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The real server, without its safety against loss of power."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    migrate(server.start())
    yield server
    server.stop()


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a migrated, empty database that only this test uses."""
    name = f"test_{next(_numbers)}"
    maintenance = postgres.url.replace("/carespine?", "/postgres?")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f"create database {name} template carespine strategy file_copy".encode())
    yield postgres.url.replace("/carespine?", f"/{name}?")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open pool to a database of this test's own."""
    pool = Database(database_url)
    await pool.open()
    yield pool
    await pool.close()
