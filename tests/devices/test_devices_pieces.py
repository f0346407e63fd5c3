"""Chunks in pieces, and the summary that is kept: both are ways to be quick, and neither may change what is told."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from device_builders import NOW
from test_devices_live import APP, House, house, sample

from carespine.devices import live, live_store, publish, store, views
from carespine.devices.models import SummaryView
from carespine.devices.samples_in import Parser
from carespine.kernel.ids import patient_key
from carespine.security.actor import TREATMENT, system_job

__all__ = ["house"]
pytestmark = pytest.mark.anyio
PIECE = 20


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PIECE_READINGS", PIECE)
    monkeypatch.setattr(live_store, "PIECE_READINGS", PIECE)


def beats(first: int, count: int) -> list[dict[str, Any]]:
    start = NOW - timedelta(days=2)
    times = [(start + timedelta(seconds=30 * place)).isoformat() for place in range(first, first + count)]
    return [sample("heart-rate", 60 + place % 40, "/min", at) for place, at in enumerate(times, first)]


async def pieces(house: House) -> list[tuple[int, int, int]]:
    async with house.database.connection() as connection:
        rows = await connection.fetch(
            "select readings, first_ms, last_ms from device_chunk where metric = 'heart-rate' order by first_ms"
        )
    return [tuple(row) for row in rows]


async def take(house: House, samples: list[dict[str, Any]], key: str) -> dict[str, Any]:
    async with house.door.enter(APP, purpose=TREATMENT) as session:
        return await live.take_batch(
            session,
            patient_id="wearer",
            samples=samples,
            client=APP.id,
            idempotency_key=key,
            sha256=key.encode(),
        )


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_batches_in_any_order_leave_each_reading_once_in_pieces_that_never_overlap(
    house: House, seed: int
) -> None:
    luck = random.Random(seed)  # noqa: S311 -- an order, no secret
    wanted = [(luck.randrange(300), luck.randrange(1, 60)) for _ in range(12)]
    for number, (first, count) in enumerate(wanted):
        await take(house, beats(first, count), str(number))
    every = {place for first, count in wanted for place in range(first, first + count)}
    assert await house.stored("heart-rate") == sorted(float(60 + place % 40) for place in every)
    found = await pieces(house)
    assert sum(readings for readings, _, _ in found) == len(every)
    assert all(earlier[2] < later[1] for earlier, later in pairwise(found))
    assert max(readings for readings, _, _ in found) <= PIECE


@pytest.mark.usefixtures("small_pieces")
async def test_a_batch_rewrites_only_the_pieces_its_time_touches_and_a_withdrawal_finds_its_reading(
    house: House,
) -> None:
    await take(house, beats(0, 200), "a")
    before = await pieces(house)
    assert len(before) == 10
    withdrawn = {**beats(105, 1)[0], "action": "withdraw"}
    answer = await take(house, [withdrawn], "b")
    assert answer["withdrawn"] == 1
    after = await pieces(house)
    assert len(set(before) & set(after)) == 9
    assert sum(readings for readings, _, _ in after) == 199


async def seen(house: House) -> SummaryView | None:
    async with house.door.glance(system_job("test"), purpose=TREATMENT) as session:
        return await views.summary_view(session, "wearer")


async def test_a_kept_summary_is_the_one_worked_out_and_no_older_than_the_readings(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await seen(house) is None
    await take(house, [sample("weight", 80.5, "kg")], "a")
    worked_out = await seen(house)
    calls: list[object] = []
    original = views.pictures.load

    async def counting(*given: Any, **more: Any) -> Any:
        calls.append(given)
        return await original(*given, **more)

    monkeypatch.setattr(views.pictures, "load", counting)
    assert await seen(house) == worked_out
    assert not calls
    await take(house, [sample("weight", 81.5, "kg", "2026-11-20T09:00:00+00:00")], "b")
    later = await seen(house)
    assert len(calls) == 1
    assert later != worked_out
    async with house.door.enter(system_job("test"), purpose=TREATMENT) as session:
        await session.upsert_many([{"resourceType": "Patient", "id": "wearer", "birthDate": "1940-01-01"}])
    await seen(house)
    assert len(calls) == 2
    async with house.door.enter(system_job("test"), purpose=TREATMENT) as session:
        await publish.publish_summary(session, patient_key("wearer"), "wearer", None, now=NOW)
    published = len(calls)
    assert await seen(house) is not None
    assert len(calls) == published


ODD = (
    {"value": "61"},
    {"value": True},
    {"value": 10**400},
    {"value": None},
    {"start": "2026-11-20T08:00:00Z"},
    {"start": "2026-11-20T08:00:00.250+00:00"},
    {"start": "2026-11-20T08:00:00+17:00"},
    {"start": "2026-11-20 08:00:00+00:00"},
    {"start": "2026-W47-5T08:00:00+00:00"},
    {"start": "0001-01-01T00:00:00+15:00"},
    {"start": "2026-11-20T08:00:00", "zone": "Europe/Paris"},
    {"end": "2026-11-20T08:05:00-03:30"},
    {"end": None},
    {"unit": "furlong"},
    {"device": {"app": "Band", "name": 7}},
    {"device": None},
    {"metric": "sleep", "value": "DEEP"},
    {"action": "withdraw"},
)


def test_a_sample_read_in_the_quick_way_is_the_one_read_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = sample("heart-rate", 61, "/min", "2026-11-20T08:00:00+01:00")
    batch = [{**plain, **change} for odd in ODD for change in ({}, odd, {"value": 62.5})]
    quick = Parser(now=NOW, sent=None).parse(batch)
    monkeypatch.setattr(Parser, "_quick", lambda *_: False)
    full = Parser(now=NOW, sent=None).parse(batch)
    assert quick == full
    assert len(full.refused) > 4
