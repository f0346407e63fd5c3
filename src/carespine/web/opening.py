"""Opening what a command works on: a door to the database, without the parts of a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from carespine.kernel import clock
from carespine.security import audit_clock
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.spine.reindexing.parameters import KnownParameters
from carespine.spine.validating.service import Validator
from carespine.storage.database import Database

if TYPE_CHECKING:
    from carespine.web.settings import Settings


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
