"""How long the audit trail is kept, its head of each day, and taking it out: always so that nothing can be hidden."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from access_people import GP, OAK_GP, PEOPLE
from api import FakeClock, Server, serving
from joserfc import jws
from pydantic import ValidationError

from carespine.fhir import codec
from carespine.kernel.errors import Conflict, Invalid, NotFound
from carespine.security import audit_export, audit_heads, audit_retention, audit_seal
from carespine.security.actor import ADMINISTRATION, system_job
from carespine.security.audit_export import Scope
from carespine.security.audit_retention import Removed
from carespine.security.audit_seal import Verification
from carespine.security.keys import public_set
from carespine.web.settings import Settings

OPERATOR = system_job("audit export by ola")
DAY = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(database_url, tmp_path, clock=FakeClock()) as running:
        await running.put(*PEOPLE)
        yield running


async def seal(server: Server) -> None:
    async with server.platform.database.transaction() as tx:
        await audit_seal.seal(tx, server.platform.keys.audit, server.platform.clock)


async def verify(server: Server) -> Verification:
    async with server.platform.database.connection() as connection:
        return await audit_seal.verify(connection, public_set(server.platform.keys.audit))


async def keep_to(server: Server, years: int) -> Removed:
    platform = server.platform
    return await audit_retention.keep_to(
        platform.door, platform.keys.audit, years=years, clock=platform.clock
    )


async def years_of_trail(server: Server, *, until: int) -> None:
    """One seal in each year from now on."""
    for _ in range(until):
        await server.ask(GP, "GET", "Patient/ann")
        await seal(server)
        server.platform.clock.forward(days=365.25)  # type: ignore[attr-defined]


async def test_whole_seals_go_when_all_of_them_is_old_and_the_chain_still_holds(server: Server) -> None:
    await years_of_trail(server, until=10)
    before = await verify(server)
    async with server.platform.database.connection() as connection:
        kept = await audit_seal.head(connection, server.platform.keys.audit, server.platform.clock)
    assert before.faults == ()
    assert await keep_to(server, 0) == Removed(0, 0)
    removed = await keep_to(server, 8)
    assert removed.seals >= 2
    await seal(server)
    after = await verify(server)
    assert after.faults == ()
    assert after.events == before.events - removed.events + 1  # the removal is on record itself
    assert (await server.events())[-1]["subtype"][0]["code"] == "remove-audit"
    oldest = (await server.rows("select min(recorded) as at from audit_event"))[0]["at"]
    assert oldest >= server.platform.clock().replace(year=2028)
    async with server.platform.database.connection() as connection:
        assert await audit_seal.missing(connection, kept, public_set(server.platform.keys.audit)) is None
    assert await keep_to(server, 8) == Removed(0, 0)
    server.platform.clock.forward(days=20 * 365.25)  # type: ignore[attr-defined]
    assert (await keep_to(server, 8)).seals >= 7
    assert (await verify(server)).seals == 1
    await years_of_trail(server, until=1)
    assert (await verify(server)).faults == ()


# As the database's owner would do it after a removal, and what `verify` calls it.
AFTERWARDS = {
    "the checkpoint taken away": ("delete from audit_checkpoint", "missing"),
    "the checkpoint moved on": ("update audit_checkpoint set number = number + 1", "signature"),
    "its digest altered": ("update audit_checkpoint set digest = sha256(digest)", "signature"),
    "another count": ("update audit_checkpoint set events = events - 1", "signature"),
    "a seal more removed, with a checkpoint of their own": (
        "insert into audit_checkpoint select s.number, s.to_xact, s.digest, 9, now(), now(), c.text "
        "from audit_seal s, audit_checkpoint c order by s.number limit 1; delete from audit_event e using "
        "audit_checkpoint c where e.xact < c.to_xact; delete from audit_seal where number <= "
        "(select max(number) from audit_checkpoint)",
        "signature",
    ),
    "an event put in before it": (
        "insert into audit_event (xact, patient, recorded, body) select '1', patient, recorded, body "
        "from audit_event limit 1",
        "stand before",
    ),
}


async def test_nothing_is_removed_or_put_back_behind_the_checkpoint(server: Server) -> None:
    await years_of_trail(server, until=10)
    await keep_to(server, 8)
    await seal(server)
    for name, (statement, expected) in AFTERWARDS.items():
        async with server.platform.database.connection() as connection:
            attempt = connection.transaction()
            await attempt.start()
            await connection.execute("set local session_replication_role = replica")
            await connection.execute(statement)
            found = await audit_seal.verify(connection, public_set(server.platform.keys.audit))
            await attempt.rollback()
        assert any(expected in fault for fault in found.faults), (name, found.faults)
    for statement in (
        "delete from audit_event",
        "delete from audit_seal",
        "delete from audit_checkpoint",
        "update audit_event set patient = 1",
        "truncate audit_checkpoint",
        "delete from audit_head",
    ):
        async with server.platform.database.connection() as connection:
            if statement == "delete from audit_head":
                await connection.execute("insert into audit_head values ('2026-01-01', 1, 'x')")
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(statement)


async def test_what_was_tampered_with_is_not_removed(server: Server) -> None:
    await years_of_trail(server, until=10)
    async with server.platform.database.transaction() as tx:
        await tx.execute("set local session_replication_role = replica")
        await tx.execute(
            "update audit_event set body = body || ' ' where seq = (select min(seq) from audit_event)"
        )
    with pytest.raises(Conflict, match="not as it was made"):
        await keep_to(server, 8)
    assert any("altered" in fault for fault in (await verify(server)).faults)


@pytest.mark.parametrize(("given", "good"), [
    ({}, True), ({"audit_years": 8}, True), ({"audit_years": 7}, False), ({"audit_years": -1}, False),
    ({"audit_short": True}, True), ({"audit_years": 1, "audit_short": True}, True),
])  # fmt: skip
def test_a_trail_is_kept_for_eight_years_unless_less_is_said_twice(given: dict[str, Any], good: bool) -> None:
    if good:
        assert Settings(**given).audit_years == given.get("audit_years", 0)
    else:
        with pytest.raises(ValidationError, match="audit_years"):
            Settings(**given)


async def test_the_running_server_signs_a_head_each_day_and_verification_holds_it_against_the_trail(
    server: Server, tmp_path: Path
) -> None:
    platform, keys = server.platform, public_set(server.platform.keys.audit)
    for _ in range(3):
        for _ in range(2):  # once a day, however often
            await server.ask(GP, "GET", "Patient/ann")
            await seal(server)
            async with platform.database.transaction() as tx:
                if made := await audit_heads.make(tx, platform.keys.audit, platform.clock):
                    audit_heads.keep(tmp_path, *made)
        platform.clock.forward(days=1)  # type: ignore[attr-defined]
    assert len(list((tmp_path / audit_heads.FOLDER).glob("*.jws"))) == 3
    async with platform.database.connection() as connection:
        assert await audit_heads.faults(connection, keys, tmp_path) == (6, [])
        attempt = connection.transaction()
        await attempt.start()
        await connection.execute("set local session_replication_role = replica")
        await connection.execute(
            "with gone as (delete from audit_seal where number > 2 returning *) delete from audit_event "
            "where xact >= (select min(from_xact) from gone)"
        )
        await connection.execute("delete from audit_head where number > 2")
        assert (await audit_seal.verify(connection, keys)).faults == ()
        kept, wrong = await audit_heads.faults(connection, keys, tmp_path)
        await attempt.rollback()
    assert kept > len(wrong) > 0
    assert all("cut off" in each and ".jws" in each for each in wrong)
    (tmp_path / audit_heads.FOLDER / "2026-11-20.jws").write_text("forged")
    async with platform.database.connection() as connection:
        _, wrong = await audit_heads.faults(connection, keys, tmp_path)
    assert len(wrong) == 1


async def take(server: Server, folder: Path, scope: Scope) -> dict[str, Any]:
    platform = server.platform
    async with platform.door.enter(OPERATOR, purpose=ADMINISTRATION) as session:
        return await audit_export.export(
            session, scope, folder, key=platform.keys.audit, server="https://care.example/fhir"
        )


async def test_the_trail_is_taken_out_within_its_scope_with_hashes_and_on_record(
    server: Server, tmp_path: Path
) -> None:
    await server.ask(GP, "GET", "Patient/ann")
    await server.ask(OAK_GP, "GET", "Patient/bob")
    server.platform.clock.forward(days=1)  # type: ignore[attr-defined]
    await server.ask(GP, "GET", "Patient/ann")
    before = len(await server.events())
    day = {"starts": DAY, "ends": DAY.replace(day=21), "reason": "annual review"}
    whole = await take(server, tmp_path / "whole", Scope(**day))
    hers = await take(server, tmp_path / "hers", Scope(**day, patient="ann"))
    lines = {}
    for name, manifest in (("whole", whole), ("hers", hers)):
        kept = json.loads((tmp_path / name / "manifest.json").read_text())
        assert kept == manifest
        payload = json.dumps(
            {key: value for key, value in manifest.items() if key != "signature"}, sort_keys=True, separators=(",", ":")
        )  # fmt: skip
        signed = jws.deserialize_compact(
            manifest["signature"], public_set(server.platform.keys.audit), algorithms=["ES256"]
        )
        assert signed.payload == payload.encode()
        (file,) = manifest["files"]
        content = (tmp_path / name / file["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        lines[name] = [json.loads(line) for line in content.splitlines()]
        assert len(lines[name]) == file["events"] == manifest["events"]
        for tree in lines[name]:
            codec.check(tree)
    assert len(lines["whole"]) == before - 1
    patients = {str(tree["entity"][0]["what"]) for tree in lines["hers"]}
    assert patients == {"{'reference': 'Patient/ann'}"}
    last = [event for event in await server.events() if event["subtype"][0]["code"] == "export-audit"]
    assert [event["agent"][0]["altId"] for event in last] == [OPERATOR.id] * 2
    assert "annual review" in str(last[0]["entity"])


async def test_an_export_that_cannot_be_had_says_why(server: Server, tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("x")
    later = DAY.replace(day=21)
    for scope, folder, error in (
        (Scope(later, DAY, "why"), "a", Invalid),
        (Scope(DAY, later, " "), "b", Invalid),
        (Scope(DAY, later, "why", "nobody"), "c", NotFound),
        (Scope(DAY, later, "why"), "used", Conflict),
    ):
        with pytest.raises(error):
            await take(server, tmp_path / folder, scope)
