"""A register with certified products, for the tests of what people do with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import httpx
from joserfc.jwk import ECKey
from starlette.applications import Starlette

from carespine.kernel.ids import new_id
from carespine.security.actor import Actor
from carespine.security.audit_log import AuditLog
from carespine.security.door import Door
from carespine.standards import catalogue, routes, service, store
from carespine.standards.engine.evidence import EvidenceLog
from carespine.standards.engine.report import Report
from carespine.standards.keys import SigningKey
from carespine.standards.lifecycle import Entry, Event
from carespine.standards.models import Application, CheckResult, Finding, Level, Outcome, Verdict
from carespine.storage.database import Database

AUTHORITY = Actor("administrator", "ada", "Ada Admin", "administrator")
LOCAL = Actor("administrator", "lou", "Lou Local", "administrator", organisation="A81001")
NURSE = Actor("practitioner", "nia", "Nia Nurse", "nurse")
BEGIN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
TOKEN = "the application's own token"
APP_KEY = ECKey.generate_key("P-384", {"kid": "app-1"})


@dataclass(slots=True)
class Clock:
    now: datetime = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass(slots=True)
class Stage:
    """A register over a real database, its HTTP, and a clock that the tests move."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    standards: service.Standards = field(init=False)
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.standards = service.Standards(
            door=Door(self.database, AuditLog(self.database, self.clock), self.clock),
            database=self.database,
            key=SigningKey.of(ECKey.generate_key("P-256", {"kid": "k"})),
            base_url="https://carespine.example",
            clock=self.clock,
        )
        transport = httpx.ASGITransport(Starlette(routes=routes.routes_of(self.standards)))
        self.http = httpx.AsyncClient(transport=transport, base_url="https://carespine.example")

    async def product(
        self, name: str = "Steady Band", *, profile: str = "device-app", base_url: str = "http://127.0.0.1:9"
    ) -> str:
        """A certified product; its application's id."""
        asked = Application(
            id=new_id(),
            supplier="Example Wearables Ltd",
            product=name,
            version="1.0.0",
            client_id=name.lower().replace(" ", "-"),
            base_url=base_url,
            profile=profile,
            contact="help@example.org",
            jwks={"keys": [APP_KEY.as_dict(private=False)]},
            thumbprint=APP_KEY.thumbprint(),
            created=self.clock(),
        )
        async with self.database.transaction() as tx:
            await store.add_application(tx, asked, secret=sha256(TOKEN.encode()).digest())
            for event in (Event.APPLY, Event.START):
                await store.add_event(tx, asked.id, Entry(event, self.clock(), asked.supplier, str(event)))
            entry = Entry(Event.CERTIFY, self.clock(), "Carespine", "met everything", new_id())
            await store.add_event(tx, asked.id, entry)
        return asked.id

    async def get(self, path: str, *, expect: int = 200):
        answer = await self.http.get(path)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def post(self, path: str, tree: object, *, token: str = TOKEN) -> httpx.Response:
        return await self.http.post(path, json=tree, headers={"authorization": f"Bearer {token}"})


def report_of(stage: Stage, failing: str) -> Report:
    """A run in which one requirement of the profile is not met."""
    profile = catalogue.profile("device-app")
    results = tuple(
        CheckResult(
            name, name, "1", Level.MUST, name, "quote", "expected", "advice",
            Finding(Outcome.FAIL if name == failing else Outcome.PASS, "it came"),
        )
        for name in profile.requirements
    )  # fmt: skip
    evidence = EvidenceLog()
    evidence.append("start", {})
    return Report(
        base_url="https://app.example.org",
        profile=profile.name,
        profile_version=profile.version,
        catalogue=catalogue.digest(),
        seed="seed",
        seed_sha256="0" * 64,
        started=stage.clock(),
        ended=stage.clock(),
        results=results,
        verdict=Verdict.FAIL,
        evidence=evidence,
        published_keys=(APP_KEY.thumbprint(),),
    )
