"""The one scoped door: the only way to patient data, for every page, API, job and import."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from carespine.kernel.errors import CarespineError
from carespine.security.audit_event import Event
from carespine.security.session import Session
from carespine.storage import statistics
from carespine.storage.point_reads import PointReads

if TYPE_CHECKING:
    from carespine.kernel.clock import Clock
    from carespine.security.actor import Actor
    from carespine.security.audit_log import AuditLog
    from carespine.security.validating import Validator
    from carespine.storage.database import Connection, Database
    from carespine.storage.rows import Stored


class _Nowhere:
    """In the place of a connection, for a visit that needs none of its own."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"This visit has no connection: {name} cannot be asked of it.")


_NOWHERE = cast("Connection", _Nowhere())


class Door:
    """Lets an actor in for a purpose. Nothing that was done or refused inside goes without an audit event."""

    def __init__(
        self, database: Database, audit: AuditLog, clock: Clock, validator: Validator | None = None
    ) -> None:
        self._database, self._audit, self._clock = database, audit, clock
        self._validator = validator
        self._reads = PointReads(database)

    async def read(self, actor: Actor, resource_type: str, resource_id: str, *, purpose: str) -> Stored:
        """A glance at one current version, as `read_stored` gives it, in one statement with those of others."""
        session = Session(_NOWHERE, actor, purpose, self._clock)
        try:
            item = await session.read_shared(self._reads, resource_type, resource_id)
        except CarespineError as error:
            await self._refused(session, actor, purpose, error)
            raise
        await self._audit.record(session.events)
        return item

    @asynccontextmanager
    async def enter(self, actor: Actor, *, purpose: str, searches: bool = True) -> AsyncIterator[Session]:
        """A visit that may write: one transaction, with its audit events; rolled back on any error.

        A visit that searches for nothing, but names what it reads and writes, says so and is spared the planning.
        """
        session: Session | None = None
        begin = self._database.transaction if searches else self._database.planned_transaction
        try:
            async with begin() as tx:
                session = Session(tx, actor, purpose, self._clock)
                session.validator = self._validator
                yield session
                await self._audit.append(tx, session.events)
        except CarespineError as error:
            await self._refused(session, actor, purpose, error)
            raise

    @asynccontextmanager
    async def glance(self, actor: Actor, *, purpose: str) -> AsyncIterator[Session]:
        """A visit that only reads: no transaction; its audit events are stored before it returns."""
        session: Session | None = None
        try:
            async with self._database.connection() as connection:
                session = Session(connection, actor, purpose, self._clock)
                session.validator = self._validator
                yield session
        except CarespineError as error:
            await self._refused(session, actor, purpose, error)
            raise
        await self._audit.record(session.events)

    async def look(self) -> None:
        """Have the database look at what it stores, after much was: searches are planned by what it knows."""
        async with self._database.connection() as connection:
            await statistics.renew(connection)

    async def _refused(
        self, session: Session | None, actor: Actor, purpose: str, error: CarespineError
    ) -> None:
        """What was refused is on record although the transaction was rolled back."""
        events = [event for event in session.events if event.outcome != "0"] if session else []
        if not events:
            events = [Event(actor, purpose, "E", "error", outcome="4", description=type(error).__name__)]
        await self._audit.record(events)
