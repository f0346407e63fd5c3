"""Which tables there are, with their columns, in an order in which they can be filled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from psycopg import Connection, sql

# How the migration library keeps its books; a restored database keeps its own.
_BOOKS = ("_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock")


@dataclass(frozen=True, slots=True)
class Table:
    """One table; `columns` are those whose values are stored, `counters` the columns that a sequence numbers."""

    name: str
    columns: tuple[str, ...]
    counters: tuple[str, ...]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.name)

    @property
    def column_list(self) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))


def tables(connection: Connection[Any]) -> list[Table]:
    """All tables of the schema, each after those that its foreign keys point to; partitions stand in their parent."""
    names = [
        name
        for (name,) in connection.execute(
            "select relname from pg_class where relnamespace = current_schema()::regnamespace "
            "and relkind in ('r', 'p') and not relispartition and relname <> all(%s) order by relname",
            [list(_BOOKS)],
        )
    ]
    needs: dict[str, set[str]] = {name: set() for name in names}
    for table, target in _foreign_keys(connection):
        if table != target:
            needs[table].add(target)
    return [_table(connection, name) for name in TopologicalSorter(needs).static_order()]


def _foreign_keys(connection: Connection[Any]) -> Iterator[tuple[str, str]]:
    yield from connection.execute(
        "select t.relname, f.relname from pg_constraint c join pg_class t on t.oid = c.conrelid "
        "join pg_class f on f.oid = c.confrelid where c.contype = 'f' and not t.relispartition "
        "and t.relnamespace = current_schema()::regnamespace"
    )


def _table(connection: Connection[Any], name: str) -> Table:
    rows = connection.execute(
        "select attname, attidentity <> '' or coalesce(pg_get_expr(d.adbin, d.adrelid) like 'nextval(%%', false) "
        "from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum "
        "where attrelid = format('%%I', %s::text)::regclass and attnum > 0 and not attisdropped "
        "and attgenerated = '' order by attnum",
        [name],
    ).fetchall()
    return Table(
        name, tuple(column for column, _ in rows), tuple(column for column, counted in rows if counted)
    )
