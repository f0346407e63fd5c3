"""Askers who come together share one answer, which was looked for after each of them had asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from api import FakeCertificates, FakeClock, FakeStanding, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from carespine.kernel.errors import Forbidden
from carespine.security import clients
from carespine.security.clients import Client
from carespine.security.together import Together


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab")), min_size=1, max_size=30))
def test_nobody_is_given_what_was_looked_for_before_they_asked(asked: list[tuple[int, str]]) -> None:
    async def play() -> int:
        shared: Together[str, int] = Together()
        now = lookups = 0

        def find(_key: str) -> Callable[[], Awaitable[int]]:
            async def look() -> int:
                nonlocal now, lookups
                now, lookups = now + 1, lookups + 1
                seen = now
                for _ in range(3):
                    await asyncio.sleep(0)
                return seen

            return look

        async def asker(turns: int, key: str) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            before = now
            assert await shared.ask(key, find(key)) > before

        await asyncio.gather(*(asker(turns, key) for turns, key in asked))
        return lookups

    assert asyncio.run(play()) <= len(asked)


async def test_an_error_is_everybodys_and_is_not_kept() -> None:
    shared: Together[str, int] = Together()
    answers = iter([ValueError("no"), 7])

    async def find() -> int:
        await asyncio.sleep(0)
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    first = [asyncio.create_task(shared.ask("a", find)) for _ in range(3)]
    for task in first:
        with pytest.raises(ValueError, match="no"):
            await task
    assert await shared.ask("a", find) == 7


async def test_a_suspension_bites_on_the_next_request_however_many_are_under_way(
    database_url: str, tmp_path
) -> None:
    standing = FakeStanding()
    certificates = FakeCertificates({"band": standing})
    async with serving(database_url, tmp_path, clock=FakeClock(), certificates=certificates) as server:
        tokens, database = server.platform.tokens, server.platform.database
        client = Client("band", "Band", None, {}, frozenset({"system/*.rs"}), True, True, method="none")
        async with database.transaction() as tx:
            await clients.register(tx, client)
        token = tokens.access_tokens.issue(
            sub="band", scope="system/*.rs", client_id="band", generation=0, certificate="certificate-1", suspensions=0
        )  # fmt: skip
        under_way = [asyncio.create_task(tokens.actor(token, request_id=str(n))) for n in range(40)]
        await asyncio.sleep(0)
        standing.allowed = False
        after = await asyncio.gather(*(tokens.actor(token) for _ in range(40)), return_exceptions=True)
        assert {type(each) for each in after} == {Forbidden}
        before = await asyncio.gather(*under_way, return_exceptions=True)
        assert {each.request_id for each in before if not isinstance(each, Exception)} <= set(
            map(str, range(40))
        )
