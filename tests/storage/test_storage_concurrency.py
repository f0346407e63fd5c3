"""Many writers at once on a real PostgreSQL: one winner each, no gaps, nothing lost, never a 5xx."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "spine"))

from api import SYSTEM, Reply, Server, serving

from carespine.kernel.errors import Unavailable
from carespine.storage.database import Database, retrying


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(database_url, tmp_path, open=True) as running:
        yield running


def patient(number: int, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number}", **more}


def versions(history: Reply) -> list[int]:
    return [int(entry["response"]["etag"][3:-1]) for entry in history.tree["entry"]]


async def test_sixty_four_identical_conditional_creates_make_one_resource(server: Server) -> None:
    tree = {"resourceType": "Patient", "identifier": [{"system": "http://a", "value": "1"}]}
    replies = await asyncio.gather(
        *(server.post("Patient", tree, if_none_exist="identifier=http://a|1") for _ in range(64))
    )
    assert Counter(reply.status_code for reply in replies) == {201: 1, 200: 63}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert (await server.get("Patient?_summary=count")).json()["total"] == 1


async def test_sixty_four_conditional_creates_in_transactions_make_one_resource(server: Server) -> None:
    tree = {"resourceType": "Patient", "identifier": [{"system": "http://a", "value": "1"}]}
    request = {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=http://a|1"}
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": tree, "request": request}],
    }
    replies = await asyncio.gather(*(server.post("", bundle) for _ in range(64)))
    assert {reply.status_code for reply in replies} == {200}
    outcomes = Counter(reply.json()["entry"][0]["response"]["status"][:3] for reply in replies)
    assert outcomes == {"201": 1, "200": 63}


async def test_of_the_writers_on_one_version_exactly_one_wins(server: Server) -> None:
    await server.put(patient(1))
    for version in range(1, 4):
        replies = await asyncio.gather(
            *(
                server.write("Patient/p1", patient(1, gender="other"), if_match=f'W/"{version}"')
                for _ in range(50)
            )
        )
        assert Counter(reply.status_code for reply in replies) == {200: 1, 412: 49}
    history = await server.ask(SYSTEM, "GET", "Patient/p1/_history")
    assert versions(history) == [4, 3, 2, 1]


async def test_writers_without_a_condition_all_succeed_and_leave_no_gap(server: Server) -> None:
    """Also the first: those that create the same resource at once are run again as updates."""
    replies = await asyncio.gather(*(server.write("Patient/p1", patient(1)) for _ in range(40)))
    assert Counter(reply.status_code for reply in replies) == {201: 1, 200: 39}
    history = await server.ask(SYSTEM, "GET", "Patient/p1/_history?_count=100")
    assert versions(history) == list(range(40, 0, -1))


async def test_two_hundred_overlapping_transactions_in_any_order_all_succeed(server: Server) -> None:
    """Puts, deletes and conditional creates of the same few resources, each bundle in an order of its own."""
    chance = random.Random(7)  # noqa: S311 -- repeatable, not secret

    def bundle() -> dict[str, Any]:
        entries: list[dict[str, Any]] = [
            {"resource": patient(number), "request": {"method": "PUT", "url": f"Patient/p{number}"}}
            for number in chance.sample(range(12), 5)
        ]
        entries += [
            {"request": {"method": "DELETE", "url": f"Patient/p{number}"}}
            for number in chance.sample(range(12, 16), 2)
        ]
        for number in chance.sample(range(4), 2):
            criteria = f"identifier=http://a|{number}"
            tree = {
                "resourceType": "Organization",
                "identifier": [{"system": "http://a", "value": str(number)}],
            }
            entries.append(
                {
                    "resource": tree,
                    "request": {"method": "POST", "url": "Organization", "ifNoneExist": criteria},
                }
            )
        chance.shuffle(entries)
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    await server.put(*(patient(number) for number in range(12, 16)))
    replies = await asyncio.gather(*(server.post("", bundle()) for _ in range(200)))
    assert {reply.status_code for reply in replies} == {200}
    total = 0
    for number in range(16):
        history = await server.ask(SYSTEM, "GET", f"Patient/p{number}/_history?_count=500")
        if history.status == 200:
            found = versions(history)
            assert found == list(range(len(found), 0, -1))
            total += len(found) if number < 12 else 0
    assert total == 1000
    assert (await server.get("Organization?_summary=count")).json()["total"] == 4
    assert (
        await server.rows(
            "select 1 from pg_stat_database where datname = current_database() and deadlocks > 0"
        )
        == []
    )


async def test_readers_see_whole_transactions_or_nothing(server: Server) -> None:
    """Two patients change together in every transaction: no search sees one changed and the other not."""

    def both(day: int) -> dict[str, Any]:
        entries = [
            {
                "resource": patient(number, birthDate=f"2000-01-{day:02}"),
                "request": {"method": "PUT", "url": f"Patient/p{number}"},
            }
            for number in (1, 2)
        ]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    await server.post("", both(1))

    async def write() -> None:
        for day in range(2, 25):
            assert (await server.post("", both(day))).status_code == 200

    async def read() -> None:
        for _ in range(40):
            entries = (await server.get("Patient")).json()["entry"]
            assert len({entry["resource"]["birthDate"] for entry in entries}) == 1

    await asyncio.gather(write(), read(), read())


COMMANDS = st.lists(
    st.tuples(st.sampled_from(["put", "same", "delete", "revive"]), st.integers(0, 2)), min_size=1, max_size=8
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(COMMANDS, min_size=1, max_size=3))
def test_history_never_shrinks_and_versions_have_no_gaps(postgres_loop: Any, rounds: list[Any]) -> None:
    """Whatever is done, at once within a round: each history is 1 to n, and only ever grows at its end."""
    run, server = postgres_loop
    run(_play(server, rounds))


async def _play(server: Server, rounds: list[list[tuple[str, int]]]) -> None:
    before: dict[int, list[Any]] = {number: await _history(server, number) for number in range(3)}
    for commands in rounds:
        await asyncio.gather(*(_do(server, command, number) for command, number in commands))
        for number in range(3):
            after = await _history(server, number)
            assert [entry["response"]["etag"] for entry in after] == [
                f'W/"{version}"' for version in range(1, len(after) + 1)
            ]
            assert after[: len(before[number])] == before[number]
            before[number] = after


async def _do(server: Server, command: str, number: int) -> None:
    if command == "delete":
        reply = await server.request("DELETE", f"Patient/p{number}")
    else:
        reply = await server.write(f"Patient/p{number}", patient(number, active=command == "put"))
    assert reply.status_code < 300, reply.text


async def _history(server: Server, number: int) -> list[Any]:
    reply = await server.ask(SYSTEM, "GET", f"Patient/p{number}/_history?_count=1000")
    return list(reversed(reply.tree["entry"])) if reply.status == 200 else []


@pytest.fixture
def postgres_loop(database_url: str, tmp_path: Path) -> Any:
    """A server on a loop of its own, for Hypothesis, whose tests are not coroutines."""
    with asyncio.Runner() as runner:
        context = serving(database_url, tmp_path, open=True)
        server = runner.run(context.__aenter__())
        yield runner.run, server
        runner.run(context.__aexit__(None, None, None))


async def test_a_transaction_that_is_always_in_the_way_ends_as_try_again_later() -> None:
    import asyncpg

    tries = 0

    async def attempt() -> None:
        nonlocal tries
        tries += 1
        raise asyncpg.SerializationError

    with pytest.raises(Unavailable) as refused:
        await retrying(attempt)
    assert tries > 3
    assert refused.value.headers["Retry-After"]


async def test_a_database_that_is_away_is_said_to_be_away(database_url: str) -> None:
    closed = Database(database_url)
    with pytest.raises(Unavailable):
        async with closed.connection():
            pass
    with pytest.raises(Unavailable):
        await Database("postgresql://127.0.0.1:1/none").open()


async def test_a_connection_that_is_cut_is_said_and_the_next_one_works(database: Database) -> None:
    with pytest.raises(Unavailable):
        async with database.transaction() as tx:
            await tx.execute("select pg_terminate_backend(pg_backend_pid())")
    async with database.connection() as connection:
        assert await connection.fetchval("select 1") == 1
