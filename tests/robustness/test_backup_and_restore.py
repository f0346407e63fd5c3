"""A backup is everything: restored elsewhere, each row is equal, and the audit trail holds and goes on."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "spine"))

from api import Server, fresh_database, serving
from psycopg import sql
from typer.testing import CliRunner

from carespine.cli import app
from carespine.kernel.errors import CarespineError, Conflict, Invalid
from carespine.security import audit_seal
from carespine.security.keys import public_set
from carespine.storage.backup.tables import tables
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.migrate import migrate
from carespine.web.backups import back_up, restore
from carespine.web.settings import Settings

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
PATIENT = {
    "resourceType": "Patient",
    "id": "ann",
    "name": [{"family": "Müller\t\\N"}],
    "birthDate": "1970-01-01",
}
WEIGHT = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "weight"},
    "subject": {"reference": "Patient/ann"},
    "valueQuantity": {"value": 70.50, "unit": "kg"},
}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Another cluster, whose transaction ids begin at the beginning."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("elsewhere"), durable=False)
    server.start()
    yield server
    server.stop()


@contextmanager
def empty_database(cluster: EmbeddedPostgres, name: str) -> Iterator[str]:
    maintenance = cluster.url.replace("/carespine?", "/postgres?")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    yield cluster.url.replace("/carespine?", f"/{name}?")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)".encode())


async def fill(server: Server) -> None:
    await server.write("Patient/ann", PATIENT)
    await server.write("Patient/ann", {**PATIENT, "gender": "female"})
    await asyncio.gather(*(server.post("Observation", WEIGHT) for _ in range(20)))
    await server.request("DELETE", "Patient/gone")
    await server.write("Patient/gone", {"resourceType": "Patient", "id": "gone"})
    await server.request("DELETE", "Patient/gone")
    await server.get("Patient/nobody")


async def seal(server: Server) -> None:
    async with server.platform.database.transaction() as tx:
        await audit_seal.seal(tx, server.platform.keys.audit, server.platform.clock)


async def verified(server: Server) -> audit_seal.Verification:
    await seal(server)
    async with server.platform.database.connection() as connection:
        return await audit_seal.verify(connection, public_set(server.platform.keys.audit))


def everything(url: str, *, but: tuple[str, ...] = ("audit_clock", "audit_seal")) -> dict[str, list[Any]]:
    """All rows of all tables, each table in the order of its text."""
    with psycopg.connect(url) as connection:
        return {
            table.name: connection.execute(
                sql.SQL("select t::text from {} t order by 1").format(table.identifier)
            ).fetchall()
            for table in tables(connection)
            if table.name not in but
        }


@pytest.fixture(scope="module")
def backed_up(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, Path, str]]:
    """A record that was written, sealed in part, and backed up: its settings, the backup, and its database."""
    folder = tmp_path_factory.mktemp("original")
    with fresh_database(postgres) as url:
        settings = Settings(data=folder, database=url, open=True)

        async def life() -> None:
            async with serving(url, folder, open=True) as server:
                await fill(server)
                await seal(server)
                await fill(server)

        # Numbers that the other cluster has not reached.
        with psycopg.connect(url, autocommit=True) as connection:
            for _ in range(3_000):
                connection.execute("select pg_current_xact_id()")
        asyncio.run(life())
        path, _ = back_up(settings, folder, now=NOW)
        yield settings, path, url


def test_a_backup_is_one_file_that_only_its_owner_can_read(backed_up: tuple[Settings, Path, str]) -> None:
    settings, path, _ = backed_up
    assert path.name == "carespine-20261127T093000Z.backup"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    names = ("audit", "certificates", "secrets", "tokens")
    assert set(manifest["files"]) == {f"keys/{name}.jwk" for name in names}
    assert manifest["tables"]["resource"]["rows"] == 42
    with pytest.raises(Invalid, match="replaces none"):
        back_up(settings, path, now=NOW)


def test_in_another_cluster_every_row_is_equal_and_the_trail_holds_and_goes_on(
    backed_up: tuple[Settings, Path, str], elsewhere: EmbeddedPostgres, tmp_path: Path
) -> None:
    _, path, original = backed_up
    with empty_database(elsewhere, "equal") as url:
        settings = Settings(data=tmp_path, database=url, open=True)
        restored = restore(settings, path)
        assert restored.trail.faults == ()
        assert restored.trail.unsealed == 0
        assert everything(url) == everything(original)
        assert (tmp_path / "keys" / "audit.jwk").stat().st_mode & 0o077 == 0

        async def go_on() -> None:
            async with serving(url, tmp_path, open=True) as server:
                before = await verified(server)
                read = await server.get("Patient/ann")
                assert (read.status_code, read.headers["etag"]) == (200, 'W/"4"')
                assert (await server.write("Patient/ann", PATIENT)).headers["etag"] == 'W/"5"'
                assert len(await server.found("Observation?subject=Patient/ann&_count=100")) == 40
                after = await verified(server)
                assert (before.faults, after.faults, after.unsealed) == ((), (), 0)
                assert after.events == before.events + 3
                rows = await server.rows("select xact::text::bigint from audit_event order by seq")
                numbers = [row[0] for row in rows]
                assert min(numbers[-3:]) > max(numbers[:-3])

        asyncio.run(go_on())


def test_a_trail_that_was_altered_after_the_restore_is_found(
    backed_up: tuple[Settings, Path, str], elsewhere: EmbeddedPostgres, tmp_path: Path
) -> None:
    _, path, _ = backed_up
    with empty_database(elsewhere, "altered") as url:
        settings = Settings(data=tmp_path, database=url, open=True)
        restore(settings, path)
        with psycopg.connect(url) as connection:
            connection.execute("alter table audit_event disable trigger user")
            connection.execute("delete from audit_event where seq = 3")
            connection.execute("alter table audit_event enable trigger user")

        async def look() -> audit_seal.Verification:
            async with serving(url, tmp_path, open=True) as server:
                return await verified(server)

        assert asyncio.run(look()).faults


def test_a_backup_is_of_one_moment_while_others_write(database_url: str, tmp_path: Path) -> None:
    """Two patients change together in each transaction; in the backup they never differ."""

    def both(number: int) -> dict[str, Any]:
        entries = [
            {
                "resource": {"resourceType": "Patient", "id": name, "name": [{"family": f"n{number}"}]},
                "request": {"method": "PUT", "url": f"Patient/{name}"},
            }
            for name in ("one", "two")
        ]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    async def write() -> int:
        async with serving(database_url, tmp_path, open=True) as server:
            settings = Settings(data=tmp_path, database=database_url)
            taken = asyncio.create_task(asyncio.to_thread(back_up, settings, tmp_path / "b", now=NOW))
            count = 0
            while not taken.done():
                assert (await server.post("", both(count))).status_code == 200
                count += 1
            _, manifest = await taken
            assert manifest.tables["resource"].rows in (0, 2)
            return count

    assert asyncio.run(write()) > 1
    with zipfile.ZipFile(tmp_path / "b") as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-200], "is not a backup"),
        (lambda content: content[: len(content) // 2], "is not a backup"),
        (lambda content: b"", "is not a backup"),
        (lambda content: content[:2_000] + b"\xff" * 64 + content[2_064:], "is damaged"),
    ],
)
def test_a_damaged_backup_is_refused_and_leaves_nothing(
    backed_up: tuple[Settings, Path, str],
    elsewhere: EmbeddedPostgres,
    tmp_path: Path,
    damage: Any,
    message: str,
) -> None:
    _, path, _ = backed_up
    damaged = tmp_path / "damaged.backup"
    damaged.write_bytes(damage(path.read_bytes()))
    with empty_database(elsewhere, "damaged") as url:
        with pytest.raises(CarespineError, match=message):
            restore(Settings(data=tmp_path / "data", database=url), damaged)
        assert not (tmp_path / "data" / "keys").exists()
        with psycopg.connect(url) as connection:
            there = connection.execute("select to_regclass('resource')").fetchone()
            if there != (None,):
                assert connection.execute("select count(*) from resource").fetchone() == (0,)


def test_a_restore_replaces_neither_records_nor_keys(
    backed_up: tuple[Settings, Path, str], tmp_path: Path
) -> None:
    settings, path, url = backed_up
    with pytest.raises(Conflict, match="not empty"):
        restore(settings, path)
    other = tmp_path / "keys" / "audit.jwk"
    other.parent.mkdir()
    other.write_text("{}")
    with pytest.raises(Conflict, match="another"):
        restore(Settings(data=tmp_path, database=url), path)
    assert other.read_text() == "{}"


def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    elsewhere: EmbeddedPostgres, tmp_path: Path
) -> None:
    with empty_database(elsewhere, "older") as old, empty_database(elsewhere, "newer") as new:
        migrate(old, only=["0001.resources", "0002.security", "0036.audit-clock"])
        path, manifest = back_up(Settings(data=tmp_path, database=old), tmp_path / "old.backup", now=NOW)
        assert len(manifest.migrations) == 3
        restore(Settings(data=tmp_path / "new", database=new), path)
        assert migrate(new) == []


def test_the_commands_say_what_they_did(
    backed_up: tuple[Settings, Path, str], elsewhere: EmbeddedPostgres, tmp_path: Path
) -> None:
    settings, _, original = backed_up
    where = ["--data", str(settings.data), "--database", original]
    made = CliRunner().invoke(app, ["backup", str(tmp_path / "x.backup"), "--without-keys", *where])
    assert made.exit_code == 0, made.output
    assert "Without the keys" in made.output
    with empty_database(elsewhere, "commands") as url:
        into = ["--data", str(settings.data), "--database", url]
        back = CliRunner().invoke(app, ["restore", str(tmp_path / "x.backup"), *into])
        assert back.exit_code == 0, back.output
        assert "The audit trail is intact" in back.output
