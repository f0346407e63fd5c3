"""Monitoring: one run an hour, a budget for errors, a watch that begins and ends by rule, and notices told once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from register_stage import APP_KEY, AUTHORITY, BEGIN, LOCAL, Stage

from carespine.security.egress import Egress
from carespine.standards import estate, lifecycle, monitoring, watching
from carespine.standards.lifecycle import CannotHappenError, Entry, Event, State
from carespine.standards.service import Ruling
from carespine.standards.states import MONITOR
from carespine.standards.watching import Probe, Seen

CERTIFIED = [
    Entry(Event.APPLY, BEGIN, "supplier", "applied"),
    Entry(Event.START, BEGIN, "supplier", "began"),
    Entry(Event.CERTIFY, BEGIN, "Carespine", "met", "c"),
]
WATCHED = [*CERTIFIED, Entry(Event.REFUSE, BEGIN + timedelta(hours=10), MONITOR, "it fails")]


def hours(outcomes: str, *, begin: int = 1) -> list[Probe]:
    """One probe an hour: u up, d down, f fault, e error."""
    seen = {"u": Seen.UP, "d": Seen.DOWN, "f": Seen.FAULT, "e": Seen.ERROR}
    return [
        Probe(n, BEGIN + timedelta(hours=n), seen[each], 5, "it came")
        for n, each in enumerate(outcomes, begin)
    ]


@pytest.mark.parametrize(
    ("log", "outcomes", "event"),
    [
        (CERTIFIED, "", None),
        (CERTIFIED, "uuuddd", None),  # three of the 3.6 hours that 99.5 % of a month allow
        (CERTIFIED, "uuudddd", Event.REFUSE),
        (CERTIFIED, "uuuddddu", None),  # it answers again
        (CERTIFIED, "eeeeeeee", None),  # ours, charged to nobody
        (CERTIFIED, "uf", None),
        (CERTIFIED, "uff", Event.REFUSE),
        (CERTIFIED, "fuf", Event.REFUSE),
        (CERTIFIED, "ffuu", None),
        (WATCHED, "u" * 8 + "ff" + "f" * 5, None),  # a day has not passed
        (WATCHED, "u" * 8 + "ff" + "f" * 26, Event.REFUSE),
        (WATCHED, "u" * 8 + "ff" + "u" * 24, Event.RECOVER),
        (WATCHED, "u" * 8 + "ff" + "u" * 12 + "d" + "u" * 11, None),
        (WATCHED, "u" * 8 + "ff" + "e" * 20 + "u" * 4, None),  # four runs prove no day
    ],
)
def test_what_follows_from_the_probes(log, outcomes, event):
    probes = hours(outcomes)
    now = probes[-1].at if probes else BEGIN
    found = watching.conclude(probes, lifecycle.replay(log, now=now), now=now)
    assert (found.event if found else None) is event


@settings(deadline=None)
@given(st.text("udfe", max_size=60))
def test_monitoring_alone_confirms_nothing_within_a_day_and_always_by_the_table(outcomes):
    log, seen = list(CERTIFIED), []
    for probe in hours(outcomes):
        seen.append(probe)
        situation = lifecycle.replay(log, now=probe.at)
        follows = watching.conclude(seen, situation, now=probe.at)
        if follows:
            entry = Entry(follows.event, probe.at, MONITOR, follows.reason)
            lifecycle.after(situation, entry)
            log.append(entry)
    said = [each for each in log[3:] if each.event is Event.REFUSE]
    confirmed = lifecycle.replay(log, now=BEGIN + timedelta(hours=len(outcomes))).state is State.NONCONFORMITY
    if confirmed:
        assert said[-1].at - said[-2].at >= timedelta(hours=24)


def test_a_watch_that_a_full_run_began_is_not_ended_by_probes():
    recover = Entry(Event.RECOVER, BEGIN + timedelta(days=3), MONITOR, "fine")
    assert lifecycle.replay([*WATCHED, recover], now=recover.at).state is State.CERTIFIED
    full = Entry(Event.REFUSE, BEGIN + timedelta(hours=11), "Carespine", "a full run failed")
    for log in ([*CERTIFIED, full], [*WATCHED, full]):
        with pytest.raises(CannotHappenError, match="full run"):
            lifecycle.replay([*log, recover], now=recover.at)


@settings(deadline=None)
@given(st.uuids().map(str), st.integers(0, 10**6))
def test_a_products_hours_follow_one_another(name, seconds):
    moment = BEGIN + timedelta(seconds=seconds)
    assert watching.hour_of(name, moment + watching.EVERY) == watching.hour_of(name, moment) + 1


def service(mood: dict[str, str]) -> httpx.MockTransport:
    """A service that holds its key, or another; that names a contact, or none; or that does not answer."""

    def answer(request: httpx.Request) -> httpx.Response:
        if mood["is"] == "down":
            raise httpx.ConnectError("refused", request=request)
        if request.url.path == "/.well-known/jwks.json":
            key = APP_KEY.as_dict(private=False)
            return httpx.Response(200, json={"keys": [] if mood["is"] == "other key" else [key]})
        if request.url.path == "/.well-known/security.txt":
            text = "Contact: mailto:s@x.example\nExpires: 2030-01-01T00:00:00Z\n"
            return httpx.Response(200, text=text, headers={"content-type": "text/plain"})
        return httpx.Response(404, json={})

    return httpx.MockTransport(answer)


@pytest.fixture
async def stage(database) -> Stage:
    return Stage(database)


async def test_each_hour_is_probed_once_whoever_asks_and_faults_lead_to_a_watch(stage):
    product, mood = await stage.product(base_url="https://app.example.org"), {"is": "up"}
    transport = service(mood)
    both = await asyncio.gather(*(monitoring.tick(stage.standards, transport=transport) for _ in range(4)))
    assert sum(both) == 1
    told = await stage.get(f"/standards/register/{product}/probes")
    assert [(each["outcome"], each["came"]) for each in told["probes"]] == [("up", "it answers as required")]
    for state, words in (
        ("down", "nothing answers at its address"),
        ("other key", "does not publish"),
        ("other key", ""),
    ):
        stage.clock.forward(hours=1)
        mood["is"] = state
        assert await monitoring.tick(stage.standards, transport=transport) == 1
        told = await stage.get(f"/standards/register/{product}/probes")
        assert words in told["probes"][-1]["came"]
    assert told["budget"] == {"runs": 4, "allowed": 3, "failed": 3, "left": 0}
    record = await stage.get(f"/standards/register/{product}")
    assert (record["state"], record["history"][-1]["who"], record["allowed"]) == ("watch", MONITOR, True)
    mood["is"] = "up"
    for _ in range(26):
        stage.clock.forward(hours=1)
        await monitoring.tick(stage.standards, transport=transport)
    assert (await stage.get(f"/standards/register/{product}"))["state"] == "certified"
    with pytest.raises(asyncpg.PostgresError):
        async with stage.database.transaction() as tx:
            await tx.execute("delete from standards_probe")
    await stage.get("/standards/register/nothing/probes", expect=404)


async def test_an_address_that_may_not_be_called_is_nobodys_fault(stage):
    product = await stage.product()
    stage.standards = type(stage.standards)(
        **{name: getattr(stage.standards, name) for name in ("door", "database", "key", "base_url", "clock")},
        egress=Egress(),
    )
    await monitoring.tick(stage.standards)
    (probe,) = (await stage.get(f"/standards/register/{product}/probes"))["probes"]
    assert probe["outcome"] == "error"


async def test_sites_are_told_of_each_change_once_and_of_a_phase_out_every_week(stage):
    product = await stage.product()
    await estate.adopt(stage.standards, LOCAL, product)
    assert await monitoring.tell(stage.standards) == 0
    await stage.standards.decide(AUTHORITY, product, Event.FIND, Ruling("zones are lost", severity=2))
    assert [await monitoring.tell(stage.standards) for _ in range(2)] == [1, 0]
    await stage.standards.decide(AUTHORITY, product, Event.PHASE_OUT, Ruling("too old", severity=2))
    told = 0
    for _ in range(28):
        told += await monitoring.tell(stage.standards)
        stage.clock.forward(days=1)
    assert told == 4
    notices = (await stage.get("/standards/estates/A81001/notices"))["notices"]
    assert [each["state"] for each in notices] == ["phasing-out"] * 4 + ["nonconformity"]
    assert (
        "Steady Band 1.0.0 is being phased out: too old. This ends on 2027-11-02 09:00 UTC."
        in notices[0]["text"]
    )
