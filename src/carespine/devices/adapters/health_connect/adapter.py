"""Reads Health Connect: the database that Android exports (in a zip), and the JSON that apps write of its records."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from carespine.devices import reasons
from carespine.devices.adapters.contract import Manifest, UnreadableFile, load_manifest
from carespine.devices.adapters.health_connect import records
from carespine.devices.adapters.health_connect.tables import TABLES, rows_of
from carespine.devices.adapters.kit.clock import Clock
from carespine.devices.adapters.kit.collect import Collector
from carespine.devices.adapters.kit.document import Document, Head
from carespine.devices.samples import Batch
from carespine.devices.words import counted

_MARK = b"SQLite format 3\x00"
# Steps of the database's machine for one statement: a damaged file must not hold the reader up.
_MOST_STEPS = 2_000_000_000
_EVERY = 10_000_000


class HealthConnect:
    """The adapter of the contract."""

    def __init__(self) -> None:
        self.manifest: Manifest = load_manifest(__package__)

    def recognises(self, file: BinaryIO, *, name: str = "") -> bool:
        head = Head.of(file, name)
        if head.raw.startswith(_MARK):
            return (
                b"application_info_table" in head.raw
                or b"_record_table" in head.raw
                or "health" in name.lower()
            )
        return records.fits(head)

    def open(
        self, file: BinaryIO, *, now: datetime, name: str = "", zone: str | None = None
    ) -> HealthConnectReading:
        return HealthConnectReading(file, name, Collector(self.manifest, now=now, clock=Clock(zone)))


class HealthConnectReading:
    """One database or JSON file being read."""

    def __init__(self, file: BinaryIO, name: str, into: Collector) -> None:
        self._file, self._name, self._into = file, name, into

    @property
    def damage(self) -> str | None:
        return self._into.damage

    @property
    def notices(self) -> tuple[str, ...]:
        return tuple(self._into.notices)

    def batches(self) -> Iterator[Batch]:
        self._file.seek(0)
        if self._file.read(len(_MARK)) == _MARK:
            yield from self._database()
            return
        self._file.seek(0)
        document = Document(self._file.read(), self._name, self._into)
        for item in records.items(document.json):
            with self._into.record():
                records.take(item, self._into)
            if self._into.full:
                yield self._into.batch()
        yield self._into.batch()

    def _database(self) -> Iterator[Batch]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "export.db"
            self._file.seek(0)
            with path.open("wb") as copy:
                shutil.copyfileobj(self._file, copy)
            database = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
            try:
                self._limit(database)
                yield from self._tables(database)
            finally:
                database.close()
        yield self._into.batch()

    def _limit(self, database: sqlite3.Connection) -> None:
        left = [_MOST_STEPS // _EVERY]

        def watch() -> int:
            left[0] -= 1
            return int(left[0] < 0)

        database.set_progress_handler(watch, _EVERY)
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        database.execute("pragma trusted_schema = off")

    def _tables(self, database: sqlite3.Connection) -> Iterator[Batch]:
        try:
            names = [
                name for (name,) in database.execute("select name from sqlite_master where type = 'table'")
            ]
        except sqlite3.Error as error:
            raise UnreadableFile(
                "The database is damaged: not even its list of tables can be read."
            ) from error
        for table in names:
            known = TABLES.get(table)
            if known is None:
                self._unknown(database, table)
                continue
            try:
                for row in rows_of(database, known, names):
                    with self._into.record():
                        known.take(row, self._into)
                    if self._into.full:
                        yield self._into.batch()
            except (sqlite3.Error, json.JSONDecodeError) as error:
                self._into.damage = f"The table {table} is damaged ({error}). What came before was read."
                self._into.refuse(reasons.AFTER_DAMAGE)

    def _unknown(self, database: sqlite3.Connection, table: str) -> None:
        """Tables of records that have no metric here are counted; the database's own are not records."""
        if not table.endswith("_record_table"):
            return
        try:
            quoted = table.replace('"', '""')
            count: Any = database.execute(f'select count(*) from "{quoted}"').fetchone()[0]  # noqa: S608
        except sqlite3.Error:
            count = 1
        if count:
            self._into.refuse(reasons.METRIC_NOT_SUPPORTED, int(count))
            self._into.note(f"Not used: {counted(count, 'record')} of {table}.")
