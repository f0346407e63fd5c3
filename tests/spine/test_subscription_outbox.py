"""The outbox: each change becomes one event, whatever happens around it; a crash repeats deliveries and loses none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from api import Server, serving
from sources import Source, source
from test_subscriptions import events, observation, subscription

from carespine.security.actor import TREATMENT, system_job
from carespine.spine.subscriptions.deliverer import Deliverer
from carespine.spine.subscriptions.dispatcher import Dispatcher, tidy
from carespine.storage import subscriptions as stored
from carespine.web import app, workers


async def _idle(server: Server, hook: Source) -> tuple[Dispatcher, Deliverer]:
    """A subscription that is active, with the work for it in the test's hands."""
    platform = server.platform
    deliverer = Deliverer(workers.telling(platform), workers.egress(platform.settings))
    tree = subscription("s", hook.put("/s", b""), filters=("Observation?code=x",))
    assert (await server.write("Subscription/s", tree)).status_code == 201
    assert await deliverer.turn()
    return Dispatcher(platform.database, platform.clock), deliverer


async def test_events_are_numbered_once_and_sent_again_after_a_crash(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.workers, "subscriptions", lambda _platform, _bell: ())
    async with serving(database_url, tmp_path, open=True) as server:
        with source() as hook:
            dispatcher, deliverer = await _idle(server, hook)
            await asyncio.gather(*(server.put(observation(f"o{n}", "x")) for n in range(8)))
            # Several processes look at the same time: one of them does it.
            await asyncio.gather(*(dispatcher.turn() for _ in range(4)))
            while await dispatcher.turn():
                pass
            rows = await server.rows("select number from subscription_event order by number")
            assert [row["number"] for row in rows] == list(range(1, 9))
            assert await server.rows("select 1 from resource_change") == []
            # The endpoint was told, and the server dies before it can note that it was.
            with monkeypatch.context() as patch:

                async def die(*_: Any, **__: Any) -> None:
                    raise asyncio.CancelledError

                patch.setattr(stored, "sent", die)
                with pytest.raises(asyncio.CancelledError):
                    await deliverer.turn()
            await server.rows("update subscription set lease_ends = now() - interval '1 second'")
            assert await deliverer.turn()
            assert not await deliverer.turn()
            assert [number for number, _ in events(hook, "/s")] == [*range(1, 9), *range(1, 9)]


async def test_a_write_that_is_rolled_back_is_no_event_and_unsettled_ones_wait(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.workers, "subscriptions", lambda _platform, _bell: ())
    async with serving(database_url, tmp_path, open=True) as server:
        with source() as hook:
            dispatcher, _ = await _idle(server, hook)
            door, job = server.platform.door, system_job("test")
            with pytest.raises(ZeroDivisionError):  # noqa: PT012 -- the write is rolled back by what follows it
                async with door.enter(job, purpose=TREATMENT) as session:
                    await session.upsert_many([observation("never", "x")])
                    raise ZeroDivisionError
            async with door.enter(job, purpose=TREATMENT) as session:
                await session.upsert_many([observation("slow", "x")])
                # A later transaction ends first: it is not told before the earlier one is known.
                await server.put(observation("quick", "x"))
                assert not await dispatcher.turn()
            assert await dispatcher.turn()
            rows = await server.rows("select id from subscription_event order by number")
            assert [row["id"] for row in rows] == ["slow", "quick"]
            # Reindexing writes no version, and nobody hears of it.
            await server.rows("update resource set keys = keys")
            assert await server.rows("select 1 from resource_change") == []
            await server.request("DELETE", "Subscription/s")
            await tidy(server.platform.database)
            await server.put(observation("nobody", "x"))
            assert await server.rows("select 1 from resource_change") == []
