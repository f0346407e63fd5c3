"""Opening what a command works on: the database, and a door to it, without the parts of a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from carespine.kernel import clock
from carespine.security import audit_clock
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.spine.reindexing.parameters import KnownParameters
from carespine.spine.validating.service import Validator
from carespine.storage.database import Database
from carespine.storage.embedded import EmbeddedPostgres
from carespine.storage.migrate import migrate

if TYPE_CHECKING:
    from carespine.web.settings import Settings


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of a migrated database: the one that is set, or the embedded one for as long as this lasts."""
    if settings.database:
        migrate(settings.database)
        yield settings.database
        return
    server = EmbeddedPostgres(settings.data)
    try:
        url = server.start()
        migrate(url)
        server.watch()
        yield url
    finally:
        server.stop()


@asynccontextmanager
async def door(settings: Settings, url: str) -> AsyncIterator[Door]:
    """A door as a server's is, for as long as this lasts."""
    database = Database(url, max_size=settings.database_connections)
    parameters = KnownParameters(database)
    await database.open()
    try:
        async with database.transaction() as tx:
            await audit_clock.carry_on(tx)
        await parameters.start()
        yield Door(database, AuditLog(database, clock.now), clock.now, Validator(settings.validation_levels))
    finally:
        await parameters.stop()
        await database.close()
