"""From a finding to a withdrawal, with its appeals and gates, over the real register: nobody is cut off in a day."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import asyncpg
import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from starlette.applications import Starlette

from carespine.kernel.errors import Conflict, Forbidden
from carespine.kernel.ids import new_id
from carespine.security import accounts
from carespine.security.accounts import Account
from carespine.security.actor import Actor, system_job
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.standards import gates, merkle, moving, routes, service, store
from carespine.standards.keys import SigningKey
from carespine.standards.known import Known
from carespine.standards.lifecycle import Entry, Event, State
from carespine.standards.models import Application
from carespine.standards.service import Ruling
from carespine.storage.database import Database

ADMIN = Actor("administrator", "ada", "Ada Admin", "administrator")
OTHER = Actor("administrator", "otto", "Otto Other", "administrator")
NURSE = Actor("practitioner", "nia", "Nia Nurse", "nurse")
BEGIN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
TOKEN = "the application's own token"
SITE = "A81001"


@dataclass(slots=True)
class Clock:
    now: datetime = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass(slots=True)
class World:
    standards: service.Standards
    http: httpx.AsyncClient
    database: Database
    clock: Clock
    key: ECKey
    id: str = field(default_factory=new_id)

    async def decide(self, event: Event, who: Actor = ADMIN, **more: object) -> State:
        decision = Ruling(f"{event}: because", **more)
        return (await self.standards.decide(who, self.id, event, decision)).state

    async def said(self) -> dict:
        return (await self.http.get(f"/standards/register/{self.id}")).json()

    async def answer(self, verb: str, text: str, token: str = TOKEN) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        path = f"/standards/applications/{self.id}/{verb}"
        return await self.http.post(path, json={"text": text}, headers=headers)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """A register with one certified product that one practice uses."""
    clock, key = Clock(), ECKey.generate_key("P-256", {"kid": "k"})
    standards = service.Standards(
        door=Door(database, AuditLog(database, clock), clock),
        database=database,
        key=SigningKey.of(key),
        base_url="https://carespine.example",
        clock=clock,
    )
    transport = httpx.ASGITransport(Starlette(routes=routes.routes_of(standards)))
    async with httpx.AsyncClient(transport=transport, base_url="https://carespine.example") as http:
        made = World(standards, http, database, clock, key)
        await certify(made)
        await standards.deploy(ADMIN, made.id, organisation=SITE)
        yield made


async def certify(world: World, version: str = "1.0.0") -> None:
    app_key = ECKey.generate_key("P-384")
    asked = Application(
        id=world.id,
        supplier="Example Wearables Ltd",
        product="Steady Band",
        version=version,
        client_id="steady-band",
        base_url="http://127.0.0.1:9",
        profile="device-app",
        contact="help@steady-band.example",
        jwks={"keys": [app_key.as_dict(private=False)]},
        thumbprint=app_key.thumbprint(),
        created=BEGIN,
    )
    async with world.database.transaction() as tx:
        await store.add_application(tx, asked, secret=sha256(TOKEN.encode()).digest())
        for event in (Event.APPLY, Event.START):
            await store.add_event(tx, world.id, Entry(event, BEGIN, asked.supplier, str(event)))
        entry = Entry(Event.CERTIFY, BEGIN, "Carespine", "met everything", "certificate-1")
        await store.add_event(tx, world.id, entry)


LEFT = [{"resourceType": "Basic", "id": "a"}, {"resourceType": "Basic", "id": "b"}]
PART = gates.Part(exported=3, imported=3, exported_sha256="a" * 64, imported_sha256="a" * 64)
FACTS = gates.Facts(
    sites=(
        gates.Site(
            organisation=SITE,
            capabilities=("readings",),
            acknowledged=date(2027, 1, 1),
            replacements={"readings": "Other Band 2"},
            parts=dict.fromkeys(gates.PARTS, PART),
        ),
    ),
    continuity_owner="the practice manager",
    hazard_signed_by="the clinical safety officer",
)


async def test_the_whole_way_out_takes_its_time_and_keeps_every_step(world):
    assert await world.decide(Event.FIND, severity=2) is State.NONCONFORMITY
    assert (await world.answer("reply", "We will mend it by January.")).json()["state"] == "nonconformity"
    assert await world.decide(Event.AGREE) is State.CAP_AGREED
    world.clock.forward(days=90)
    assert (await world.said())["state"] == "restricted"
    assert (await world.said())["access"] == {"reach": "all", "new_sites": False}
    world.clock.forward(days=60)
    leaving = await world.said()
    assert leaving["state"] == "phasing-out"
    assert leaving["sunset"] == leaving["due"]
    world.clock.forward(days=365)
    assert (await world.said())["access"]["reach"] == "export"
    with pytest.raises(Conflict, match="W3: nothing is said about A81001"):
        await world.standards.withdraw(ADMIN, world.id, reason="its time is over")
    await compared(world, LEFT)
    with pytest.raises(Conflict, match="export stays possible until"):
        await world.standards.withdraw(ADMIN, world.id, reason="its time is over", facts=FACTS)
    world.clock.forward(days=30)
    done = await world.standards.withdraw(ADMIN, world.id, reason="its time is over", facts=FACTS)
    assert done.state is State.WITHDRAWN
    history = (await world.said())["history"]
    assert [step["event"] for step in history] == [
        "apply", "start", "certify", "find", "reply", "agree", "withdraw",
    ]  # fmt: skip
    assert history[3]["severity"] == 2
    async with world.database.connection() as connection:
        kept = json.loads(await connection.fetchval("select facts from standards_withdrawal"))
    assert kept["continuity_owner"] == "the practice manager"
    assert kept["sites"][0]["parts"]["resources"]["exported"] == len(LEFT)


async def compared(world: World, arrived: list[dict[str, str]], organisation: str = SITE) -> None:
    """Keep a comparison of what the site exported with what arrived elsewhere."""
    left, other = (
        moving.read_lines("\n".join(json.dumps(each) for each in side).encode(), "e")
        for side in (LEFT, arrived)
    )
    kept = {"organisation": organisation, "target": "Other Band 2", "report": moving.compare(left, other)}
    await moving.rehearsed(world.standards, system_job("rehearse leaving"), world.id, **kept)


async def test_no_word_of_the_authority_stands_for_a_comparison_of_the_exports(world):
    async def refused() -> str:
        with pytest.raises(Conflict) as told:
            await world.standards.withdraw(ADMIN, world.id, reason="closed", facts=FACTS)
        return str(told.value)

    await world.decide(Event.PHASE_OUT)
    world.clock.forward(days=364)
    await compared(world, LEFT)  # while the product could still be written to
    world.clock.forward(days=1 + 30)
    assert "W3: no comparison of what A81001 exported" in await refused()
    await compared(world, LEFT[:1])
    assert "W3: the resources of A81001 differ: 2 exported, 1 imported" in await refused()
    await compared(world, LEFT)
    await compared(world, [LEFT[0], {**LEFT[1], "status": "altered"}])  # the newest counts
    assert "W3: the resources of A81001 differ: 2 exported, 2 imported" in await refused()
    world.clock.forward(seconds=1)
    await compared(world, LEFT)
    done = await world.standards.withdraw(ADMIN, world.id, reason="closed", facts=FACTS)
    assert done.state is State.WITHDRAWN


async def test_a_restricted_product_comes_to_no_new_site_and_keeps_those_it_has(world):
    await world.decide(Event.FIND)
    await world.standards.deploy(ADMIN, world.id, organisation="B82002")
    await world.decide(Event.RESTRICT)

    with pytest.raises(Conflict, match="may not come to new sites"):
        await world.standards.deploy(ADMIN, world.id, organisation="C83003")
    await world.standards.deploy(ADMIN, world.id, organisation=SITE)
    sites = [site["organisation"] for site in (await world.said())["sites"]]
    assert sites == [SITE, "B82002"]


async def test_no_product_with_a_site_is_withdrawn_past_the_gates(world):
    world.clock.forward(days=366)
    async with world.database.transaction() as tx:
        await store.add_event(tx, world.id, Entry(Event.START, world.clock(), "the supplier", "again"))
    assert (await world.said())["state"] == "testing"
    with pytest.raises(Conflict, match="W3: nothing is said about A81001"):
        await world.standards.withdraw(ADMIN, world.id, reason="closed")


async def test_a_danger_stops_export_too(world):
    await world.decide(Event.PHASE_OUT)
    world.clock.forward(days=365)
    assert (await world.said())["access"]["reach"] == "export"
    stopped = await world.standards.suspend(ADMIN, world.id, reason="it exports another patient's data")
    assert (stopped.state, stopped.allowed) == (State.SUSPENDED, False)


async def test_a_newer_version_does_not_lift_a_suspension(world):
    await world.standards.suspend(ADMIN, world.id, reason="it showed one patient to another")
    first = world.id
    world.id = new_id()
    await certify(world, version="2.0.0")
    async with world.database.connection() as connection:
        found = await service.standing(connection, "steady-band", now=world.clock())
    assert (found.allowed, found.state) == (False, "suspended")
    world.id = first
    await world.standards.reinstate(ADMIN, first, reason="mended")
    async with world.database.connection() as connection:
        assert (await service.standing(connection, "steady-band", now=world.clock())).allowed


async def test_what_is_known_of_a_client_is_read_again_once_something_was_written(world):
    known = Known()
    async with world.database.connection() as connection:
        first = await known.of(connection, "steady-band")
        assert first.applications
        assert await known.of(connection, "steady-band") is first
        await world.standards.suspend(ADMIN, world.id, reason="it showed one patient to another")
        second = await known.of(connection, "steady-band")
        assert [line.event for line in second.logs[world.id]][-1] is Event.SUSPEND
        await connection.execute("update standards_version set contact = 'x@example.org'")
        assert (await known.of(connection, "steady-band")).applications[0].contact == "x@example.org"
        assert (await known.of(connection, "nobody")).applications == []


async def test_a_hold_is_signed_by_two_administrators_in_person(world):
    await administrators(world)
    await world.decide(Event.FIND)
    until = world.clock() + timedelta(days=60)
    stranger = Actor("administrator", "carl", "Carl Claimed", "administrator")

    for _ in range(2):  # the same person twice is one person, whatever name they write down
        await world.decide(Event.HOLD, until=until, second="Otto Other")
    assert "hold" not in [step["event"] for step in (await world.said())["history"]]
    with pytest.raises(Forbidden, match="in person"):
        await world.decide(Event.HOLD, stranger, until=until)
    await world.decide(Event.HOLD, OTHER, until=until + timedelta(days=1))  # other words
    assert "hold" not in [step["event"] for step in (await world.said())["history"]]
    await world.decide(Event.HOLD, OTHER, until=until)
    async with world.database.connection() as connection:
        held = (await store.log(connection, world.id))[-1]
    assert (held.event, held.who, held.second) == (Event.HOLD, OTHER.name, ADMIN.name)


async def test_the_gates_are_overridden_by_the_two_people_who_are_named(world):
    await administrators(world)
    await world.decide(Event.PHASE_OUT)
    world.clock.forward(days=366 + 30)
    await compared(world, LEFT)
    now = world.clock()
    signed = {"signed": now - timedelta(minutes=1), "until": now + timedelta(days=7)}
    override = gates.Override(first="ada", second="otto", reason="the supplier is insolvent", **signed)
    facts = gates.Facts(sites=FACTS.sites, override=override)

    async def asked(who: Actor, facts: gates.Facts = facts) -> State:
        return (await world.standards.withdraw(who, world.id, reason="closed", facts=facts)).state

    for _ in range(2):
        assert await asked(ADMIN) is State.EXPORT_ONLY
    free_text = gates.Facts(
        sites=FACTS.sites, override=gates.Override(first="One", second="Two", reason="x", **signed)
    )
    with pytest.raises(Conflict, match="not one of them"):
        await asked(OTHER, free_text)
    assert await asked(OTHER) is State.WITHDRAWN


async def administrators(world: World) -> None:
    async with world.database.transaction() as tx:
        for each in (ADMIN, OTHER):
            account = Account(each.id, each.name, "administrator", each.role, None, "Person/1")
            await accounts.save(tx, account, "x" * 40)


async def test_an_appeal_is_lodged_by_the_supplier_and_decided_by_somebody_else(world):
    await world.decide(Event.FIND)
    assert (await world.answer("appeal", "The probe was wrong.")).json()["appealed"]
    with pytest.raises(Conflict, match="other people"):
        await world.decide(Event.OVERTURN)
    assert await world.decide(Event.OVERTURN, OTHER) is State.CERTIFIED


@pytest.mark.parametrize(
    ("verb", "text", "token", "status"),
    [
        ("reply", "ours", "another token", 403),
        ("reply", "", TOKEN, 400),
        ("appeal", "x" * 2_001, TOKEN, 400),
        ("appeal", "a\x00b", TOKEN, 400),
        ("appeal", "there is nothing to appeal", TOKEN, 409),
    ],
)
async def test_a_word_that_cannot_be_taken_says_why(world, verb, text, token, status):
    answer = await world.answer(verb, text, token)

    assert answer.status_code == status
    assert answer.json()["message"]


async def test_only_the_authority_decides_and_only_what_may_follow(world):
    with pytest.raises(Forbidden):
        await world.decide(Event.FIND, NURSE)
    with pytest.raises(Forbidden):
        await world.standards.deploy(NURSE, world.id, organisation="B82002")
    with pytest.raises(Conflict, match="cannot follow"):
        await world.decide(Event.AGREE)
    with pytest.raises(Conflict, match="not a decision"):
        await world.decide(Event.CERTIFY)
    with pytest.raises(Conflict, match="1, 2 or 3"):
        await world.decide(Event.FIND, severity=4)
    assert (await world.said())["state"] == "certified"


async def test_everything_said_in_public_is_in_the_log_and_can_be_proven(world):
    await world.decide(Event.FIND)
    head = (await world.http.get("/standards/log")).json()
    opened = jws.deserialize_compact(head["token"], world.key, algorithms=["ES256"])
    assert f'"root_hash":"{head["root_hash"]}"'.encode() in opened.payload
    size = head["tree_size"]
    assert size == 4
    listed = (await world.http.get(f"/standards/log/entries?from=0&to={size - 1}")).json()["entries"]
    for entry in listed:
        proven = (await world.http.get(f"/standards/log/inclusion?index={entry['index']}")).json()
        proof = [bytes.fromhex(each) for each in proven["proof"]]
        leaf = base64.b64decode(entry["leaf"])
        root = bytes.fromhex(head["root_hash"])
        assert merkle.is_included(merkle.leaf_hash(leaf), entry["index"], size, proof, root)
    assert b'"event":"find"' in base64.b64decode(listed[-1]["leaf"])
    await world.decide(Event.RESTRICT)
    later = (await world.http.get("/standards/log")).json()
    grew = (await world.http.get(f"/standards/log/consistency?first={size}")).json()
    assert merkle.is_consistent(
        size,
        bytes.fromhex(head["root_hash"]),
        later["tree_size"],
        bytes.fromhex(later["root_hash"]),
        [bytes.fromhex(each) for each in grew["proof"]],
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("entries?from=0&to=1000", 400),
        ("entries?from=2&to=1", 400),
        ("entries?from=x&to=1", 400),
        ("inclusion", 400),
        ("inclusion?index=99", 404),
        ("inclusion?index=0&size=99", 404),
        ("inclusion?index=9999999999999999", 400),
        ("consistency", 400),
        ("consistency?first=0", 400),
        ("consistency?first=99", 404),
    ],
)
async def test_what_the_log_does_not_have_is_said(world, path, status):
    answer = await world.http.get(f"/standards/log/{path}")

    assert answer.status_code == status
    assert answer.json()["message"]


@pytest.mark.parametrize("table", ["standards_leaf", "standards_deployment"])
async def test_the_database_itself_refuses_to_change_what_was_said(world, table):
    async with world.database.connection() as connection:
        for statement in ("delete from", "truncate"):
            with pytest.raises(asyncpg.RestrictViolationError, match="is append-only"):
                await connection.execute(f"{statement} {table}")
