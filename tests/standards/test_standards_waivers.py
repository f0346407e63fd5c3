"""Waivers: none without an end, none for longer than twelve months, none that outlives itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from register_stage import AUTHORITY, BEGIN, LOCAL, NURSE, Stage, report_of

from carespine.kernel.errors import Conflict, Forbidden
from carespine.security.actor import Actor
from carespine.standards import catalogue, certificates, lifecycle, rules, service, waivers, waiving
from carespine.standards.engine.config import RunConfig
from carespine.standards.engine.report import Report
from carespine.standards.lifecycle import Entry, Event, State
from carespine.standards.models import CheckResult, Finding, Level, Outcome
from carespine.standards.waivers import Waiver, Wish

WAIVABLE = next(
    each for each in catalogue.requirements().values()
    if each.waivable and each.id in catalogue.profile("device-app").requirements
)  # fmt: skip
FIXED = next(
    each for each in catalogue.requirements().values()
    if not each.waivable and each.id in catalogue.profile("device-app").requirements
)  # fmt: skip
moments = st.datetimes(datetime(2024, 1, 1), datetime(2033, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - UTC


@settings(deadline=None)
@given(moments, st.none() | st.timedeltas(timedelta(days=-400), timedelta(days=800)))
def test_no_waiver_without_an_end_within_twelve_months(now, lasting):
    until = None if lasting is None else now + lasting
    wish = Wish(WAIVABLE.id, "A replacement is ordered.", until)
    granted = not waivers.reasons_to_refuse(wish, WAIVABLE, known=(), now=now)
    assert granted == (until is not None and now < until <= waivers.latest_end(now))
    if granted:
        assert lasting <= timedelta(days=366)
        assert waivers.latest_end(now).timetuple()[:2] == (now.year + 1, now.month)


@settings(deadline=None)
@given(moments, st.timedeltas(timedelta(seconds=1), timedelta(days=365)), moments)
def test_a_waiver_ends_by_itself(granted, lasting, then):
    waiver = Waiver("w", "a", "SE-09", "", "why", "who", granted, granted + lasting)
    assert bool(waivers.in_force([waiver], now=then)) == (granted <= then < granted + lasting)


@settings(deadline=None)
@given(moments, st.timedeltas(timedelta(days=1), timedelta(days=400)), st.integers(0, 500))
def test_a_certificate_that_rests_on_a_waiver_gives_no_access_after_its_end(begun, lasting, later):
    log = [
        Entry(Event.APPLY, begun, "supplier", "applied"),
        Entry(Event.START, begun, "supplier", "began"),
        Entry(Event.CERTIFY, begun, "Carespine", "met", "c", until=begun + lasting),
    ]
    found = lifecycle.replay(log, now=begun + timedelta(days=later))
    ends = min(lasting, lifecycle.CERTIFICATE_LIFETIME)
    assert (found.state is State.CERTIFIED) == (timedelta(days=later) < ends)
    assert found.allowed == (timedelta(days=later) < ends)


def test_29_february_is_followed_by_28_february():
    assert waivers.latest_end(datetime(2028, 2, 29, 12, tzinfo=UTC)) == datetime(2029, 2, 28, 12, tzinfo=UTC)


def test_a_waived_requirement_holds_nothing_up_and_lowers_the_level():
    def result(name: str, outcome: Outcome) -> CheckResult:
        return CheckResult(name, name, "1", Level.MUST, name, "", "", "", Finding(outcome, "it came"))

    results = [result("A", Outcome.PASS), result("B", Outcome.FAIL)]
    alone = rules.decide(results, required=["A", "B", "C"])
    assert (alone.certified, len(alone.reasons)) == (False, 2)
    assert not rules.decide(results, required=["A", "B", "C"], waived={"B"}).certified
    waived = rules.decide(results, required=["A", "B", "C"], waived={"B", "C"})
    assert (waived.certified, waived.level) == (True, "core")


@pytest.fixture
async def stage(database) -> Stage:
    return Stage(database)


async def test_a_waiver_is_public_append_only_and_the_authoritys(stage):
    product = await stage.product()
    wish = Wish(WAIVABLE.id, "The penetration test is booked for May.", BEGIN + timedelta(days=200))
    with pytest.raises(Forbidden):
        await waiving.grant(stage.standards, NURSE, product, wish)
    with pytest.raises(Conflict, match="may not be waived"):
        await waiving.grant(stage.standards, AUTHORITY, product, Wish(FIXED.id, "why", wish.until))
    with pytest.raises(Conflict, match="has an end"):
        await waiving.grant(stage.standards, AUTHORITY, product, Wish(WAIVABLE.id, "why", None))
    with pytest.raises(Conflict, match="no requirement BK-99"):
        await waiving.grant(stage.standards, AUTHORITY, product, Wish("BK-99", "why", wish.until))
    at_site = Wish(WAIVABLE.id, "why", wish.until, "A81001")
    with pytest.raises(Conflict, match="not on record as a site"):
        await waiving.grant(stage.standards, AUTHORITY, product, at_site)
    granted = await waiving.grant(stage.standards, AUTHORITY, product, wish)
    with pytest.raises(Conflict, match="waived there already"):
        await waiving.grant(stage.standards, AUTHORITY, product, wish)
    await stage.standards.deploy(AUTHORITY, product, organisation="A81001")
    await waiving.grant(stage.standards, AUTHORITY, product, at_site)

    listed = (await stage.get("/standards/waivers"))["waivers"]
    assert [(each["requirement"], each["organisation"], each["holds"]) for each in listed] == [
        (WAIVABLE.id, None, True),
        (WAIVABLE.id, "A81001", True),
    ]
    stage.clock.forward(days=201)
    record = await stage.get(f"/standards/register/{product}")
    assert [each["holds"] for each in record["waivers"]] == [False, False]
    async with stage.database.connection() as connection:
        leaves = await connection.fetch("select leaf from standards_leaf")
    assert sum(granted.id.encode() in each["leaf"] for each in leaves) == 1
    for change in ("update standards_waiver set until = now()", "delete from standards_waiver"):
        with pytest.raises(asyncpg.PostgresError):
            async with stage.database.transaction() as tx:
                await tx.execute(change)


async def test_racing_administrators_grant_one_waiver(stage):
    product = await stage.product()
    wish = Wish(WAIVABLE.id, "Why.", BEGIN + timedelta(days=20))
    tries = [waiving.grant(stage.standards, each, product, wish) for each in (AUTHORITY, LOCAL) * 3]
    made = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, Waiver) for each in made) == 1
    assert sum(isinstance(each, Conflict) for each in made) == 5


def test_data_of_record_systems_can_be_moved_for_90_days():
    def leaving(profile: str, days: float) -> State:
        log = [
            Entry(Event.APPLY, BEGIN, "s", "applied", profile=profile),
            Entry(Event.START, BEGIN, "s", "began"),
            Entry(Event.CERTIFY, BEGIN, "Carespine", "met", "c"),
            Entry(Event.PHASE_OUT, BEGIN, "a", "why", until=BEGIN + timedelta(days=180)),
            Entry(Event.WITHDRAW, BEGIN + timedelta(days=180 + days), "a", "all have moved"),
        ]
        return lifecycle.replay(log, now=log[-1].at).state

    assert leaving("device-app", 30) is State.WITHDRAWN
    assert leaving("record-system", 90) is State.WITHDRAWN
    for early in (30, 89.99):
        with pytest.raises(lifecycle.CannotHappenError, match="export stays possible"):
            leaving("record-system", early)


async def test_a_run_passes_by_waiver_and_its_certificate_names_it_and_ends_with_it(stage, monkeypatch):
    product = await stage.product()

    async def run(_: object) -> Report:
        return report_of(stage, WAIVABLE.id)

    monkeypatch.setattr(service.runner, "run", run)
    supplier = Actor("app", product, "supplier", "supplier")
    alone = await stage.standards.run(supplier, product, config=RunConfig())
    assert not alone.decision.certified
    until = BEGIN + timedelta(days=100, hours=5)
    await waiving.grant(stage.standards, AUTHORITY, product, Wish(WAIVABLE.id, "A test is booked.", until))
    decided = await stage.standards.run(supplier, product, config=RunConfig())
    assert (decided.decision.certified, decided.decision.level) == (True, "core")
    text = (await stage.http.get(f"/standards/certificates/{decided.certificate_id}")).text
    trust = await stage.get("/standards/jwks.json")
    found = certificates.verify(text, trust, stage.clock())
    assert found.ok, found.reasons
    assert found.claims["waived"] == {WAIVABLE.id: int(until.timestamp())}
    assert found.claims["exp"] == int(until.timestamp())
    record = await stage.get(f"/standards/register/{product}")
    assert f"by waiver without {WAIVABLE.id}" in record["reason"]
    assert record["certificate_until"].startswith("2027-02-10T14:00:00")
    stage.clock.forward(days=100, hours=5)
    assert (await stage.get(f"/standards/register/{product}"))["state"] == "expired"
    assert not certificates.verify(text, trust, stage.clock()).ok
