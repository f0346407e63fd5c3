"""The HTTP of device imports: status, body and refusal of every case, against the real service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
from device_builders import export, record, zipped
from starlette.applications import Starlette

from carespine.devices import upload
from carespine.devices.routes import routes
from carespine.kernel.clock import Clock
from carespine.kernel.errors import Forbidden, Unauthenticated
from carespine.kernel.events import Announcer
from carespine.security.actor import TREATMENT, Actor, system_job
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.storage.database import Database

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
APP = Actor("app", "band-app", "Band", "app", scopes=frozenset({"system/Observation.cru"}))
PATH = "/devices/patients/wearer/imports"
GOOD = {"authorization": "Bearer good", "idempotency-key": "k1", "content-type": "application/zip"}
FILE = zipped(export(record("BodyMass", 80, "2026-11-10 07:00:00 +0000", unit="kg", source="ScaleSync")))


class Tokens:
    """Knows one good token, as the token service would; the certificate may be suspended during an upload."""

    suspended_meanwhile: bool = False

    async def actor(self, token: str, *, address: str | None = None, request_id: str | None = None) -> Actor:
        if token != "good":
            raise Unauthenticated("The access token is not valid.")
        return APP

    async def demand_standing(self, _connection: object, _actor: Actor, *, writes: bool = False) -> None:
        if self.suspended_meanwhile:
            raise Forbidden("The certificate does not permit this: it is suspended.")


@dataclass(frozen=True, slots=True)
class Settings:
    open: bool = False
    max_upload_mb: int = 1


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the platform that the routes take."""

    door: Door
    audit: AuditLog
    clock: Clock
    tokens: Tokens = field(default_factory=Tokens)
    settings: Settings = field(default_factory=Settings)
    announcer: Announcer = field(default_factory=Announcer)


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    audit = AuditLog(database, lambda: NOW)
    door = Door(database, audit, lambda: NOW)
    consent = {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "scope": {"text": "privacy"},
        "category": [{"text": "sharing"}],
        "patient": {"reference": "Patient/wearer"},
        "policyRule": {"text": "opt in"},
        "provision": {
            "type": "permit",
            "actor": [{"role": {"text": "recipient"}, "reference": {"identifier": {"value": APP.id}}}],
        },
    }
    async with door.enter(system_job("test"), purpose=TREATMENT) as session:
        await session.upsert_many([{"resourceType": "Patient", "id": name} for name in ("wearer", "silent")])
        await session.upsert_many([consent])
    app = Starlette(routes=routes(Parts(door, audit, lambda: NOW)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as made:
        yield made


async def test_an_import_is_created_and_a_repetition_gets_the_same_answer(client: httpx.AsyncClient) -> None:
    created = await client.post(PATH, content=FILE, headers=GOOD)
    assert created.status_code == 201
    body = created.json()
    assert (body["read"], body["stored"], body["duplicate"], body["rejected"]) == (1, 1, 0, 0)
    assert created.headers["location"] == body["links"]["self"]
    repeated = await client.post(PATH, content=FILE, headers=GOOD)
    assert repeated.status_code == 200
    assert repeated.json() == {**body, "replayed": True}
    asked = await client.get(body["links"]["self"], headers={"authorization": "Bearer good"})
    assert asked.json() == body


async def test_bare_xml_is_taken_too(client: httpx.AsyncClient) -> None:
    headers = {**GOOD, "content-type": "application/xml; charset=utf-8"}
    made = await client.post(PATH, content=export(""), headers=headers)
    assert made.status_code == 201
    assert made.json()["read"] == 0


async def test_a_large_body_goes_through_a_file_and_arrives_whole(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "_IN_MEMORY", 64)

    async def pieces() -> AsyncIterator[bytes]:
        for first in range(0, len(FILE), 50):
            yield FILE[first : first + 50]

    made = await client.post(PATH, content=pieces(), headers=GOOD)
    assert made.json()["stored"] == 1


@pytest.mark.parametrize(
    ("path", "headers", "content", "status", "code"),
    [
        (PATH, {"authorization": ""}, FILE, 401, "login"),
        (PATH, {"authorization": "Bearer bad"}, FILE, 401, "login"),
        (PATH, {"idempotency-key": ""}, FILE, 400, "invalid"),
        (PATH, {"idempotency-key": "x" * 201}, FILE, 400, "invalid"),
        (PATH, {"content-type": "application/json"}, FILE, 415, "not-supported"),
        (PATH, {"content-encoding": "gzip"}, FILE, 415, "not-supported"),
        (PATH, {}, b"", 400, "invalid"),
        (PATH, {}, b"this is no export", 415, "not-supported"),
        (PATH, {}, FILE[:-40], 422, "invalid"),
        (PATH, {}, b'<!DOCTYPE x [<!ENTITY a "b">]><HealthData/>', 413, "too-long"),
        ("/devices/patients/silent/imports", {}, FILE, 403, "forbidden"),
        ("/devices/patients/nobody/imports", {}, FILE, 403, "forbidden"),
    ],
)
async def test_every_refusal_is_an_operation_outcome(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    refused = await client.post(path, content=content, headers={**GOOD, **headers})
    assert refused.status_code == status
    tree = refused.json()
    assert tree["resourceType"] == "OperationOutcome"
    assert tree["issue"][0]["code"] == code
    assert "Traceback" not in refused.text


async def test_a_refusal_to_sign_in_says_how(client: httpx.AsyncClient) -> None:
    refused = await client.post(PATH, content=FILE)
    assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_a_suspension_during_the_upload_undoes_the_import(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tokens, "suspended_meanwhile", True)
    refused = await client.post(PATH, content=FILE, headers=GOOD)
    assert refused.status_code == 403
    assert "suspended" in refused.text
    monkeypatch.setattr(Tokens, "suspended_meanwhile", False)
    created = await client.post(PATH, content=FILE, headers=GOOD)
    assert (created.status_code, created.json()["stored"]) == (201, 1), "nothing of the first was kept"


async def test_a_body_over_the_limit_that_is_set_is_refused(client: httpx.AsyncClient) -> None:
    refused = await client.post(PATH, content=FILE + b" " * 1024 * 1024, headers=GOOD)
    assert refused.status_code == 413


async def test_an_unknown_import_is_not_found(client: httpx.AsyncClient) -> None:
    refused = await client.get(f"{PATH}/none", headers={"authorization": "Bearer good"})
    assert refused.status_code == 404
