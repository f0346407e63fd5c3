"""The audit trail from outside: as FHIR for those who may, its head kept elsewhere, tampering found, limits held."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from access_people import ANN, GP, OAK_GP, PEOPLE
from api import FakeClock, Server, serving

from carespine.kernel.errors import TooMany
from carespine.security import audit_seal
from carespine.security.actor import TREATMENT, Actor
from carespine.security.audit_event import Event
from carespine.security.keys import KeyRing, public_set
from carespine.web.rates import Rates

AUDITOR = Actor("officer", "auditor", "Auditor", "auditor")
TAMPERINGS = 200


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(database_url, tmp_path, clock=FakeClock()) as running:
        await running.put(*PEOPLE)
        yield running


async def test_a_patient_reads_their_own_trail_and_an_auditor_all_of_it(server: Server) -> None:
    await server.ask(GP, "GET", "Patient/ann")
    await server.ask(GP, "GET", "Patient/cy")
    await server.ask(OAK_GP, "GET", "Patient/bob")
    own = (await server.ask(ANN, "GET", "AuditEvent")).tree["entry"]
    assert [
        entry["resource"]["agent"][0]["altId"] for entry in own if entry["resource"]["action"] == "R"
    ] == ["gp"]
    everything = (await server.ask(AUDITOR, "GET", "AuditEvent?_count=1000&date=2026-11-20")).tree["entry"]
    whats = str([entry["resource"].get("entity") for entry in everything])
    assert all(f"Patient/{name}" in whats for name in ("ann", "cy", "bob"))
    one = everything[0]["resource"]["id"]
    assert (await server.ask(AUDITOR, "GET", f"AuditEvent/{one}")).tree["id"] == one
    others = [e["resource"]["id"] for e in everything if "Patient/bob" in str(e["resource"].get("entity"))]
    assert (await server.ask(ANN, "GET", f"AuditEvent/{others[0]}")).status == 404
    assert (await server.ask(ANN, "GET", "AuditEvent?patient=Patient/bob")).tree.get("entry") is None


async def test_the_trail_is_paged_and_only_read(server: Server) -> None:
    for _ in range(5):
        await server.ask(GP, "GET", "Patient/ann")
    first = (await server.ask(ANN, "GET", "AuditEvent?_count=2")).tree
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    second = (await server.ask(ANN, "GET", following.split("/fhir/")[1])).tree
    numbers = [int(entry["resource"]["id"]) for page in (first, second) for entry in page["entry"]]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 4
    for method, url in (("POST", "AuditEvent"), ("PUT", "AuditEvent/1"), ("DELETE", "AuditEvent/1")):
        assert (await server.ask(AUDITOR, method, url, {"resourceType": "AuditEvent"})).status == 405
    for url in (
        "AuditEvent?agent=x",
        "AuditEvent?_count=0",
        "AuditEvent?_before=x",
        "AuditEvent?date=yesterday",
    ):
        assert (await server.ask(AUDITOR, "GET", url)).status == 400, url
    assert (await server.ask(replace(ANN, client="charts"), "GET", "AuditEvent")).status == 403


async def _seal(server: Server) -> None:
    async with server.platform.database.transaction() as tx:
        await audit_seal.seal(tx, server.platform.keys.audit, server.platform.clock)


async def test_every_tampering_is_found_also_the_cutting_off_of_the_newest(server: Server) -> None:
    keys, chance = public_set(server.platform.keys.audit), random.Random(7)  # noqa: S311
    database = server.platform.database
    for _ in range(6):
        events = [Event(GP, TREATMENT, "R", "read", what="Patient/ann") for _ in range(5)]
        await server.platform.audit.record(events)
        await _seal(server)
    async with database.connection() as connection:
        head = await audit_seal.head(connection, server.platform.keys.audit, server.platform.clock)
        sequence = [row["seq"] for row in await connection.fetch("select seq from audit_event order by seq")]
        seals = await connection.fetchval("select max(number) from audit_seal")
        assert not (await audit_seal.verify(connection, keys)).faults
        assert await audit_seal.missing(connection, head, keys) is None
    found = 0
    for number in range(TAMPERINGS):
        one, other = chance.sample(sequence, 2)
        async with database.connection() as connection:
            change = connection.transaction()
            await change.start()
            await connection.execute("alter table audit_event disable trigger user")
            await connection.execute("alter table audit_seal disable trigger user")
            match number % 5:
                case 0:
                    await connection.execute(
                        "update audit_event set body = body || ' '::bytea where seq = $1", one
                    )
                case 1:
                    await connection.execute("delete from audit_event where seq = $1", one)
                case 2:
                    await connection.execute(
                        "update audit_event a set body = b.body, recorded = b.recorded + interval '1 us' "
                        "from audit_event b where a.seq = $1 and b.seq = $2", one, other,
                    )  # fmt: skip
                case 3:
                    await connection.execute(
                        "insert into audit_event (xact, patient, recorded, body) "
                        "select xact, patient, recorded, body from audit_event where seq = $1", one,
                    )  # fmt: skip
                case _:
                    cut = chance.randint(1, seals)
                    start = await connection.fetchval(
                        "select from_xact::text from audit_seal where number = $1", cut
                    )
                    await connection.execute("delete from audit_event where xact >= $1::text::xid8", start)
                    await connection.execute("delete from audit_seal where number >= $1", cut)
            faults = (await audit_seal.verify(connection, keys)).faults
            cut_off = await audit_seal.missing(connection, head, keys)
            found += bool(faults or cut_off)
            await change.rollback()
    assert found == TAMPERINGS


async def test_a_head_of_another_server_is_no_head(server: Server, tmp_path: Path) -> None:
    keys = public_set(server.platform.keys.audit)
    async with server.platform.database.connection() as connection:
        for text in ("", "nonsense", "a.b.c"):
            assert "not one that this server signed" in str(await audit_seal.missing(connection, text, keys))


def test_a_key_that_was_rotated_is_known_for_one_more_rotation(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys" / "tokens.jwk")
    first = str(ring.current.kid)
    second = KeyRing(tmp_path / "keys" / "tokens.jwk").rotate()
    assert str(ring.current.kid) == second, "a running server notices"
    assert str(ring.find(first).kid) == first
    KeyRing(tmp_path / "keys" / "tokens.jwk").rotate()
    with pytest.raises(KeyError):
        ring.find(first)


def test_too_many_tries_are_told_to_wait_and_others_are_not() -> None:
    clock = FakeClock()
    rates = Rates(clock, per_minute=10)
    for _ in range(10):
        rates.demand("one")
    with pytest.raises(TooMany):
        rates.demand("one")
    rates.demand("other")
    clock.forward(seconds=6)
    rates.demand("one")
