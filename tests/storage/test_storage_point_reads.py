"""Reads by id that share statements: each gets its own answer, fresh and within its own reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api import Server, serving

from carespine.kernel.errors import Unavailable
from carespine.storage.database import Database
from carespine.storage.point_reads import PointReads
from carespine.storage.sql import Arguments


def _all(_arguments: Arguments, _alias: str) -> str:
    return "true"


def _none(_arguments: Arguments, _alias: str) -> str:
    return "false"


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(database_url, tmp_path, open=True) as running:
        yield running


async def test_many_who_ask_at_once_each_get_their_own_answer(server: Server) -> None:
    await server.put(*({"resourceType": "Patient", "id": f"p{number}"} for number in range(300)))
    reads = PointReads(server.platform.database)
    wanted = [f"p{number % 320}" for number in range(640)]
    found = await asyncio.gather(
        *(reads.read("Patient", name, reach="all", reachable=_all) for name in wanted)
    )
    assert [item.id if item else None for item in found] == [
        name if int(name[1:]) < 300 else None for name in wanted
    ]


async def test_each_reads_within_its_own_reach(server: Server) -> None:
    await server.put({"resourceType": "Patient", "id": "p"})
    reads = PointReads(server.platform.database)
    found = await asyncio.gather(
        *(
            reads.read("Patient", "p", reach=reach, reachable=reachable)
            for reach, reachable in (("all", _all), ("none", _none)) * 5
        )
    )
    assert [item is not None for item in found] == [True, False] * 5


async def test_who_asks_after_a_write_was_answered_sees_it(server: Server) -> None:
    await server.put({"resourceType": "Patient", "id": "p"})
    stop = asyncio.Event()

    async def crowd() -> None:
        while not stop.is_set():
            await server.get("Patient/p")

    crowds = [asyncio.create_task(crowd()) for _ in range(8)]
    for version in range(2, 12):
        await server.write("Patient/p", {"resourceType": "Patient", "id": "p", "language": f"x-{version}"})
        assert (await server.get("Patient/p")).headers["etag"] == f'W/"{version}"'
    stop.set()
    await asyncio.gather(*crowds)


async def test_every_reader_has_an_audit_event_of_their_own(server: Server) -> None:
    await server.put({"resourceType": "Patient", "id": "p"})
    replies = await asyncio.gather(*(server.get(f"Patient/{name}") for name in ["p"] * 7 + ["q"] * 3))
    assert [reply.status_code for reply in replies] == [200] * 7 + [404] * 3
    events = [event for event in await server.events() if event["subtype"][0]["code"] == "read"]
    assert sorted(event["outcome"] for event in events) == ["0"] * 7 + ["4"] * 3
    identities = [
        detail["valueString"]
        for event in events
        for detail in event["entity"][0].get("detail", [])
        if detail["type"] == "request-id"
    ]
    assert len(set(identities)) == len(identities)


async def test_all_who_wait_are_told_that_the_database_is_away(database_url: str) -> None:
    database = Database(database_url)
    reads = PointReads(database)
    asked = [reads.read("Patient", f"p{number}", reach="all", reachable=_all) for number in range(5)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(error) for error in found] == [Unavailable] * 5


async def test_one_who_goes_away_does_not_disturb_the_others(server: Server) -> None:
    await server.put({"resourceType": "Patient", "id": "p"})
    reads = PointReads(server.platform.database)
    tasks = [asyncio.create_task(reads.read("Patient", "p", reach="all", reachable=_all)) for _ in range(6)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(not isinstance(item, BaseException) and item is not None for item in found[1:])
