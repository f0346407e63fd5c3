"""Audit events of many requests at once: each is stored before its request goes on, whatever commit it joins."""

from __future__ import annotations

import asyncio

from carespine.kernel.clock import now
from carespine.security.actor import ADMINISTRATION, system_job
from carespine.security.audit_event import Event
from carespine.security.audit_log import AuditLog
from carespine.storage.database import Database

REQUESTS, TURNS = 40, 25


async def test_an_event_is_stored_when_record_returns_however_many_arrive(database: Database) -> None:
    audit = AuditLog(database, now)

    async def request(number: int) -> None:
        for turn in range(TURNS):
            what = f"Patient/{number}-{turn}"
            await audit.record([Event(system_job("test"), ADMINISTRATION, "R", "read", what=what)])
            if turn % 10 == number % 10:
                async with database.connection() as connection:
                    found = await connection.fetchval(
                        "select count(*) from audit_event where position(convert_to($1, 'UTF8') in body) > 0",
                        f'"{what}"',
                    )
                assert found == 1

    async with asyncio.timeout(30):
        await asyncio.gather(*(request(number) for number in range(REQUESTS)))
    async with database.connection() as connection:
        assert await connection.fetchval("select count(*) from audit_event") == REQUESTS * TURNS
