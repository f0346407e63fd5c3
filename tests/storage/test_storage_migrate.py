"""Migrating: what is refused and in which words, and that it goes on beside a running server."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "spine"))

from api import serving

from carespine.kernel.errors import Misconfigured, Unavailable
from carespine.storage.migrate import FOLDER, migrate


def test_a_database_that_is_not_there_is_a_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody@127.0.0.1:{free.getsockname()[1]}/none"
        with pytest.raises(Unavailable, match="cannot be reached"):
            migrate(url)


@pytest.fixture
def grown(tmp_path: Path) -> Path:
    """The migrations of a later version: one more column, and a table filled from what is there."""
    folder = tmp_path / "later"
    shutil.copytree(FOLDER, folder)
    (folder / "9000.later.sql").write_text(
        "alter table resource add column later text;\ncreate table later as select count(*) from resource;\n"
    )
    return folder


def test_a_schema_that_is_newer_than_this_version_is_refused_in_words(database_url: str, grown: Path) -> None:
    assert migrate(database_url) == []
    assert migrate(database_url, folder=grown) == ["9000.later"]
    with pytest.raises(Misconfigured, match=r"newer Carespine \(its schema has 9000\.later\)"):
        migrate(database_url)


async def test_a_schema_changes_beside_a_running_server(
    database_url: str, tmp_path: Path, grown: Path
) -> None:
    """Requests go on while several migrate at once: none fails, one of those who migrate does it."""
    tree = {"resourceType": "Patient", "id": "ann"}
    async with serving(database_url, tmp_path, open=True) as server:
        migrating = asyncio.gather(
            *(asyncio.to_thread(migrate, database_url, folder=grown) for _ in range(3))
        )
        statuses = []
        while not migrating.done() or len(statuses) < 10:
            statuses += [(await server.write("Patient/ann", tree)).status_code]
            statuses += [(await server.get("Patient/ann")).status_code]
        assert sorted(await migrating) == [[], [], ["9000.later"]]
        assert set(statuses) <= {200, 201}
        assert len(await server.found("Patient")) == 1


def test_a_change_gives_way_to_those_who_hold_a_table(database_url: str, grown: Path) -> None:
    """A reader's transaction is not waited for in a queue that stops all others."""
    with psycopg.connect(database_url) as reader, psycopg.connect(database_url, autocommit=True) as other:
        reader.execute("select 1 from resource")
        let_go = threading.Timer(2.5, reader.commit)
        let_go.start()
        migrating = threading.Thread(target=migrate, args=[database_url], kwargs={"folder": grown})
        migrating.start()
        longest = 0.0
        while migrating.is_alive():
            started = time.monotonic()
            other.execute("select count(*) from resource")
            longest = max(longest, time.monotonic() - started)
        migrating.join()
        let_go.join()
        assert other.execute("select count(*) from later").fetchone() == (1,)
    assert longest < 2.5
