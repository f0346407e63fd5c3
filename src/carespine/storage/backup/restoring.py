"""Making the database again from a backup: the schema as it was, the rows, then the schema as it is now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, sql

from carespine.kernel.errors import Conflict, Invalid
from carespine.storage.backup.archive import Reader
from carespine.storage.backup.tables import Table, tables
from carespine.storage.migrate import known, migrate

# Tables that a database in use has rows in: the restore is for an empty one.
_IN_USE = ("resource", "audit_event", "account", "oauth_client")


def load(url: str, backup: Reader, path: Path) -> None:
    """Fill the empty database at `url` from a backup: all of it or nothing.

    Raises Conflict where the database is in use, Invalid where the backup is damaged or from a newer Carespine.
    """
    newer = sorted(set(backup.manifest.migrations) - set(known()))
    if newer:
        raise Invalid(
            f"{path} was made by a newer Carespine ({backup.manifest.carespine}): this one does not know "
            f"{', '.join(newer)}."
        )
    migrate(url, only=backup.manifest.migrations)
    with psycopg.connect(url) as connection:
        connection.execute("set local statement_timeout = 0")
        _demand_empty(connection)
        _fill(connection, backup)
    migrate(url)


def _demand_empty(connection: Connection[Any]) -> None:
    others = connection.execute(
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
        "and application_name = 'carespine'"
    ).fetchone()
    if others and others[0]:
        raise Conflict("A server is at work on this database: stop it first.")
    for name in _IN_USE:
        found = connection.execute(
            sql.SQL("select exists (select 1 from {})").format(sql.Identifier(name))
        ).fetchone()
        if found and found[0]:
            raise Conflict(
                f"The database is not empty (there are rows in {name}): a backup replaces nothing."
            )


def _fill(connection: Connection[Any], backup: Reader) -> None:
    found = tables(connection)
    there, wanted = {table.name for table in found}, set(backup.manifest.tables)
    if there != wanted:
        raise Invalid(f"The tables differ from those of the backup: {', '.join(sorted(there ^ wanted))}.")
    every = sql.SQL(", ").join(table.identifier for table in found)
    for table in found:
        connection.execute(sql.SQL("alter table {} disable trigger user").format(table.identifier))
    connection.execute(sql.SQL("truncate {}").format(every))  # migrations have put rows into a few
    for table in found:
        _fill_table(connection, table, backup)
    for table in found:
        connection.execute(sql.SQL("alter table {} enable trigger user").format(table.identifier))


def _fill_table(connection: Connection[Any], table: Table, backup: Reader) -> None:
    contents = backup.manifest.tables[table.name]
    columns = sql.SQL(", ").join(map(sql.Identifier, contents.columns))
    with connection.cursor() as cursor:
        with cursor.copy(sql.SQL("copy {} ({}) from stdin").format(table.identifier, columns)) as copy:
            for chunk in backup.rows(table.name):
                copy.write(chunk)
        if cursor.rowcount != contents.rows:
            raise Invalid(f"Of the {contents.rows} rows of {table.name} {cursor.rowcount} were read.")
    for column in table.counters:
        connection.execute(
            sql.SQL(
                "select setval(pg_get_serial_sequence(quote_ident({name}), {column}), max({field})) "
                "from {table} having max({field}) is not null"
            ).format(
                name=sql.Literal(table.name),
                column=sql.Literal(column),
                field=sql.Identifier(column),
                table=table.identifier,
            )
        )
