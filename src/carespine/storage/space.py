"""What the record takes on disk: by type its current versions, history and index; and each table as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.storage import index_rows
from carespine.storage.types import type_name

if TYPE_CHECKING:
    from carespine.storage.database import Connection


@dataclass(frozen=True, slots=True)
class TypeSpace:
    """Of one type: how many, and the bytes of their rows. Indexes of PostgreSQL and free room come on top."""

    type: str
    current: int
    current_bytes: int
    versions: int
    history_bytes: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class TableSpace:
    """A table with all its indexes, as PostgreSQL counts it."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Space:
    types: list[TypeSpace]
    tables: list[TableSpace]

    @property
    def total(self) -> int:
        return sum(table.bytes for table in self.tables)


async def report(connection: Connection) -> Space:
    """Count everything; goes over all rows."""
    rows = " union all ".join(
        f"select r.type, pg_column_size(i.*) as bytes from {table} i join resource r using (patient, rid)"  # noqa: S608
        for table in index_rows.COLUMNS
    )
    found = await connection.fetch(
        "with current as (select type, count(*) filter (where not deleted) as n, sum(pg_column_size(r.*)) as bytes "  # noqa: S608
        "from resource r group by type), history as (select type, count(*) as n, sum(pg_column_size(h.*)) as bytes "
        f"from resource_history h group by type), entries as (select type, sum(bytes) as bytes from ({rows}) e "
        "group by type) "
        "select c.type, c.n, c.bytes::bigint, coalesce(h.n, 0), coalesce(h.bytes, 0)::bigint, "
        "coalesce(e.bytes, 0)::bigint from current c left join history h using (type) left join entries e using (type) "
        "order by c.bytes + coalesce(h.bytes, 0) + coalesce(e.bytes, 0) desc"
    )
    tables = await connection.fetch(
        "select relname, pg_total_relation_size(oid) from pg_class where relkind in ('r', 'p') "
        "and relnamespace = 'public'::regnamespace order by 2 desc, 1"
    )
    return Space(
        [TypeSpace(type_name(row[0]), *row[1:]) for row in found],
        [TableSpace(row[0], row[1]) for row in tables],
    )
