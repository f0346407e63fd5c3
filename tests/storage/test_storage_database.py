"""The connections: how their statements are planned, what a transaction leaves, when a commit is on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from carespine.kernel.errors import Unavailable
from carespine.storage.database import Database

if TYPE_CHECKING:
    from carespine.storage.database import Connection


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url, max_size=4)
    await found.open()
    async with found.connection() as connection:
        await connection.execute("create table kept (number integer primary key)")
    yield found
    await found.close()


async def _setting(context: AbstractAsyncContextManager[Connection], name: str) -> str:
    async with context as connection:
        return str(await connection.fetchval(f"show {name}"))


async def test_searches_are_planned_for_their_values_and_point_reads_once(database: Database) -> None:
    assert await _setting(database.connection(), "plan_cache_mode") == "force_custom_plan"
    assert await _setting(database.transaction(), "plan_cache_mode") == "force_custom_plan"
    assert await _setting(database.kept_plans(), "plan_cache_mode") == "force_generic_plan"
    assert await _setting(database.planned_transaction(), "plan_cache_mode") == "force_generic_plan"


async def _twice(database: Database) -> None:
    async with database.planned_transaction() as tx:
        await tx.execute("insert into kept values ($1)", 2)
        await tx.execute("insert into kept values ($1)", 1)


async def test_a_planned_transaction_is_all_or_nothing(database: Database) -> None:
    async with database.planned_transaction() as tx:
        await tx.execute("insert into kept values ($1)", 1)
    with pytest.raises(asyncpg.UniqueViolationError):
        await _twice(database)
    async with database.planned_transaction() as tx:  # the connection that was given back is as good as new
        assert [row["number"] for row in await tx.fetch("select number from kept")] == [1]


async def test_the_pools_share_their_connections(database_url: str) -> None:
    database = Database(database_url, min_size=4, max_size=8)
    await database.open()
    try:
        size, idle = database.connections
        assert 2 <= idle <= size <= 8
    finally:
        await database.close()
    assert database.connections == (0, 0)
    with pytest.raises(Unavailable):
        async with database.kept_plans():
            pass


async def test_a_load_does_not_wait_for_the_disk_until_it_flushes(
    database: Database, database_url: str
) -> None:
    loading = Database(database_url, max_size=2, waits_for_disk=False)
    await loading.open()
    try:
        assert await _setting(loading.transaction(), "synchronous_commit") == "off"
        async with loading.transaction() as tx:
            await tx.execute("insert into kept values (7)")
            written = await tx.fetchval("select pg_current_wal_insert_lsn()")
        await loading.flush()
        async with database.connection() as connection:
            assert await connection.fetchval("select pg_current_wal_flush_lsn() >= $1::pg_lsn", written)
    finally:
        await loading.close()
