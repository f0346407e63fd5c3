"""Jobs: a crash loses nothing and repeats nothing; a lease keeps two workers apart; what expires is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from api import FakeClock, Server, fresh_database, serving
from jobs_client import exported, kick_off, manifest, place
from test_bulk_export import EVERYONE, RECORD

from carespine.kernel.errors import Unavailable
from carespine.security.actor import TREATMENT, system_job
from carespine.spine.bulk import export_job
from carespine.spine.jobs import handle
from carespine.spine.jobs.handle import Handle
from carespine.spine.jobs.runner import Runner
from carespine.storage import jobs
from carespine.storage.bell import Bell
from carespine.storage.embedded import EmbeddedPostgres
from carespine.web import app

KEEP = timedelta(hours=1)


@pytest.fixture(scope="module")
async def idle(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server whose own worker takes up no job, so that a test says who does, and when."""

    class Idle:
        async def run(self) -> None:
            return

    with fresh_database(postgres) as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.workers, "runner", lambda _platform, _bell: Idle())
        async with serving(url, tmp_path_factory.mktemp("idle"), open=True) as running:
            patch.undo()
            await running.put(*RECORD)
            yield running


def runner_of(server: Server, **handlers: handle.Handler) -> Runner:
    return Runner(
        server.platform.database, Bell(server.platform.database), server.platform.clock, handlers, keep=KEEP
    )


async def ask(server: Server, kind: str) -> str:
    async with server.platform.door.enter(system_job("test"), purpose=TREATMENT) as session:
        return await handle.ask(session, kind, {"url": "x"})


async def run_out(server: Server) -> None:
    """Let every lease run out, as ten seconds would."""
    async with server.platform.database.connection() as connection:
        await connection.execute("update job set lease_ends = now() - interval '1 second'")


async def state(server: Server, job: str) -> jobs.JobRow:
    async with server.platform.database.connection() as connection:
        found = await jobs.find(connection, job)
    assert found is not None
    return found


async def test_an_export_that_a_crash_cut_short_goes_on_where_it_was(
    idle: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_job, "PAGE", 1)
    reply = await kick_off(idle, "Patient/$export")
    job = place(reply).rpartition("/")[2]
    for _ in range(20):  # each worker gets a page or two done and is gone without a word
        worker = asyncio.create_task(workers_turn(idle))
        before = (await state(idle, job)).progress
        while not worker.done() and (await state(idle, job)).progress == before:  # noqa: ASYNC110
            await asyncio.sleep(0)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        await run_out(idle)
        if (await state(idle, job)).state == "complete":
            break
    else:
        await workers_turn(idle)
    found = (await idle.http.get(place(reply))).json()
    assert await exported(idle, found) == EVERYONE
    assert sum(file["count"] for file in found["output"]) == 5


async def workers_turn(server: Server) -> bool:
    exporter = export_job.Exporter(
        server.platform.database, server.platform.door, server.platform.clock, server.platform.tokens
    )
    return await runner_of(server, export=exporter.run).turn()


async def test_a_job_is_taken_up_by_one_worker_only(idle: Server) -> None:
    begun = asyncio.Event()
    done: list[str] = []

    async def work(job: Handle) -> None:
        begun.set()
        done.append(job.id)

    job = await ask(idle, "work")
    took = await asyncio.gather(*(runner_of(idle, work=work).turn() for _ in range(4)))
    assert sorted(took) == [False, False, False, True]
    assert done == [job]
    assert (await state(idle, job)).state == "complete"


async def test_a_worker_that_lost_its_lease_can_change_nothing(idle: Server) -> None:
    async def slow(job: Handle) -> None:
        await run_out(idle)
        await runner_of(idle, slow=quick).turn()  # another takes over and ends it
        async with idle.platform.database.transaction() as tx:
            await job.checkpoint(tx, {"by": "the first"})

    async def quick(job: Handle) -> None:
        async with idle.platform.database.transaction() as tx:
            await job.checkpoint(tx, {"by": "the second"})

    job = await ask(idle, "slow")
    assert await runner_of(idle, slow=slow).turn() is True
    found = await state(idle, job)
    assert (found.state, found.progress) == ("complete", {"by": "the second"})


@pytest.mark.parametrize(
    ("error", "after_one", "words"),
    [
        (Unavailable("away"), "running", None),
        (RuntimeError("secret"), "running", None),
        (ValueError("secret"), "running", None),
    ],
)
async def test_a_job_that_met_trouble_is_tried_again(
    idle: Server, error: Exception, after_one: str, words: str | None
) -> None:
    async def fail(_job: Handle) -> None:
        raise error

    job = await ask(idle, "fail")
    await runner_of(idle, fail=fail).turn()
    found = await state(idle, job)
    assert (found.state, found.failure) == (after_one, words)


async def test_a_job_that_fails_on_our_side_again_and_again_is_given_up(idle: Server) -> None:
    async def fail(_job: Handle) -> None:
        raise RuntimeError("patient Ann Abel")

    job = await ask(idle, "fail-always")
    runner = runner_of(idle, **{"fail-always": fail})
    for _ in range(5):
        await run_out(idle)
        assert await runner.turn()
    found = await state(idle, job)
    assert found.state == "failed"
    assert found.failure is not None
    assert "Ann" not in found.failure
    assert not await runner.turn()


async def test_a_requester_has_ten_unfinished_jobs_at_most(idle: Server) -> None:
    for _ in range(handle.MOST_UNFINISHED):
        place(await kick_off(idle, "$export"))
    refused = await kick_off(idle, "$export")
    assert refused.status_code == 429
    assert refused.headers["retry-after"]


async def test_files_expire(database_url: str, tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving(database_url, tmp_path, clock=clock, open=True) as server:
        await server.put(*RECORD)
        found = await manifest(server, "$export?_type=Patient")
        clock.forward(hours=23)
        async with server.platform.database.transaction() as tx:
            assert await jobs.forget_expired(tx, now=clock()) == 0
            clock.forward(hours=2)
            assert await jobs.forget_expired(tx, now=clock()) == 1
        reply = await server.http.get(found["output"][0]["url"])
        assert reply.status_code == 404
        assert await server.rows("select 1 from job_part") == []
