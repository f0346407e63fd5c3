"""From an application to a certificate, a suspension and back: over HTTP, against real apps and a real database."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest
from applicants import proof_of
from joserfc import jws
from joserfc.jwk import ECKey
from starlette.applications import Starlette

from carespine.kernel.errors import Conflict, Forbidden
from carespine.kernel.events import Announcer
from carespine.security.actor import Actor, system_job
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.security.egress import Egress
from carespine.standards import certificates, events, routes, service
from carespine.standards.engine.config import RunConfig
from carespine.standards.engine.evidence import verify
from carespine.standards.keys import SigningKey
from carespine.standards.known import Known
from carespine.standards.lifecycle import State
from carespine.storage.database import Database

ADMIN = Actor("administrator", "ada", "Ada Admin", "administrator")
NURSE = Actor("practitioner", "nia", "Nia Nurse", "nurse")


CHANGES = {
    "standards_event": "reason = 'nothing happened'",
    "standards_certificate": "expires = now()",
    "standards_run": "verdict = 'pass'",
    "standards_document": "body = ''",
}


@dataclass(slots=True)
class Clock:
    """The real time, moved by the tests."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(slots=True)
class World:
    """A register with its HTTP, and what it announced."""

    standards: service.Standards
    http: httpx.AsyncClient
    database: Database
    clock: Clock
    told: list[object] = field(default_factory=list)
    known: Known = field(default_factory=Known)

    async def certify(self, app) -> dict[str, object]:
        """Apply and run over HTTP; the answer to the run."""
        taken = await self.http.post("/standards/applications", json=app.application())
        assert taken.status_code == 201, taken.text
        answer = await self.http.post(
            taken.json()["run"],
            json={"config": app.config, "seed": "a seed"},
            headers={"authorization": f"Bearer {taken.json()['token']}"},
        )
        assert answer.status_code == 200, answer.text
        return {**answer.json(), "id": taken.json()["id"], "client_id": taken.json()["client_id"]}

    async def standing(self, client_id: str):
        async with self.database.connection() as connection:
            found = await service.standing(connection, client_id, now=self.clock())
            # A process that knows the client from before says the same.
            assert found == await service.standing(connection, client_id, now=self.clock(), known=self.known)
            return found


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    clock, announcer, told = Clock(), Announcer(), list[object]()

    async def hear(_: object, event: object) -> None:
        told.append(event)

    for kind in (
        events.CertificateIssued,
        events.CertificateRefused,
        events.CertificateSuspended,
        events.CertificateReinstated,
    ):
        announcer.subscribe(kind, hear)
    standards = service.Standards(
        door=Door(database, AuditLog(database, clock), clock),
        database=database,
        key=SigningKey.of(ECKey.generate_key("P-256")),
        base_url="https://carespine.example",
        clock=clock,
        announcer=announcer,
        egress=Egress(allow_loopback=True),
    )
    transport = httpx.ASGITransport(Starlette(routes=routes.routes_of(standards)))
    async with httpx.AsyncClient(
        transport=transport, base_url="https://carespine.example", timeout=120
    ) as http:
        yield World(standards, http, database, clock, told)


async def test_the_sound_app_is_certified_and_a_suspension_bites_at_once(world, steady_band):
    decided = await world.certify(steady_band)

    assert (decided["certified"], decided["reasons"], decided["level"]) == (True, [], "full")
    client_id = decided["client_id"]
    standing = await world.standing(client_id)
    assert standing.allowed
    assert standing.certificate_id == decided["certificate"]
    assert isinstance(world.told[0], events.CertificateIssued)

    text = (await world.http.get(decided["certificate_url"])).text
    trust = (await world.http.get("/standards/jwks.json")).json()
    listed = (await world.http.get("/standards/status")).json()
    found = certificates.verify(text, trust, world.clock(), status=listed["token"])
    assert found.ok, found.reasons
    assert found.claims["cnf"] == {"jkt": standing.thumbprint}
    assert found.claims["sub"] == client_id
    assert len(text) < 2000

    evidence = (await world.http.get(decided["documents"]["evidence.jsonl"])).text
    assert verify(evidence.splitlines(), head=found.claims["evidence_head"]).ok
    page = await world.http.get(decided["documents"]["report.html"])
    assert "Every requirement that must be met is met." in page.text
    assert "style-src 'sha256-" in page.headers["content-security-policy"]

    await world.standards.suspend(ADMIN, decided["id"], reason="it showed the wrong patient")

    suspended = await world.standing(client_id)
    assert (suspended.allowed, suspended.state) == (False, State.SUSPENDED)
    assert "it showed the wrong patient" in suspended.reason
    listed = (await world.http.get("/standards/status")).json()
    assert listed["certificates"][0]["state"] == "suspended"
    after = certificates.verify(text, trust, world.clock(), status=listed["token"])
    assert after.reasons == ("it is suspended",)
    assert certificates.verify(text, trust, world.clock()).ok, (
        "without the status only the time can be judged"
    )

    await world.standards.reinstate(ADMIN, decided["id"], reason="put right")

    assert (await world.standing(client_id)).allowed
    product = (await world.http.get(f"/standards/register/{decided['id']}")).json()
    assert [step["state"] for step in product["history"]] == [
        "applied", "testing", "certified", "suspended", "certified",
    ]  # fmt: skip
    assert product["history"][3]["who"] == "Ada Admin"
    await the_past_cannot_be_changed(world)
    world.clock.ahead = timedelta(days=366)
    assert (await world.standing(client_id)).state == State.EXPIRED


async def the_past_cannot_be_changed(world) -> None:
    """Runs, documents, certificates and events are only added, whoever is at the database."""
    for table, change in CHANGES.items():
        for statement in ("delete from {}", "truncate {} cascade", "update {} set {}"):
            with pytest.raises(asyncpg.PostgresError, match="append-only"):
                async with world.database.transaction() as tx:
                    await tx.execute(statement.format(table, change))


@pytest.mark.slow
async def test_the_loose_app_is_refused_with_its_three_faults(world, loose_band):
    decided = await world.certify(loose_band)

    assert (decided["certified"], decided["certificate"]) == (False, None)
    assert sorted(reason[:5] for reason in decided["reasons"]) == ["SE-05", "SE-07", "TR-04"]
    standing = await world.standing(decided["client_id"])
    assert (standing.allowed, standing.state) == (False, State.REFUSED)
    assert isinstance(world.told[0], events.CertificateRefused)
    page = (await world.http.get(decided["documents"]["report.html"])).text
    assert "What to do" in page
    listed = (await world.http.get("/standards/register")).json()["products"]
    assert [(each["product"], each["state"]) for each in listed] == [("Loose Band", "refused")]


async def test_a_certificate_goes_to_the_key_that_the_service_publishes(world, steady_band):
    stranger = ECKey.generate_key("P-384", {"kid": "mine"})
    jwks = {"keys": [stranger.as_dict(private=False)]}
    wish = steady_band.application(key=stranger, jwks=jwks, client_id="impostor")
    taken = (await world.http.post("/standards/applications", json=wish)).json()

    bearer = {"authorization": f"Bearer {taken['token']}"}
    decided = (await world.http.post(taken["run"], json={}, headers=bearer)).json()

    assert not decided["certified"]
    assert "does not publish the applicant's key" in decided["reasons"][0]


@pytest.mark.parametrize(
    ("over", "status", "told"),
    [
        ({"service_kind": "fax-machine"}, 400, "fax-machine"),
        ({"product": "  "}, 400, "product"),
        ({"base_url": "file:///etc/passwd"}, 400, "base_url"),
        ({"jwks": {"keys": []}}, 400, "exactly one public key"),
        ({"client_id": "a b"}, 400, "client_id"),
        ({"vendor": "x"}, 400, "vendor"),
        ({"base_url": "http://[::1"}, 400, "base_url"),
        ({"base_url": "http://app.example:99999"}, 400, "base_url"),
        ({"base_url": "https://user:word@app.example"}, 400, "base_url"),
        ({"jwks": {"keys": [{"kty": "EC", "crv": ["P-256"], "kid": "a"}]}}, 400, "EC on P-256"),
    ],
)
async def test_an_application_that_cannot_be_taken_says_why(world, steady_band, over, status, told):
    answer = await world.http.post("/standards/applications", json=steady_band.application(**over))

    assert answer.status_code == status
    assert told in answer.json()["message"]


@pytest.mark.parametrize(
    "over",
    [
        {"aud": "https://other.example/standards/applications"},
        {"aud": "https://carespine.example/oauth/token"},
        {"iss": "another"},
        {"exp": 1},
        {"exp": 4_000_000_000},
        {"jti": ""},
    ],
    ids=str,
)
async def test_an_application_proves_that_the_key_is_the_applicants(world, steady_band, over):
    proof = proof_of(steady_band.about["client_id"], steady_band.key, at=time.time(), **over)
    answer = await world.http.post("/standards/applications", json=steady_band.application(proof=proof))
    assert answer.status_code == 400
    assert "proof does not hold" in answer.json()["message"]


async def test_whoever_only_knows_the_public_key_cannot_apply_and_a_proof_works_once(world, steady_band):
    async def apply(**over):
        return await world.http.post("/standards/applications", json=steady_band.application(**over))

    for wrong in ("", "x", "a.b.c"):
        assert (await apply(proof=wrong)).status_code == 400
    thief = ECKey.generate_key("P-384", {"kid": steady_band.key.kid})
    assert "signature" in (await apply(key=thief)).json()["message"]
    once = steady_band.application()
    assert (await world.http.post("/standards/applications", json=once)).status_code == 201
    again = await world.http.post("/standards/applications", json={**once, "version": "2.0"})
    assert "used before" in again.json()["message"]


async def test_nobody_takes_over_a_client_id_or_starts_anothers_run(world, steady_band, loose_band):
    first = await world.http.post("/standards/applications", json=steady_band.application())
    client_id = first.json()["client_id"]

    again = await world.http.post("/standards/applications", json=steady_band.application())
    other_product = await world.http.post(
        "/standards/applications", json=loose_band.application(client_id=client_id)
    )
    other_key = await world.http.post(
        "/standards/applications",
        json=steady_band.application(
            key=loose_band.key, version="2.0", jwks=loose_band.about["jwks"], client_id=client_id
        ),
    )
    newer = await world.http.post("/standards/applications", json=steady_band.application(version="2.0"))
    without = await world.http.post(first.json()["run"], json={})
    with_others = await world.http.post(
        first.json()["run"], json={}, headers={"authorization": f"Bearer {newer.json()['token']}"}
    )

    assert [each.status_code for each in (again, other_product, other_key, newer)] == [409, 409, 409, 201]
    assert [without.status_code, with_others.status_code] == [403, 403]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"config": {"ca_file": "/etc/passwd"}}', "ca_file"),
        (b'{"config": {"ca_file": "/no/such/file"}}', "ca_file"),
        (b'{"seed": "\\ud800"}', "seed"),
        (b"[" * 100_000, "JSON"),
    ],
)
async def test_a_run_opens_no_file_of_the_platform_and_takes_no_text_that_cannot_be_read(
    world, steady_band, body, told
):
    taken = (await world.http.post("/standards/applications", json=steady_band.application())).json()

    answer = await world.http.post(
        taken["run"], content=body, headers={"authorization": f"Bearer {taken['token']}"}
    )

    assert answer.status_code == 400
    assert told in answer.json()["message"]
    assert (await world.standing(taken["client_id"])).state != State.TESTING


async def test_an_application_that_is_nested_without_end_is_refused(world):
    answer = await world.http.post("/standards/applications", content=b'{"jwks":' + b'{"a":' * 50_000)

    assert answer.status_code == 400
    assert "cannot be read" in answer.json()["message"]


async def test_a_service_on_the_platforms_machine_is_not_called_unless_the_platform_says_so(
    world, steady_band
):
    careful = service.Standards(
        door=world.standards.door,
        database=world.database,
        key=world.standards.key,
        base_url="https://carespine.example",
        clock=world.clock,
    )
    taken = (await world.http.post("/standards/applications", json=steady_band.application())).json()

    with pytest.raises(Forbidden, match="loopback"):
        await careful.run(ADMIN, taken["id"], config=RunConfig())

    assert (await world.standing(taken["client_id"])).state == State.TESTING


async def test_only_an_authority_suspends_and_only_with_a_reason_and_a_certificate(world, steady_band):
    taken = (await world.http.post("/standards/applications", json=steady_band.application())).json()

    with pytest.raises(Forbidden):
        await world.standards.suspend(NURSE, taken["id"], reason="no")
    with pytest.raises(Conflict, match="Say why"):
        await world.standards.suspend(ADMIN, taken["id"], reason=" ")
    with pytest.raises(Conflict, match="applied"):
        await world.standards.suspend(ADMIN, taken["id"], reason="too early")
    found = await world.standards.withdraw(system_job("test"), taken["id"], reason="the supplier closed")

    assert found.state is State.WITHDRAWN


async def test_a_client_nobody_knows_has_no_standing(world):
    standing = await world.standing("nobody")

    assert (standing.state, standing.allowed) == ("unknown", False)


async def test_every_decision_left_an_audit_event(world, steady_band):
    taken = (await world.http.post("/standards/applications", json=steady_band.application())).json()
    await world.standards.withdraw(ADMIN, taken["id"], reason="closed")

    async with world.database.connection() as connection:
        rows = await connection.fetch("select body from audit_event order by seq")

    told = [row["body"].decode() for row in rows]
    assert ['"apply"' in told[0], '"withdraw-certificate"' in told[1], "Ada Admin" in told[1]] == [True] * 3


@pytest.mark.slow
async def test_the_script_in_the_documentation_verifies_certificate_status_and_log(
    world, steady_band, tmp_path
):
    decided = await world.certify(steady_band)
    text = (await world.http.get(decided["certificate_url"])).text
    head = (await world.http.get("/standards/log")).json()
    claims = jws.extract_compact(text.encode()).payload
    index = msgspec.json.decode(claims)["log"]["idx"]
    proof = await world.http.get(f"/standards/log/inclusion?index={index}&size={head['tree_size']}")
    files = {
        "certificate.jws": text,
        "jwks.json": (await world.http.get("/standards/jwks.json")).text,
        "status.json": (await world.http.get("/standards/status")).text,
        "head.json": msgspec.json.encode(head).decode(),
        "inclusion.json": proof.text,
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    page = (Path(__file__).parents[2] / "docs" / "verify-a-certificate.md").read_text()
    script = tmp_path / "verify.py"
    script.write_text(page.split("```python\n")[1].split("```")[0])

    def verified() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert verified().stdout.startswith(f"{steady_band.about['product']} ")
    altered = proof.json()
    altered["proof"] = altered["proof"][::-1] if len(altered["proof"]) > 1 else ["00" * 32]
    (tmp_path / "inclusion.json").write_text(msgspec.json.encode(altered).decode())
    assert "the log does not have it" in verified().stderr
