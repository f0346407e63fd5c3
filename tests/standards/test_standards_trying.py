"""A run that is watched: checks as they come, failures with their exchange, one check again without a decision."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from register_stage import Stage, report_of

from carespine.kernel.errors import Misconfigured, NotFound, TooMany
from carespine.security.actor import Actor
from carespine.security.egress import Egress
from carespine.standards import catalogue, trying
from carespine.standards.engine import runner
from carespine.standards.engine.config import RunConfig
from carespine.standards.trying import LiveRun

SUPPLIER = Actor("app", "a", "supplier", "supplier")


@pytest.fixture
async def stage(database, monkeypatch) -> Stage:
    """The network is a service that answers 404 to everything."""
    nothing = httpx.MockTransport(lambda _: httpx.Response(404, json={}))
    real = runner.run

    async def over(plan: runner.Plan):
        return await real(trying.replace(plan, transport=nothing))

    monkeypatch.setattr(trying.runner, "run", over)
    made = Stage(database)
    made.standards = trying.replace(made.standards, egress=Egress(allow_loopback=True))
    return made


async def ended(stage: Stage, product: str, name: str) -> LiveRun:
    for _ in range(400):
        found = await trying.find(stage.standards, product, name)
        if found.ended:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("the run does not end")


async def test_one_check_again_shows_the_exchange_and_decides_nothing(stage):
    product = await stage.product(base_url="https://app.example.org")
    before = await stage.get(f"/standards/register/{product}")
    name = await trying.begin(stage.standards, SUPPLIER, product, config=RunConfig(), only="SE-13")
    found = await ended(stage, product, name)
    assert (found.total, len(found.results), found.run) == (1, 1, None)
    (result,) = found.results
    assert (result["requirement"], result["outcome"], bool(result["advice"])) == ("SE-13", "fail", True)
    assert "/.well-known/security.txt" in result["exchanges"][0]["text"]
    assert "decides nothing" in found.outcome
    assert await stage.get(f"/standards/register/{product}") == before
    assert not stage.standards.running


async def test_runs_are_bounded_named_and_their_owners(stage):
    product, other = (
        await stage.product(base_url="https://app.example.org"),
        await stage.product("Other Band"),
    )
    with pytest.raises(Misconfigured, match="has no check"):
        await trying.begin(stage.standards, SUPPLIER, product, config=RunConfig(), only="BK-99")
    with pytest.raises(NotFound):
        await trying.begin(stage.standards, SUPPLIER, "nothing", config=RunConfig(), only="SE-13")
    name = await trying.begin(stage.standards, SUPPLIER, product, config=RunConfig(), only="SE-13")
    with pytest.raises(NotFound):
        await trying.find(stage.standards, other, name)
    await ended(stage, product, name)
    stage.standards.running.update({"a", "b"})
    with pytest.raises(TooMany):
        await trying.begin(stage.standards, SUPPLIER, product, config=RunConfig(), only="SE-13")


async def test_a_run_whose_process_ended_is_told_as_broken_off(stage):
    product = await stage.product()
    async with stage.database.transaction() as tx:
        await tx.execute(
            "insert into standards_live_run (id, version, only_, total, started, beat) values ('r', $1, '', 9, $2, $2)",
            product,
            stage.clock(),
        )
    assert (await trying.find(stage.standards, product, "r")).tree()["going"]
    stage.clock.forward(minutes=3)
    told = (await trying.find(stage.standards, product, "r")).tree()
    assert (told["going"], told["outcome"]) == (False, "the run was broken off: start it again")


async def test_a_whole_run_decides_and_is_shown_as_it_went(stage, monkeypatch):
    product = await stage.product(base_url="https://app.example.org")

    async def run(plan: runner.Plan):
        report = report_of(stage, "SE-13")
        for each in report.results:
            plan.progress(each)
        return report

    monkeypatch.setattr(trying.runner, "run", run)
    name = await trying.begin(stage.standards, SUPPLIER, product, config=RunConfig())
    found = await ended(stage, product, name)
    assert len(found.results) == len(catalogue.profile("device-app").requirements)
    assert found.outcome.startswith("refused: SE-13")
    record = await stage.get(f"/standards/register/{product}")
    assert (record["last_run"], record["state"]) == (found.run, "watch")
