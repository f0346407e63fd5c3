"""A whole platform in this process for the tests: the ASGI app with its lifespan, no sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import psycopg

from carespine.fhir import json_text
from carespine.kernel import clock as kernel_clock
from carespine.security.actor import TREATMENT, Actor, system_job
from carespine.security.tokens import TokenService
from carespine.spine.fhir_api.exchange import Exchange
from carespine.spine.fhir_api.pairs import query_pairs
from carespine.storage.embedded import EmbeddedPostgres
from carespine.web.app import build
from carespine.web.platform import Platform
from carespine.web.settings import Settings

BASE = "http://127.0.0.1:8600"
FHIR = f"{BASE}/fhir"
JSON = {"content-type": "application/fhir+json"}
SYSTEM = system_job("test")
_numbers = count(1)


@dataclass(slots=True)
class FakeClock:
    """A clock that stands still until a test moves it."""

    moment: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass(slots=True)
class FakeStanding:
    state: str = "certified"
    certificate_id: str | None = "certificate-1"
    thumbprint: str | None = None
    allowed: bool = True
    reason: str = "in force"
    suspensions: int = 0
    reach: str = "all"
    deprecated_since: datetime | None = None
    sunset: datetime | None = None


@dataclass(slots=True)
class FakeCertificates:
    """Fills the CertificatePort: each client has the standing that a test gives it."""

    standings: dict[str, FakeStanding] = field(default_factory=dict)

    async def standing(self, _connection: object, client_id: str) -> FakeStanding:
        return self.standings.get(client_id, FakeStanding(allowed=False, reason="never certified"))


@dataclass(frozen=True, slots=True)
class Reply:
    """A FHIR answer, with its resource as a tree whose numbers keep their digits."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def tree(self) -> dict[str, Any]:
        return json_text.read(self.content)

    @property
    def ids(self) -> list[str]:
        return ids(self.tree)


@dataclass(frozen=True, slots=True)
class Server:
    """A running platform: `http` talks to it from outside, `ask` speaks for an actor, `put` fills it."""

    platform: Platform
    http: httpx.AsyncClient

    async def ask(
        self, actor: Actor, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """A FHIR request as this actor, who need not be an app with a token."""
        path, _, query = url.partition("?")
        exchange = Exchange(
            method,
            tuple(unquote(part) for part in path.split("/") if part),
            tuple(query_pairs(query)),
            {**JSON, **(headers or {})},
            json_text.write(body) if body is not None else b"",
            actor,
            TREATMENT,
            FHIR,
        )
        answer = await self.platform.fhir.answer(exchange)
        return Reply(answer.status, answer.headers, answer.body or b"")

    async def put(self, *trees: dict[str, Any]) -> None:
        """Store resources with the ids they bring."""
        async with self.platform.door.enter(SYSTEM, purpose=TREATMENT) as session:
            await session.upsert_many([dict(tree) for tree in trees])

    async def request(self, method: str, url: str, body: Any = None, **headers: str) -> httpx.Response:
        """An HTTP request below /fhir; `body` is bytes as they are, or a tree. `if_match` is If-Match."""
        content = body if isinstance(body, bytes) or body is None else json_text.write(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(
            method, f"/fhir/{url}" if url else "/fhir", content=content, headers={**JSON, **named}
        )

    async def get(self, url: str, **headers: str) -> httpx.Response:
        return await self.request("GET", url, **headers)

    async def post(self, url: str, body: Any, **headers: str) -> httpx.Response:
        return await self.request("POST", url, body, **headers)

    async def write(self, url: str, body: Any, **headers: str) -> httpx.Response:
        return await self.request("PUT", url, body, **headers)

    async def found(self, url: str) -> list[str]:
        """The ids of the matches of a search that must succeed."""
        reply = await self.get(url)
        assert reply.status_code == 200, reply.text
        return ids(reply.json())

    async def rows(self, statement: str, *arguments: Any) -> list[Any]:
        async with self.platform.database.connection() as connection:
            return await connection.fetch(statement, *arguments)

    async def events(self) -> list[dict[str, Any]]:
        """The AuditEvents so far, in order."""
        return [
            json.loads(row["body"]) for row in await self.rows("select body from audit_event order by seq")
        ]


def ids(bundle: dict[str, Any], mode: str | None = "match") -> list[str]:
    """The ids in a searchset, of the entries of one mode (None: of all)."""
    entries = bundle.get("entry", [])
    return [e["resource"]["id"] for e in entries if mode is None or e.get("search", {}).get("mode") == mode]


@contextmanager
def fresh_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A migrated, empty database for as long as this lasts; for fixtures of a whole module."""
    name = f"module_{next(_numbers)}"
    maintenance = postgres.url.replace("/carespine?", "/postgres?")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f"create database {name} template carespine strategy file_copy".encode())
    yield postgres.url.replace("/carespine?", f"/{name}?")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)".encode())


@asynccontextmanager
async def serving(
    database_url: str,
    folder: Path,
    *,
    clock: Any = kernel_clock.now,
    certificates: FakeCertificates | None = None,
    **settings: Any,
) -> AsyncIterator[Server]:
    """The platform over a database, with its background jobs, until the end of the block."""
    platform = Platform.build(Settings(data=folder, **settings), database_url, clock=clock)
    if certificates is not None:
        tokens = TokenService(
            platform.database,
            platform.keys.tokens,
            clock,
            certificates,
            base_url=platform.settings.address,
            identity_key=platform.keys.identity,
        )
        platform = replace(platform, tokens=tokens)
    app = build(platform)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with _lifespan(app), httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        yield Server(platform, http)


@asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    """What a server does around the requests: the lifespan messages of ASGI."""
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    running = asyncio.create_task(app({"type": "lifespan", "asgi": {}}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    yield
    await inbox.put({"type": "lifespan.shutdown"})
    assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
    await running
