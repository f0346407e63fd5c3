"""Index rows made anew from the stored resources, after a change to how they are indexed that SQL cannot make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carespine.fhir import json_text
from carespine.fhir.search import index
from carespine.storage import index_rows
from carespine.storage.resources import stored
from carespine.storage.rows import Write

if TYPE_CHECKING:
    import psycopg

_AT_ONCE = 500


def reindex_outdated(connection: psycopg.Connection[Any]) -> int:
    """Index everything again where a migration says that it must be; how many resources that were.

    One transaction, the caller's: the server does not start before it has ended.
    """
    if connection.execute("select 1 from index_outdated for update").fetchone() is None:
        return 0
    for table in index_rows.COLUMNS:
        connection.execute(f"truncate {table}".encode())
    done, after = 0, -(2**63)
    while rows := connection.execute(
        "select type, id, version, updated, deleted, body, patient, rid from resource where rid > %s "
        "order by rid limit %s",
        (after, _AT_ONCE),
    ).fetchall():
        _reindex(connection, [row for row in rows if not row[4]])
        done, after = done + len(rows), rows[-1][7]
    connection.execute("delete from index_outdated")
    return done


def _reindex(connection: psycopg.Connection[Any], rows: list[Any]) -> None:
    writes = [_write(row) for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(
            "update resource set keys = %s where patient = %s and rid = %s",
            [(sorted(w.entries.keys), w.patient, w.rid) for w in writes if w.entries is not None],
        )
        cursor.executemany(
            "insert into quantity_unit (unit, kind, system, code, printed) values (%s, %s, %s, %s, %s) "
            "on conflict do nothing",
            [(number, *row) for number, row in index_rows.units_of(writes).items()],
        )
        for table, found in index_rows.rows_of(writes).items():
            columns = ["patient", "rid", *index_rows.columns(table)]
            with cursor.copy(f"copy {table} ({', '.join(columns)}) from stdin".encode()) as copy:
                for row in found:
                    copy.write_row(row)


def _write(row: Any) -> Write:
    item = stored(row)
    entries = index(json_text.read(item.body))
    return Write(
        item.type,
        item.id,
        item.version,
        item.updated,
        False,
        item.body,
        item.patient,
        item.rid,
        entries,
        None,
    )
