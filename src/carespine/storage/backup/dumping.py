"""Making a backup while the server runs: one snapshot, all tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, IsolationLevel, sql

from carespine import __version__
from carespine.kernel.clock import fhir_instant
from carespine.storage.backup.archive import FORMAT, Manifest, Writer, writing
from carespine.storage.backup.tables import Table, tables
from carespine.storage.migrate import applied


def dump(url: str, path: Path, *, files: Mapping[str, bytes], now: datetime) -> Manifest:
    """Write the database at `url` as it is at one moment, and `files`, to a new file at `path`.

    Others go on reading and writing meanwhile. What is committed when the snapshot is taken is in it; what is
    committed later is not.
    """
    with psycopg.connect(url, autocommit=True) as connection, writing(path) as archive:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            connection.execute("set local statement_timeout = 0")
            found = tables(connection)
            for table in found:
                archive.table(table.name, table.columns, _count(connection, table), _rows(connection, table))
            version = connection.execute("show server_version").fetchone()
            names = applied(connection)
        for name, content in files.items():
            archive.file(name, content)
        manifest = _manifest(archive, names, str(version[0]) if version else "", now)
        archive.manifest(manifest)
    return manifest


def _manifest(archive: Writer, migrations: list[str], postgres: str, now: datetime) -> Manifest:
    made = fhir_instant(now)
    return Manifest(FORMAT, __version__, postgres, made, tuple(migrations), archive.tables, archive.files)


def _count(connection: Connection[Any], table: Table) -> int:
    row = connection.execute(sql.SQL("select count(*) from {}").format(table.identifier)).fetchone()
    return int(row[0]) if row else 0


def _rows(connection: Connection[Any], table: Table) -> Iterator[bytes]:
    # A query and not the table: that also reads a table of partitions.
    statement = sql.SQL("copy (select {} from {}) to stdout")
    with connection.cursor().copy(statement.format(table.column_list, table.identifier)) as copy:
        for chunk in copy:
            yield bytes(chunk)
