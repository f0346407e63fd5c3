"""A small real platform for the page tests: a practice, its people's accounts, an app, a patient's readings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey
from page_reader import PageReader

from carespine.demo.apple_export import wearer_of, write_export
from carespine.demo.practice import generate
from carespine.demo.practice.story_people import (
    ADMINISTRATOR,
    CONSENTING_PATIENT,
    GP,
    RECEPTIONIST,
    REFUSING_PATIENT,
    SECOND_PRACTICE,
)
from carespine.devices.service import import_readings
from carespine.kernel.ids import new_id
from carespine.security import accounts, clients
from carespine.security.accounts import Account
from carespine.security.actor import TREATMENT, Actor, system_job
from carespine.security.clients import Client
from carespine.spine.loading import load_trees
from carespine.standards import store
from carespine.standards.lifecycle import Entry, Event
from carespine.standards.models import Application
from carespine.standards.store import StoredCertificate, StoredRun
from carespine.web.app import build
from carespine.web.pages.sharing_choices import CLASSES, consent_tree
from carespine.web.platform import Platform
from carespine.web.settings import Settings
from carespine.web.wiring import DEVICE_APP_SCOPES

PASSWORD = "a long enough password"
SUMMARY = f"/practice/patients/{CONSENTING_PATIENT.id}/summary"
CLIENT = "steady-band"
APP_KEY = ECKey.generate_key("P-384", {"kid": "steady-band-1", "use": "sig", "alg": "ES384"})
PRODUCT_ID, CERTIFICATE_ID, RUN_ID = (new_id() for _ in range(3))
# The export's thirty days end before the story's "today"; the pages' clock stands there.
NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
EXPORT_START, EXPORT_DAYS = date(2026, 10, 17), 30
RECORDS = 18_000

_OTHER_GP = Account(
    "other-gp", "Dr Elsewhere", "practitioner", GP.role, SECOND_PRACTICE.ods_code, "Practitioner/x"
)
_ACCOUNTS = (
    Account("gp", GP.name, "practitioner", GP.role, GP.place.ods_code, f"Practitioner/{GP.id}"),
    Account(
        "reception", RECEPTIONIST.name, "practitioner", RECEPTIONIST.role, GP.place.ods_code, "Practitioner/r"
    ),
    Account(
        "patient", CONSENTING_PATIENT.name, "patient", "patient", None, f"Patient/{CONSENTING_PATIENT.id}"
    ),
    Account("refuser", REFUSING_PATIENT.name, "patient", "patient", None, f"Patient/{REFUSING_PATIENT.id}"),
    Account(
        "admin",
        ADMINISTRATOR.name,
        "administrator",
        "administrator",
        None,
        f"Practitioner/{ADMINISTRATOR.id}",
    ),
    _OTHER_GP,
)


def platform_over(database_url: str, folder: Path, *, demo: bool = False) -> Platform:
    settings = Settings(data=folder, demo=demo, base_url="http://127.0.0.1:8600", second_factor=False)
    return Platform.build(settings, database_url, clock=lambda: NOW)


async def furnish(platform: Platform, folder: Path) -> None:
    """Everything but the readings: people, accounts, an app that holds a certificate, and a consent."""
    loaded = await load_trees(platform.door, system_job("load"), generate(patients=4), lambda _: None)
    assert not loaded.refused
    async with platform.database.transaction() as tx:
        for account in _ACCOUNTS:
            await accounts.save(tx, account, PASSWORD)
        await _certify(tx)
    consent = consent_tree(
        CONSENTING_PATIENT.id,
        client_id=CLIENT,
        name="Steady Band",
        data_classes=tuple(choice.value for choice in CLASSES),
        now=NOW - timedelta(days=90),
    )
    async with platform.door.enter(_patient(), purpose=TREATMENT) as session:
        await session.create(consent)


def _patient() -> Actor:
    return Actor("patient", "patient", CONSENTING_PATIENT.name, "patient", patient=CONSENTING_PATIENT.id)


async def _certify(tx) -> None:
    """A product that passed, as the register would keep it, and its client as the token endpoint knows it."""
    asked = Application(
        id=PRODUCT_ID,
        supplier="Example Wearables Ltd",
        product="Steady Band",
        version="1.4.0",
        client_id=CLIENT,
        base_url="http://127.0.0.1:9",
        profile="device-app",
        contact="help@steady-band.example",
        jwks={"keys": [APP_KEY.as_dict(private=False)]},
        thumbprint=APP_KEY.thumbprint(),
        created=NOW - timedelta(days=30),
    )
    client = Client(CLIENT, asked.product, None, asked.jwks, DEVICE_APP_SCOPES, certified=True, enabled=True)
    await clients.register(tx, client)
    await store.add_application(tx, asked, secret=sha256(b"token").digest())
    steps = [
        Entry(Event.APPLY, asked.created, asked.supplier, "applied for the profile device-app"),
        Entry(Event.START, asked.created, asked.supplier, "a run of the checks began"),
        Entry(Event.CERTIFY, asked.created, "Carespine", "every requirement is met", CERTIFICATE_ID),
    ]
    results = [
        {"requirement": "SE-05", "title": "Clients prove who they are", "outcome": "pass", "expected": "all refused",
         "came": "27 of 27 refused", "faults": []},
    ]  # fmt: skip
    run = StoredRun(
        RUN_ID, PRODUCT_ID, asked.created, asked.created, "pass", "0" * 64, "0" * 64, "0" * 64, "0", results
    )
    await store.add_run(tx, run, {"report.html": b"<!doctype html><title>Report</title>"})
    index = await store.next_index(tx)
    certificate = StoredCertificate(
        CERTIFICATE_ID, index, PRODUCT_ID, RUN_ID, asked.created, asked.created + timedelta(days=365), "a.b.c"
    )
    await store.add_certificate(tx, certificate)
    for step in steps:
        await store.add_event(tx, PRODUCT_ID, step, run=RUN_ID)


async def send_readings(platform: Platform, folder: Path) -> None:
    """The app sends thirty days of a watch, a phone and a cuff."""
    export = folder / "export.zip"
    write_export(
        export, person=wearer_of(CONSENTING_PATIENT), start=EXPORT_START, days=EXPORT_DAYS, records=RECORDS
    )
    app = Actor(
        "app",
        CLIENT,
        "Steady Band",
        "client",
        scopes=DEVICE_APP_SCOPES,
    )
    async with platform.door.enter(app, purpose=TREATMENT) as session:
        with export.open("rb") as file:
            await import_readings(
                session, patient_id=CONSENTING_PATIENT.id, file=file, client=CLIENT, idempotency_key="first",
                announcer=platform.announcer,
            )  # fmt: skip


def assertion(audience: str) -> str:
    """What the app proves its identity with: a fresh client assertion (RFC 7523)."""
    now = int(NOW.timestamp())
    claims = {"iss": CLIENT, "sub": CLIENT, "aud": audience, "jti": new_id(), "iat": now, "exp": now + 120}
    return jwt.encode({"alg": "ES384", "kid": APP_KEY.kid}, claims, APP_KEY, algorithms=["ES384"])


@dataclass
class Window:
    """One browser window without a screen: follows pages, sends forms with the token of the page before."""

    browser: httpx.AsyncClient
    token: str = ""

    async def open(self, path: str, *, expect: int = 200) -> PageReader:
        response = await self.browser.get(path, headers={"accept": "text/html"})
        assert response.status_code == expect, (path, response.status_code, response.text[:2_000])
        read = PageReader(response.text)
        tokens = [tag["value"] for tag in read.all("input", name_="csrf_token")]
        self.token = tokens[-1] if tokens else ""
        return read

    async def send(self, path: str, **fields) -> httpx.Response:
        return await self.browser.post(path, data={"csrf_token": self.token, **fields})

    async def sign_in(self, user_name: str) -> None:
        await self.open("/sign-in")
        response = await self.send("/sign-in", user_name=user_name, password=PASSWORD)
        assert response.status_code == 303, response.text[:2_000]


@asynccontextmanager
async def window(platform: Platform, user_name: str | None = None) -> AsyncIterator[Window]:
    """A window on the real application, signed in where a name is given."""
    transport = httpx.ASGITransport(build(platform))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8600") as browser:
        opened = Window(browser)
        if user_name:
            await opened.sign_in(user_name)
        yield opened
