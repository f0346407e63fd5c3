"""The connection pool and its transactions."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from carespine.kernel.errors import Invalid, TooCostly, Unavailable
from carespine.storage.rows import row_ids

if TYPE_CHECKING:
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

T = TypeVar("T")
_MAY_BE_LOST = (
    "The database ended meanwhile and may have lost the last of what was stored. Load the same again: what is there "
    "is left alone."
)
_TRY_AGAIN = "The database is away; please try again."

# What a transaction may meet because of another one; running it again is right and enough.
TRANSIENT = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
)
_ATTEMPTS = 12
_LOST = (
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
_AWAY = (OSError, *_LOST)
_TOO_SLOW = (asyncpg.QueryCanceledError, TimeoutError)
_GRACE_S = 5
# The values of PostgreSQL's plan_cache_mode by which the pools differ.
_FOR_VALUES, _KEPT = "force_custom_plan", "force_generic_plan"
# U+0000: JSON and HTTP can carry it, the text of PostgreSQL cannot.
_NOT_TEXT = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)


async def _keep_state(_connection: object) -> None:
    """Nothing to reset: no code sets session state outside a transaction (saves a round trip a release)."""


class Database:
    """One PostgreSQL; `connection()` for single statements, `transaction()` for a verb.

    There are two pools. Most statements are planned for their values, as searches must be; `kept_plans()` and
    `planned_transaction()` are for those that find rows by their keys, for which planning costs more than running.
    """

    def __init__(
        self,
        url: str,
        *,
        min_size: int = 2,
        max_size: int = 16,
        longest_s: int = 0,
        waits_for_disk: bool = True,
    ) -> None:
        """`longest_s` is how long a statement may take; 0 for as long as it needs. Both pools share `max_size`.

        A commit waits until it is on disk; with `waits_for_disk` false none does, and `flush()` waits for all.
        """
        self._url, self._longest_s, self._waits_for_disk = url, longest_s, waits_for_disk
        kept = max(1, max_size * 3 // 8)
        self._sizes = {_FOR_VALUES: (min_size, max(1, max_size - kept)), _KEPT: (1, kept)}
        self._pools: dict[str, Pool] = {}
        # Of those that do not wait: lost with every other connection when the server loses what was not on disk.
        self._witness: asyncpg.Connection[asyncpg.Record] | None = None

    @property
    def url(self) -> str:
        """How it is reached, for another process of ours; holds the password."""
        return self._url

    async def open(self) -> None:
        """Connect; raises Unavailable when the server cannot be reached."""
        if not self._waits_for_disk:
            self._witness = await self._connected()
        for plans in self._sizes:
            self._pools[plans] = await self._opened(plans)
        async with self.connection() as connection:
            writer = await connection.fetchval("select nextval(to_regclass('row_writer'))")
        if writer is not None:  # a schema that is about to be migrated may not have it yet
            row_ids.numbered(writer)

    async def _opened(self, plans: str) -> Pool:
        least, most = self._sizes[plans]
        try:
            return await asyncpg.create_pool(
                self._url,
                min_size=min(least, most),
                max_size=most,
                reset=_keep_state,
                # The server ends a statement itself; this is for a server that no longer answers.
                command_timeout=self._longest_s + _GRACE_S if self._longest_s else None,
                server_settings={
                    "plan_cache_mode": plans,
                    # A request has one processor: many requests share them better than one can.
                    "max_parallel_workers_per_gather": "0",
                    "timezone": "UTC",
                    **({} if self._waits_for_disk else {"synchronous_commit": "off"}),
                    "statement_timeout": str(self._longest_s * 1000),
                    "application_name": "carespine",
                },
            )
        except _AWAY as error:
            raise Unavailable("The database cannot be reached.") from error

    @property
    def connections(self) -> tuple[int, int]:
        """How many connections there are, and how many of them are without work."""
        pools = self._pools.values()
        return sum(pool.get_size() for pool in pools), sum(pool.get_idle_size() for pool in pools)

    async def close(self) -> None:
        while self._pools:
            _, pool = self._pools.popitem()
            await pool.close()
        if self._witness is not None:
            with suppress(*_AWAY):
                await self._witness.close(timeout=2)

    async def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        try:
            return await asyncpg.connect(self._url, server_settings={"application_name": "carespine"})
        except _AWAY as error:
            raise Unavailable("The database cannot be reached.") from error

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection outside any transaction: each statement stands for itself.

        Raises Unavailable where the server is lost, TooCostly where a statement takes too long, Invalid for text
        that no database can hold.
        """
        return self._connection(_FOR_VALUES)

    def kept_plans(self) -> AbstractAsyncContextManager[Connection]:
        """As `connection`, for statements that find rows by their keys: their plans are made once."""
        return self._connection(_KEPT)

    @asynccontextmanager
    async def _connection(self, plans: str) -> AsyncIterator[Connection]:
        pool = self._pools.get(plans)
        if pool is None:
            raise Unavailable("The database is not open.")
        try:
            connection = await pool.acquire()
        except (asyncpg.InternalClientError, *_AWAY) as error:
            raise Unavailable(_TRY_AGAIN) from error
        try:
            yield connection
        except _TOO_SLOW as error:
            raise TooCostly("This asks more of the database than it may: narrow the search.") from error
        except asyncpg.InternalClientError as error:
            # The connection was cut in a moment that the driver does not know how to tell.
            connection.terminate()
            raise Unavailable(_TRY_AGAIN) from error
        except (ConnectionError, *_LOST) as error:
            raise Unavailable(_TRY_AGAIN) from error
        except _NOT_TEXT as error:
            raise Invalid("A text holds a character that cannot be stored (U+0000).") from error
        finally:
            with suppress(*_AWAY):  # a connection that was lost cannot be given back; what was done stands
                await pool.release(connection)

    async def flush(self) -> None:
        """Return once everything that was committed before is on disk: a commit that waits, waits for all of it.

        (Only one that has written something waits: here a message to nobody.) Raises Unavailable where the server was
        lost since this database was opened: what was committed without waiting may have gone with it.
        """
        if self._witness is None:
            return  # each commit has waited
        try:
            await self._witness.execute(
                "begin; set local synchronous_commit = on; "
                "select pg_logical_emit_message(true, 'carespine', ''); commit"
            )
        except (asyncpg.InternalClientError, ConnectionError, *_LOST, *_AWAY) as error:
            raise Unavailable(_MAY_BE_LOST) from error

    @asynccontextmanager
    async def dedicated(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A connection of its own, outside the pool, for as long as this lasts; for listening."""
        connection = await asyncpg.connect(
            self._url, server_settings={"application_name": "carespine listening"}
        )
        try:
            yield connection
        finally:
            await connection.close(timeout=2)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a transaction: committed on leaving, rolled back on any error."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def planned_transaction(self) -> AsyncIterator[Connection]:
        """A transaction whose statements keep their plans: for those that find rows by their keys.

        Making a plan takes longer than storing one resource. A search has to be planned for its values, and does not
        belong here; nor does a transaction within it, which the driver refuses.
        """
        async with self.kept_plans() as connection:
            try:
                await connection.execute("begin")
                yield connection
                await connection.execute("commit")
            except BaseException:
                with suppress(*_AWAY):  # a connection that was lost has rolled back
                    await connection.execute("rollback")
                raise


async def retrying(attempt: Callable[[], Awaitable[T]]) -> T:
    """Run `attempt` (a whole transaction) again when another transaction got in its way.

    Raises Unavailable after 12 attempts, which a caller sees as 503 with Retry-After.
    """
    for number in range(_ATTEMPTS):
        try:
            return await attempt()
        except TRANSIENT:
            await asyncio.sleep(random.uniform(0, 0.004 * 2 ** min(number, 6)))  # noqa: S311
    raise Unavailable("Too many writers are at work on the same resources.", headers={"Retry-After": "1"})
