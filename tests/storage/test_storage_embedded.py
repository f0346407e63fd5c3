"""The embedded server: starts, is joined, stops, and dies with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from carespine.storage.database import Database
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.migrate import migrate
from carespine.storage.types import type_numbers


def test_a_second_process_joins_the_running_server(tmp_path: Path) -> None:
    first, second = EmbeddedPostgres(tmp_path, durable=False), EmbeddedPostgres(tmp_path, durable=False)
    assert first.start() == second.start()
    assert first.pid == second.pid
    second.stop()  # it did not start it, so it does not stop it
    with psycopg.connect(first.url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    first.stop()
    assert first.pid is None


def test_a_watched_server_that_was_killed_is_started_again(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    url = server.start()
    server.watch()
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while server.pid in (None, first) and time.monotonic() < deadline:
        os.sched_yield()
    server.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    server.stop()
    assert server.pid is None


def test_data_is_there_after_a_restart(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    with psycopg.connect(server.start()) as connection:
        connection.execute("create table kept (a int)")
    server.stop()
    again = EmbeddedPostgres(tmp_path)
    with psycopg.connect(again.start()) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)
    again.stop()


def test_a_folder_that_is_private_to_the_asker_still_works(tmp_path: Path) -> None:
    """As root the server runs under another account, which may not enter a private folder."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    server = EmbeddedPostgres(private / "data", durable=False)
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("show server_version_num").fetchone() >= ("180000",)
    server.stop()


def test_the_server_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from carespine.storage.embedded import EmbeddedPostgres\n"
        "s = EmbeddedPostgres(Path(sys.argv[1])); s.start(); print(s.pid, flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        os.sched_yield()
    assert not Path(f"/proc/{pid}").exists()


def test_migrating_twice_changes_nothing(postgres: EmbeddedPostgres) -> None:
    assert migrate(postgres.url) == []


async def test_the_resource_types_are_named_in_the_database(database: Database) -> None:
    async with database.connection() as connection:
        rows = await connection.fetch("select number, name from resource_type")
    assert {row["name"]: row["number"] for row in rows} == type_numbers()
