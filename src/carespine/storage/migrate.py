"""Bring the schema up to date: forward-only SQL files, applied in order by yoyo, one process at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import yoyo
from psycopg.errors import LockNotAvailable, UndefinedTable

from carespine.kernel.errors import Misconfigured, Unavailable
from carespine.storage.types import type_numbers

FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x0CA2E5_3161
# Chosen by us. A change of a table waits for those who use it, and all others wait behind it: rather give way and
# try again than hold up a running server.
_WAIT_FOR_TABLE_S = 2
_ATTEMPTS = 30
logging.getLogger("yoyo").setLevel(logging.WARNING)


def migrate(url: str, *, only: Collection[str] | None = None, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing to the database at `url` (postgresql://...); returns the names applied.

    Safe beside a running server and beside another `migrate`: a lock in the database, which ends with this process,
    lets one work at a time. What a migration calls outdated is indexed again. `only` leaves all others out.
    Raises Misconfigured where the schema is a newer one's.
    """
    migrations = yoyo.read_migrations(str(folder))
    with _one_at_a_time(url) as connection:
        there = applied(connection)
        if newer := sorted(set(there) - {migration.id for migration in migrations}):
            raise Misconfigured(
                f"The database was used by a newer Carespine (its schema has {', '.join(newer)}): "
                "install that version, or restore a backup made before it."
            )
        wanted = migrations.filter(lambda item: item.id not in there and (only is None or item.id in only))
        if wanted:
            _apply(url, wanted)
            _name_types(url)
        if only is None:
            _reindex_outdated(connection)
    return [migration.id for migration in wanted]


def _reindex_outdated(connection: psycopg.Connection[Any]) -> None:
    """What a migration called outdated; seldom anything, so a start does not wait for what indexing imports."""
    with connection.transaction():
        if connection.execute("select 1 from index_outdated").fetchone() is not None:
            from carespine.storage.reindexing import reindex_outdated  # noqa: PLC0415 -- see above

            reindex_outdated(connection)


def known() -> list[str]:
    """The names of all migrations there are."""
    return [migration.id for migration in yoyo.read_migrations(str(FOLDER))]


def applied(connection: psycopg.Connection[Any]) -> list[str]:
    """The names of the migrations that a database has had, in order."""
    try:
        with connection.transaction():
            rows = connection.execute("select migration_id from _yoyo_migration order by migration_id")
            return [name for (name,) in rows]
    except UndefinedTable:
        return []


@contextmanager
def _one_at_a_time(url: str) -> Iterator[psycopg.Connection[Any]]:
    try:
        connection = psycopg.connect(url, connect_timeout=10, autocommit=True)
    except psycopg.OperationalError as error:
        raise Unavailable(
            "The database cannot be reached; check its address and that it is running."
        ) from error
    with connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        yield connection


def _apply(url: str, wanted: Any) -> None:
    backend = yoyo.get_backend(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        backend.execute(f"set lock_timeout = '{_WAIT_FOR_TABLE_S}s'")
        backend.commit()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                backend.apply_migrations(backend.to_apply(wanted))
            except LockNotAvailable as error:
                if attempt == _ATTEMPTS:
                    raise Unavailable("The schema cannot be changed: others hold its tables.") from error
                backend.rollback()
                time.sleep(_WAIT_FOR_TABLE_S / 2)
            else:
                return
    finally:
        backend.connection.close()


def _name_types(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.cursor().executemany(
            "insert into resource_type (number, name) values (%s, %s) on conflict do nothing",
            [(number, name) for name, number in type_numbers().items()],
        )
