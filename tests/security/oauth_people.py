"""A server, its people at browsers, and the apps they let in: the whole dance of SMART App Launch over HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from access_people import PEOPLE
from api import BASE, FHIR, FakeCertificates, FakeClock, Server, serving
from joserfc import jwt
from joserfc.jwk import ECKey

from carespine.kernel.ids import new_id
from carespine.security import accounts, clients
from carespine.security.accounts import Account
from carespine.security.clients import Client
from carespine.web.app import build

PASSWORD = "correct horse battery"
CALLBACK = "https://charts.example/callback"
SECRET = "a secret that the server made"
APP_KEY = ECKey.generate_key("P-384", {"kid": "one"})
EVERYTHING = frozenset(
    {
        "openid", "fhirUser", "profile", "offline_access", "online_access", "launch", "launch/patient",
        "patient/*.cruds", "user/*.cruds",
    }
)  # fmt: skip
ACCOUNTS = (
    Account("ann", "Ann", "patient", "patient", None, "Patient/ann"),
    Account("elm", "Dr Elm", "practitioner", "general practitioner", "A10001", "Practitioner/elm"),
    Account("desk", "Reception", "practitioner", "receptionist", "A10001", "Practitioner/desk"),
    Account("admin", "Admin", "administrator", "administrator", None, "Person/admin"),
)
CLIENTS = (
    Client("charts", "Charts", None, {"keys": []}, EVERYTHING, False, True, (CALLBACK,), "none"),
    Client("other", "Other", None, {"keys": []}, EVERYTHING, False, True, (CALLBACK,), "none"),
    Client(
        "clinic", "Clinic", None, {"keys": []}, EVERYTHING, False, True, (CALLBACK,), "client_secret_basic",
        hashlib.sha256(SECRET.encode()).digest(),
    ),
    Client(
        "signer", "Signer", None, {"keys": [APP_KEY.as_dict(private=False)]}, EVERYTHING | {"system/*.rs"}, False,
        True, (CALLBACK,), "private_key_jwt",
    ),
)  # fmt: skip


@dataclass(slots=True)
class Browser:
    """Somebody at a browser that keeps cookies and goes nowhere by itself."""

    http: httpx.AsyncClient

    async def sign_in(self, user_name: str, password: str = PASSWORD) -> httpx.Response:
        page = await self.http.get("/sign-in")
        form = {"csrf_token": field_of(page.text, "csrf_token"), "user_name": user_name, "password": password}
        return await self.http.post("/sign-in", data=form)

    async def open(self, address: str) -> httpx.Response:
        return await self.http.get(address)

    async def decide(self, page: httpx.Response, *, allow: bool = True, **over: Any) -> httpx.Response:
        """Send the form of a consent page as it is, or with other fields."""
        form: dict[str, Any] = {
            "csrf_token": field_of(page.text, "csrf_token"),
            "request": field_of(page.text, "request"),
            "chosen_patient": field_of(page.text, "chosen_patient"),
            "scope": checked(page.text),
            "decision": "allow" if allow else "refuse",
            **over,
        }
        return await self.http.post("/oauth/authorize/decision", data={k: v for k, v in form.items() if v})


@dataclass(slots=True)
class Code:
    """What an app has in its hands once it was let in."""

    code: str
    state: str
    verifier: str


@dataclass(slots=True)
class Town:
    """The server, and what apps do to it."""

    server: Server
    clock: FakeClock
    certificates: FakeCertificates
    app: Any
    used: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def browser(self, user_name: str | None = None) -> AsyncIterator[Browser]:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
            opened = Browser(http)
            if user_name:
                answer = await opened.sign_in(user_name)
                assert answer.status_code == 303, answer.text
            yield opened

    def question(self, verifier: str, **over: Any) -> str:
        """The address that an app sends a person to; None leaves a parameter out."""
        asked = {
            "response_type": "code",
            "client_id": "charts",
            "redirect_uri": CALLBACK,
            "scope": "launch/patient openid fhirUser offline_access patient/*.rs",
            "state": "a state that nobody guesses",
            "aud": FHIR,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
            **over,
        }
        return "/oauth/authorize?" + urlencode({k: v for k, v in asked.items() if v is not None})

    async def let_in(self, user_name: str, *, patient: str | None = None, **over: Any) -> Code:
        """Sign in, allow everything that is asked, and bring the code back."""
        verifier = token_urlsafe(48)
        async with self.browser(user_name) as browser:
            chosen = {"chosen_patient": patient} if patient else {}
            page = await browser.open(self.question(verifier, **over, **chosen))
            assert page.status_code == 200, page.text
            answer = await browser.decide(page)
            assert answer.status_code == 303, answer.text
        told = parse_qs(urlsplit(answer.headers["location"]).query)
        return Code(told["code"][0], told["state"][0], verifier)

    async def redeem(self, held: Code, **over: Any) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": held.code,
            "redirect_uri": CALLBACK,
            "code_verifier": held.verifier,
            "client_id": "charts",
            **over,
        }
        return await self.token(**form)

    async def token(
        self, *, headers: dict[str, str] | None = None, path: str = "/oauth/token", **form: Any
    ) -> httpx.Response:
        sent = {name: value for name, value in form.items() if value is not None}
        return await self.server.http.post(path, data=sent, headers=headers or {})

    async def tokens(self, user_name: str, *, patient: str | None = None, **over: Any) -> dict[str, Any]:
        """The whole way to the tokens."""
        answer = await self.redeem(await self.let_in(user_name, patient=patient, **over))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def get(self, url: str, token: str, scheme: str = "Bearer", **headers: str) -> httpx.Response:
        return await self.server.http.get(
            f"/fhir/{url}", headers={"authorization": f"{scheme} {token}", **headers}
        )

    def assertion(self, client_id: str = "signer", **over: Any) -> dict[str, str]:
        """The two parameters by which a client proves itself."""
        now = int(self.clock().timestamp())
        audience = f"{BASE}/oauth/token"
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "exp": now + 60,
            "jti": new_id(),
            **over,
        }
        text = jwt.encode({"alg": "ES384", "kid": "one"}, claims, APP_KEY, algorithms=["ES384"])
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return {"client_assertion_type": kind, "client_assertion": text}

    def proof(self, key: ECKey, method: str, url: str, *, token: str | None = None, **over: Any) -> str:
        """A DPoP proof."""
        claims = {"jti": new_id(), "htm": method, "htu": url, "iat": int(self.clock().timestamp())}
        if token:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
        told = {k: v for k, v in {**claims, **over}.items() if v is not None}
        return jwt.encode(header, told, key, algorithms=["ES256"])


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def field_of(html: str, name: str) -> str:
    """The value of a hidden field of a page; empty where there is none."""
    from html import unescape

    marker = f'name="{name}"'
    if marker not in html:
        return ""
    tag = html[html.index(marker) :].split(">", 1)[0]
    return unescape(tag.split('value="', 1)[1].split('"', 1)[0])


def checked(html: str) -> list[str]:
    """The scopes that a consent page offers, all of them ticked."""
    from html import unescape

    parts = html.split('name="scope"')[1:]
    return [unescape(part.split('value="', 1)[1].split('"', 1)[0]) for part in parts]


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT says, unverified."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@asynccontextmanager
async def town(database_url: str, folder: Path, **settings: Any) -> AsyncIterator[Town]:
    """The two practices with their people's accounts and the apps."""
    clock, certificates = FakeClock(), FakeCertificates()
    chosen = {"second_factor": False, **settings}
    async with serving(database_url, folder, clock=clock, certificates=certificates, **chosen) as server:
        await server.put(*PEOPLE)
        async with server.platform.database.transaction() as tx:
            for account in ACCOUNTS:
                await accounts.save(tx, account, PASSWORD)
            for client in CLIENTS:
                await clients.register(tx, client)
        yield Town(server, clock, certificates, build(server.platform))
