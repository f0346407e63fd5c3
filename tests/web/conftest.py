"""A furnished practice is made once for each process and copied for each test: making it costs seconds."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from pages_stage import furnish, platform_over, send_readings

from carespine.storage.embedded import EmbeddedPostgres
from carespine.web.platform import Platform

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """A database and the folder with its keys."""

    postgres: EmbeddedPostgres
    database: str
    folder: Path

    @property
    def url(self) -> str:
        return self.postgres.url.replace("/carespine?", f"/{self.database}?")

    def copy(self, folder: Path) -> Place:
        made = Place(self.postgres, f"pages_{next(_numbers)}", folder)
        self._maintain(f"create database {made.database} template {self.database} strategy file_copy")
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return made

    def drop(self) -> None:
        self._maintain(f"drop database {self.database} with (force)")

    def _maintain(self, statement: str) -> None:
        maintenance = self.postgres.url.replace("/carespine?", "/postgres?")
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(statement.encode())


async def _prepared(place: Place, prepare: Callable[[Platform, Path], Awaitable[None]]) -> None:
    platform = platform_over(place.url, place.folder)
    await platform.open()
    await prepare(platform, place.folder)
    await platform.close()


@contextmanager
def _made(
    source: Place, folder: Path, prepare: Callable[[Platform, Path], Awaitable[None]]
) -> Iterator[Place]:
    place = source.copy(folder)
    asyncio.run(_prepared(place, prepare))
    yield place
    place.drop()


@pytest.fixture(scope="session")
def furnished(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A practice with accounts and a certified app, before any readings; to be copied, not used."""
    empty = Place(postgres, "carespine", tmp_path_factory.mktemp("empty"))
    with _made(empty, tmp_path_factory.mktemp("furnished"), furnish) as place:
        yield place


@pytest.fixture(scope="session")
def furnished_with_readings(furnished: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The same after the app has sent a patient's readings; to be copied, not used."""
    with _made(furnished, tmp_path_factory.mktemp("readings"), send_readings) as place:
        yield place


@pytest.fixture
def practice(furnished: Place, tmp_path: Path) -> Iterator[Place]:
    """A furnished practice of this test's own."""
    place = furnished.copy(tmp_path)
    yield place
    place.drop()


@pytest.fixture
def practice_with_readings(furnished_with_readings: Place, tmp_path: Path) -> Iterator[Place]:
    """A furnished practice of this test's own, with readings."""
    place = furnished_with_readings.copy(tmp_path)
    yield place
    place.drop()
