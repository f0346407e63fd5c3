"""The audit trail: complete, attributed, append-only; and a seal that shows tampering even by the database's owner."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from access_people import BAND, GP, OAK_GP, PEOPLE, RECEPTIONIST, observation, person
from api import SYSTEM, FakeClock, Server, serving
from asyncpg import PostgresError
from joserfc.jwk import ECKey

from carespine.kernel.errors import NotFound
from carespine.security import audit_seal
from carespine.security.actor import TREATMENT, Actor
from carespine.security.audit_event import Event
from carespine.security.audit_seal import Verification
from carespine.security.keys import public_set


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(database_url, tmp_path, clock=FakeClock()) as running:
        await running.put(*PEOPLE)
        yield running


async def seal(server: Server) -> int:
    async with server.platform.database.transaction() as tx:
        return await audit_seal.seal(tx, server.platform.keys.audit, server.platform.clock)


async def verify(server: Server, key: ECKey | None = None) -> Verification:
    async with server.platform.database.connection() as connection:
        return await audit_seal.verify(connection, public_set(key or server.platform.keys.audit))


async def add(server: Server, count: int) -> None:
    for _ in range(count):
        await server.platform.audit.record([Event(GP, TREATMENT, "R", "read", what="Patient/ann")])


# (actor, method, URL, body) and what the last event says: subtype, action, outcome, what.
DONE: list[tuple[Actor, str, str, Any, tuple[str, str, str, str]]] = [
    (GP, "GET", "Patient/ann", None, ("read", "R", "0", "Patient/ann/_history/1")),
    (GP, "GET", "Patient/ann/_history/1", None, ("vread", "R", "0", "Patient/ann/_history/1")),
    (GP, "GET", "Patient/ann/_history", None, ("history", "R", "0", "Patient")),
    (GP, "GET", "Observation?code=bp&patient=ann", None, ("search-type", "E", "0", "Observation")),
    (GP, "GET", "Observation?code=none", None, ("search-type", "E", "0", "Observation")),
    (GP, "POST", "Observation", observation("x", "ann"), ("create", "C", "0", "Observation/")),
    (GP, "PUT", "Patient/ann", person("ann", "elm"), ("update", "U", "0", "Patient/ann/_history/2")),
    (BAND, "DELETE", "Observation/ann-bp", None, ("delete", "D", "0", "Observation/ann-bp/_history/2")),
    (BAND, "GET", "Observation/ann-bp", None, ("read", "E", "4", "Observation/ann-bp")),
    (OAK_GP, "GET", "Patient/ann", None, ("read", "E", "4", "Patient/ann")),
    (OAK_GP, "PUT", "Patient/ann", person("ann", "oak"), ("update", "E", "4", "Patient/ann")),
    (RECEPTIONIST, "GET", "Observation/cy-bp", None, ("read", "E", "4", "Observation/cy-bp")),
    (RECEPTIONIST, "GET", "Observation", None, ("search-type", "E", "4", "Observation")),
    (BAND, "DELETE", "Patient/bob", None, ("delete", "E", "4", "Patient/bob")),
]


async def test_every_interaction_and_every_refusal_leaves_its_event(server: Server) -> None:
    for actor, method, url, body, (subtype, action, outcome, what) in DONE:
        before = len(await server.events())
        await server.ask(actor, method, url, body)
        new = (await server.events())[before:]
        assert new, (method, url)
        event = new[0]
        assert "entity" in event, (actor.id, method, url, event)
        found = event["entity"][0]["what"]
        assert (event["subtype"][0]["code"], event["action"], event["outcome"]) == (subtype, action, outcome)
        assert next(iter(found.values())).startswith(what)
        agent = event["agent"][0]
        assert (agent["altId"], agent["name"], agent["role"][0]["text"]) == (actor.id, actor.name, actor.role)
        if actor.organisation:
            assert event["agent"][1]["who"]["identifier"]["value"] == actor.organisation
        assert event["recorded"] == "2026-11-20T12:00:00.000Z"
        assert event["purposeOfEvent"][0]["coding"][0]["code"] == TREATMENT


async def test_a_search_is_on_record_for_each_patient_it_showed(server: Server) -> None:
    before = len(await server.events())
    await server.ask(GP, "GET", "Observation?code=bp")
    rows = (await server.rows("select patient, body from audit_event order by seq"))[before:]
    keys = {row["id"]: row["patient"] for row in await server.rows("select id, patient from patient_index")}
    assert sorted(row["patient"] for row in rows) == sorted([keys["ann"], keys["cy"]])
    assert json.loads(rows[0]["body"])["entity"][0]["description"] == "Observation?code=bp"


async def test_what_is_rolled_back_leaves_the_refusal_and_no_success(server: Server) -> None:
    before = len(await server.events())

    async def write_then_overreach() -> None:
        async with server.platform.door.enter(GP, purpose=TREATMENT) as session:
            await session.update(person("ann", "elm"))
            await session.read("Patient", "bob")

    with pytest.raises(NotFound):
        await write_then_overreach()
    events = (await server.events())[before:]
    assert [(event["subtype"][0]["code"], event["outcome"]) for event in events] == [("read", "4")]
    assert (await server.ask(SYSTEM, "GET", "Patient/ann")).tree["meta"]["versionId"] == "1"


async def test_a_verb_of_a_domain_is_on_record_when_the_visit_ends_well(server: Server) -> None:
    async with server.platform.door.enter(GP, purpose=TREATMENT) as session:
        await session.audit(
            "E", "import-readings", what="DiagnosticReport/x", detail={"read": "7", "none": ""}
        )
    event = (await server.events())[-1]
    assert event["subtype"][0]["code"] == "import-readings"
    assert event["entity"][0]["detail"] == [{"type": "read", "valueString": "7"}]


async def test_recording_nothing_returns_and_recording_at_once_loses_nothing(server: Server) -> None:
    await server.platform.audit.record([])
    before = len(await server.events())
    event = Event(GP, TREATMENT, "R", "read", what="Patient/ann")
    await asyncio.gather(*(server.platform.audit.record([event]) for _ in range(200)))
    assert len(await server.events()) == before + 200


async def test_without_its_event_nothing_is_read_or_written(server: Server) -> None:
    await server.rows("alter table audit_event rename to away")
    for method, body in (("GET", None), ("PUT", person("ann", "oak"))):
        with pytest.raises(PostgresError):
            await server.ask(SYSTEM, method, "Patient/ann", body)
    await server.rows("alter table away rename to audit_event")
    assert (await server.ask(SYSTEM, "GET", "Patient/ann")).tree["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_event set patient = 0",
        "update audit_event set body = ''",
        "delete from audit_event",
        "delete from audit_event where seq = 1",
        "truncate audit_event",
        "update audit_seal set digest = ''",
        "delete from audit_seal",
        "truncate audit_seal",
    ],
)
async def test_the_tables_of_the_trail_refuse_every_change(server: Server, statement: str) -> None:
    await seal(server)
    before = await server.events()
    with pytest.raises(PostgresError, match="append-only"):
        await server.rows(statement)
    assert await server.events() == before
    assert (await verify(server)).faults == ()


async def test_sealing_covers_every_event_once_and_then_nothing_is_new(server: Server) -> None:
    await add(server, 3)
    total = len(await server.events())
    assert await seal(server) == total
    assert await seal(server) == 0
    await add(server, 2)
    assert (await verify(server)).unsealed == 2
    assert await seal(server) == 2
    found = await verify(server)
    assert (found.events, found.seals, found.unsealed, found.faults) == (total + 2, 2, 0, ())


async def test_events_of_transactions_at_work_are_sealed_when_they_have_ended(server: Server) -> None:
    """One transaction stays open while others come and go: its events may not slip behind a seal."""
    await seal(server)
    async with server.platform.database.transaction() as slow:
        await server.platform.audit.append(slow, [Event(GP, TREATMENT, "R", "slow")])
        await add(server, 3)
        assert await seal(server) == 0
        assert (await verify(server)).unsealed == 3
    await add(server, 1)
    assert await seal(server) == 5
    assert (await verify(server)).faults == ()


async def test_sealers_and_writers_at_once_seal_every_event_exactly_once(server: Server) -> None:
    await seal(server)
    sealed = []

    async def write() -> None:
        for number in range(15):
            await server.ask(GP, "POST", "Observation", observation("x", "ann"))
            if number % 5 == 0:
                await server.ask(GP, "GET", "Patient/bob")

    async def sealing() -> None:
        for _ in range(15):
            sealed.append(await seal(server))

    before = (await verify(server)).events
    await asyncio.gather(write(), write(), write(), sealing(), sealing())
    sealed.append(await seal(server))
    found = await verify(server)
    assert found.faults == ()
    assert (found.unsealed, found.events) == (0, before + sum(sealed))
    assert found.events == len(await server.events())


# Each as the owner of the database would do it, with the triggers out of the way, after three seals over 4, 3
# and 2 events; and what it is called. None: it is not found.
TAMPERING: dict[str, tuple[str, str | None]] = {
    "nothing": ("select 1", None),
    "a body altered": ("update audit_event set body = body || ' ' where seq = {third}", "altered"),
    "a patient altered": ("update audit_event set patient = 7 where seq = {third}", "altered"),
    "a time altered": (
        "update audit_event set recorded = recorded + interval '1 us' where seq = {third}",
        "altered",
    ),
    "an event deleted": ("delete from audit_event where seq = {third}", "events"),
    "the first event deleted": ("delete from audit_event where seq = {first}", "events"),
    "the last event deleted": ("delete from audit_event where seq = {last}", "events"),
    "an event inserted": (
        "insert into audit_event (xact, patient, recorded, body) "
        "select xact, patient, recorded, body from audit_event where seq = {third}",
        "events",
    ),
    "an event replaced": (
        "with gone as (delete from audit_event where seq = {third} returning *) "
        "insert into audit_event (xact, patient, recorded, body) select xact, patient, recorded, body from gone",
        "altered",
    ),
    "two events swapped": (
        "update audit_event a set body = b.body from audit_event b where (a.seq, b.seq) in "
        "(({third}, {last}), ({last}, {third}))",
        "altered",
    ),
    "an event moved to a later seal": (
        "update audit_event set xact = (select xact from audit_event where seq = {last}) where seq = {third}",
        "events",
    ),
    "a seal deleted": ("delete from audit_seal where number = 2", "missing"),
    "the first seal deleted": ("delete from audit_seal where number = 1", "missing"),
    "a seal with its events deleted": (
        "with gone as (delete from audit_seal where number = 2 returning *) delete from audit_event e "
        "using gone where e.xact >= gone.from_xact and e.xact < gone.to_xact",
        "missing",
    ),
    "a seal widened": ("update audit_seal set to_xact = '999999999' where number = 1", "seal"),
    "a count altered": ("update audit_seal set events = events + 1 where number = 2", "events"),
    "a digest altered": ("update audit_seal set digest = sha256(digest) where number = 2", "signature"),
    "a signature copied": (
        "update audit_seal set signature = (select signature from audit_seal where number = 1) where number = 2",
        "signature",
    ),
    "a signature emptied": ("update audit_seal set signature = '' where number = 2", "signature"),
    "two seals swapped": (
        "update audit_seal set number = case number when 1 then 4 else number end; "
        "update audit_seal set number = 1 where number = 2; update audit_seal set number = 2 where number = 4",
        "seal",
    ),
    # What a chain cannot show by itself: its own end. The events then count as not yet sealed; who keeps the
    # printed head elsewhere sees that it is gone.
    "the last seal deleted": ("delete from audit_seal where number = 3", None),
    "the last seal deleted with its events": (
        "with gone as (delete from audit_seal where number = 3 returning *) delete from audit_event e "
        "using gone where e.xact >= gone.from_xact",
        None,
    ),
}


async def test_the_seals_show_what_was_done_behind_the_triggers(server: Server) -> None:
    await seal(server)
    for count in (3, 2):
        await add(server, count)
        await seal(server)
    whole = await verify(server)
    assert (whole.seals, whole.faults) == (3, ())
    sequence = [row["seq"] for row in await server.rows("select seq from audit_event order by seq")]
    places = {"first": sequence[0], "third": sequence[2], "last": sequence[-1]}
    for name, (statement, expected) in TAMPERING.items():
        async with server.platform.database.connection() as connection:
            attempt = connection.transaction()
            await attempt.start()
            await connection.execute("set local session_replication_role = replica")
            await connection.execute(statement.format(**places))
            found = await audit_seal.verify(connection, public_set(server.platform.keys.audit))
            await attempt.rollback()
        assert bool(found.faults) is (expected is not None), name
        assert expected is None or any(expected in fault for fault in found.faults), (name, found.faults)
        if expected is None and name != "nothing":
            assert found.head != whole.head, name
    assert (await verify(server)).faults == ()


async def test_the_seals_of_another_key_do_not_fit(server: Server) -> None:
    await seal(server)
    found = await verify(server, ECKey.generate_key("P-256", auto_kid=True))
    assert found.faults
    assert "signature" in found.faults[0]
