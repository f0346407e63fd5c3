"""Bring the schema up to date: forward-only SQL files, applied in order by yoyo, one process at a time."""

from __future__ import annotations

import logging
from pathlib import Path

import psycopg
import yoyo

from carespine.kernel.errors import Unavailable
from carespine.storage.types import type_numbers

_FOLDER = Path(__file__).parent / "migrations"
logging.getLogger("yoyo").setLevel(logging.WARNING)


def migrate(url: str) -> list[str]:
    """Apply what is missing to the database at `url` (postgresql://...); returns the names applied.

    Safe beside a running server and beside another `migrate`: a lock in the database lets one work at a time.
    """
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        raise Unavailable(
            "The database cannot be reached; check its address and that it is running."
        ) from error
    backend = yoyo.get_backend(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        migrations = yoyo.read_migrations(str(_FOLDER))
        if not backend.to_apply(migrations):
            return []
        with backend.lock(timeout=60):
            wanted = backend.to_apply(migrations)
            backend.apply_migrations(wanted)
    finally:
        backend.connection.close()
    _name_types(url)
    return [migration.id for migration in wanted]


def _name_types(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.cursor().executemany(
            "insert into resource_type (number, name) values (%s, %s) on conflict do nothing",
            [(number, name) for name, number in type_numbers().items()],
        )
