"""The token endpoint and the tokens it gives: what is accepted, and everything that is not."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from api import BASE, FakeCertificates, FakeClock, FakeStanding, Server, fresh_database, serving
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from carespine.kernel.errors import Forbidden, Invalid
from carespine.kernel.ids import new_id
from carespine.security import clients
from carespine.security.clients import Client
from carespine.storage.embedded import EmbeddedPostgres

CLIENT = "steady-band"
TOKEN_URL = f"{BASE}/oauth/token"
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EC = ECKey.generate_key("P-384", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
STRANGER = ECKey.generate_key("P-384", {"kid": "ec"})
P256 = ECKey.generate_key("P-256", {"kid": "p256"})
SCOPES = frozenset({"system/Patient.rs", "system/Observation.crus"})


@dataclass(slots=True)
class Stage:
    """A server with one certified client, a clock that stands still, and certificates that a test decides on."""

    server: Server
    clock: FakeClock
    certificates: FakeCertificates
    used: list[str] = field(default_factory=list)

    def claims(self, **over: Any) -> dict[str, Any]:
        """Those of a good assertion; None takes one out."""
        now = int(self.clock().timestamp())
        good = {"iss": CLIENT, "sub": CLIENT, "aud": TOKEN_URL, "iat": now, "exp": now + 60, "jti": new_id()}
        return {name: value for name, value in {**good, **over}.items() if value is not None}

    def assertion(self, *, key: Any = EC, alg: str = "ES384", header: Any = None, **over: Any) -> str:
        head = {"alg": alg, "kid": key.kid, "typ": "JWT", **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        claims = json.dumps(self.claims(**over)).encode()
        return jws.serialize_compact(head, claims, key, algorithms=[alg])

    async def ask(self, assertion: str, **form: str) -> httpx.Response:
        """A token request; a field that is "-" is left out."""
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": TYPE,
            "client_assertion": assertion,
            **form,
        }
        return await self.server.http.post(
            "/oauth/token", data={name: value for name, value in fields.items() if value != "-"}
        )

    async def token(self, **form: str) -> str:
        reply = await self.ask(self.assertion(), **form)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["access_token"])

    async def get(self, url: str, token: str) -> httpx.Response:
        return await self.server.http.get(f"/fhir/{url}", headers={"authorization": f"Bearer {token}"})

    async def register(self, **over: Any) -> None:
        jwks = {"keys": [key.as_dict(private=False) for key in (EC, RSA, P256)]}
        known = {
            "client_id": CLIENT,
            "name": "Steady Band",
            "organisation": None,
            "jwks": jwks,
            "scopes": SCOPES,
            "certified": True,
            "enabled": True,
        }
        async with self.server.platform.database.transaction() as tx:
            await clients.register(tx, Client(**{**known, **over}))


@asynccontextmanager
async def _staged(database_url: str, folder: Path) -> AsyncIterator[Stage]:
    clock, certificates = FakeClock(), FakeCertificates({CLIENT: FakeStanding(thumbprint=EC.thumbprint())})
    async with serving(database_url, folder, clock=clock, certificates=certificates) as server:
        made = Stage(server, clock, certificates)
        await made.register()
        yield made


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with _staged(database_url, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
async def desk(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A stage that tests share who change nothing but the list of used assertions."""
    with fresh_database(postgres) as url:
        async with _staged(url, tmp_path_factory.mktemp("desk")) as made:
            yield made


# Assertions as clients make them: with each key and algorithm, and at each edge of what is allowed.
GOOD_CLAIMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "audience in a list": {"aud": [TOKEN_URL]},
    "at its longest": {"exp": lambda now: now + 300},
    "in its last second": {"exp": lambda now: now + 1},
    "good from now on": {"nbf": lambda now: now},
    "a clock a little ahead": {"iat": lambda now: now + 20},
    "not said when it was made": {"iat": None},
    "the longest jti": {"jti": "x" * 256},
    "claims of their own": {"extra": {"a": 1}},
}
KEYS = ((EC, "ES384"), (RSA, "RS384"), (RSA, "RS512"))
GOOD = [(key, alg, name) for key, alg in KEYS for name in GOOD_CLAIMS]


@pytest.mark.parametrize(("key", "alg", "name"), GOOD, ids=lambda value: str(value)[:30])
async def test_a_good_assertion_gets_a_short_lived_token(desk: Stage, key: Any, alg: str, name: str) -> None:
    now = int(desk.clock().timestamp())
    over = {
        claim: value(now) if callable(value) else value
        for claim, value in {"jti": f"{alg} {name}", **GOOD_CLAIMS[name]}.items()
    }
    over["jti"] = f"{alg}{over['jti']}"[:256]
    reply = await desk.ask(desk.assertion(key=key, alg=alg, **over), scope="system/Patient.rs")
    assert reply.status_code == 200, reply.text
    grant = reply.json()
    assert grant["token_type"] == "bearer"
    assert grant["expires_in"] <= 300
    assert grant["scope"] == "system/Patient.rs"
    assert reply.headers["cache-control"] == "no-store"
    assert (await desk.get("Patient", grant["access_token"])).status_code == 200


def test_there_are_as_many_good_and_bad_ones_as_were_promised() -> None:
    assert len(GOOD) >= 25
    assert len(BAD_CLAIMS) + len(BAD_SIGNATURES) + len(BAD_TOKENS) >= 40


BAD_CLAIMS: list[dict[str, Any]] = [
    {"iss": None},
    {"iss": "other"},
    {"iss": [CLIENT]},
    {"sub": None},
    {"sub": "other"},
    {"sub": 7},
    {"sub": ""},
    {"sub": "a\0b"},
    {"sub": "\ud800"},
    {"sub": "x" * 3_000},
    {"aud": None},
    {"aud": f"{BASE}/fhir"},
    {"aud": f"{TOKEN_URL}/"},
    {"aud": TOKEN_URL.upper()},
    {"aud": [TOKEN_URL, "https://elsewhere.example"]},
    {"aud": {}},
    {"exp": None},
    {"exp": lambda now: now},
    {"exp": lambda now: now - 1},
    {"exp": lambda now: now + 331},
    {"exp": lambda now: now + 10**9},
    {"exp": lambda now: str(now + 60)},
    {"exp": True},
    {"exp": 10**400},
    {"exp": -1},
    {"nbf": lambda now: now + 60},
    {"nbf": "soon"},
    {"iat": lambda now: now + 60},
    {"iat": "now"},
    {"jti": None},
    {"jti": ""},
    {"jti": 7},
    {"jti": "x" * 257},
    {"jti": "a\0b"},
    {"jti": "\ud800"},
]


@pytest.mark.parametrize(
    "over", BAD_CLAIMS, ids=[f"{number}-{next(iter(over), 'none')}" for number, over in enumerate(BAD_CLAIMS)]
)
async def test_an_assertion_with_a_bad_claim_is_refused(desk: Stage, over: dict[str, Any]) -> None:
    now = int(desk.clock().timestamp())
    claims = {name: value(now) if callable(value) else value for name, value in over.items()}
    reply = await desk.ask(desk.assertion(**claims))
    assert reply.status_code == 401, reply.text
    assert reply.json()["error"] == "invalid_client"


def _unsigned(stage: Stage, **head: Any) -> str:
    parts = ({"alg": "none", "kid": "ec", **head}, stage.claims())
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*texts, ""])


def _hmac(stage: Stage) -> str:
    """The public key used as a secret: the classic confusion of algorithms; by hand, the library refuses to."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "ec"}, stage.claims())]
    head = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    digest = hmac.digest(EC.as_pem(private=False), head, "sha256")
    return (head + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")).decode()


def _altered(stage: Stage, part: int) -> str:
    parts = stage.assertion().split(".")
    middle = len(parts[part]) // 2
    parts[part] = (
        parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]
    )
    return ".".join(parts)


BAD_SIGNATURES: dict[str, Any] = {
    "stranger's key": lambda s: s.assertion(key=STRANGER),
    "alg none": _unsigned,
    "alg None": lambda s: _unsigned(s, alg="None"),
    "alg is a list": lambda s: _unsigned(s, alg=["ES384"]),
    "kid is a list": lambda s: _unsigned(s, alg="ES384", kid=["ec"]),
    "HMAC with the public key": _hmac,
    "P-256": lambda s: s.assertion(key=P256, alg="ES256"),
    "RS256": lambda s: s.assertion(key=RSA, alg="RS256"),
    "PS384": lambda s: s.assertion(key=RSA, alg="PS384"),
    "kid of another key": lambda s: s.assertion(header={"kid": "rsa"}),
    "unknown kid": lambda s: s.assertion(header={"kid": "x"}),
    "no kid": lambda s: s.assertion(header={"kid": None}),
    "key in the header": lambda s: s.assertion(
        key=STRANGER, header={"kid": "new", "jwk": STRANGER.as_dict(private=False)}
    ),
    "altered signature": lambda s: _altered(s, 2),
    "altered claims": lambda s: _altered(s, 1),
    "altered header": lambda s: _altered(s, 0),
    "no signature": lambda s: s.assertion().rpartition(".")[0] + ".",
    "two parts": lambda s: s.assertion().rpartition(".")[0],
    "four parts": lambda s: s.assertion() + ".AAAA",
    "empty": lambda s: "",
    "no JWT": lambda s: "nonsense",
    "not ASCII": lambda s: "é.é.é",
    "NUL": lambda s: "\0.\0.\0",
    "deep claims": lambda s: "e30." + base64.urlsafe_b64encode(b"[" * 5_000).decode().rstrip("=") + ".AAAA",
    "deep header": lambda s: base64.urlsafe_b64encode(b"[" * 5_000).decode().rstrip("=") + ".e30.AAAA",
    "header is an array": lambda s: "W10." + s.assertion().partition(".")[2],
    "claims are an array": lambda s: "e30.W10.AAAA",
    "long": lambda s: "A" * 9_000,
}


@pytest.mark.parametrize("make", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES)
async def test_an_assertion_whose_signature_proves_nothing_is_refused(desk: Stage, make: Any) -> None:
    reply = await desk.ask(make(desk))
    assert reply.status_code == 401, reply.text
    assert reply.json()["error"] == "invalid_client"


async def test_an_assertion_that_demands_unknown_extensions_is_refused(desk: Stage) -> None:
    head = {"alg": "ES384", "kid": "ec", "crit": ["exp"], "exp": 1}
    parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in (head, desk.claims())]
    signature = EC.get_op_key("sign")  # signed by hand: the library refuses to
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    r, s = utils.decode_dss_signature(signature.sign(b".".join(parts), ec.ECDSA(hashes.SHA384())))
    raw = r.to_bytes(48, "big") + s.to_bytes(48, "big")
    text = b".".join([*parts, base64.urlsafe_b64encode(raw).rstrip(b"=")]).decode()
    assert (await desk.ask(text)).status_code == 401


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "-"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion_type": "-"}, "invalid_client"),
        ({"client_assertion_type": "urn:x"}, "invalid_client"),
        ({"client_assertion": "-"}, "invalid_client"),
        ({"client_id": "other"}, "invalid_client"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
        ({"scope": "system/Patient.cruds"}, "invalid_scope"),
        ({"scope": "system/Patient.rs system/Condition.r"}, "invalid_scope"),
        ({"scope": "system/Patient.sr"}, "invalid_scope"),
        ({"scope": "system/Patient."}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": "a\0b"}, "invalid_scope"),
    ],
)
async def test_a_request_that_asks_wrongly_or_too_much_is_refused(
    desk: Stage, form: dict[str, str], error: str
) -> None:
    reply = await desk.ask(desk.assertion(), **form)
    assert reply.status_code in (400, 401), reply.text
    assert reply.json()["error"] == error


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"grant_type=client_credentials", "application/json"),
        (b"", "application/x-www-form-urlencoded"),
        (b"grant_type=client_credentials&grant_type=client_credentials", "application/x-www-form-urlencoded"),
        (b"\xff\xfe=%ff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % number for number in range(5_000)), "application/x-www-form-urlencoded"),
        (b"grant_type=" + b"x" * 100_000, "application/x-www-form-urlencoded"),
    ],
)
async def test_a_request_in_another_form_is_refused(desk: Stage, body: bytes, content_type: str) -> None:
    reply = await desk.server.http.post("/oauth/token", content=body, headers={"content-type": content_type})
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]


async def test_a_long_request_without_a_length_is_not_read_to_its_end(desk: Stage) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1_000):
            read += 65_536
            yield b"x" * 65_536

    headers = {"content-type": "application/x-www-form-urlencoded"}
    reply = await desk.server.http.post("/oauth/token", content=body(), headers=headers)
    assert reply.status_code in (400, 413)
    assert read < 200_000


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_the_token_endpoint_takes_nothing_but_post(desk: Stage, method: str) -> None:
    assert (await desk.server.http.request(method, "/oauth/token")).status_code == 405


async def test_an_assertion_is_good_for_one_token_only(desk: Stage) -> None:
    text = desk.assertion()
    assert (await desk.ask(text)).status_code == 200
    for _ in range(2):
        again = await desk.ask(text)
        assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


async def test_of_two_that_use_one_assertion_at_once_exactly_one_gets_a_token(desk: Stage) -> None:
    for _ in range(3):
        text = desk.assertion()
        replies = await asyncio.gather(*(desk.ask(text) for _ in range(8)))
        assert Counter(reply.status_code for reply in replies) == {200: 1, 401: 7}


async def test_an_assertion_that_was_refused_for_its_scope_is_used_up_too(desk: Stage) -> None:
    text = desk.assertion()
    assert (await desk.ask(text, scope="system/*.cruds")).json()["error"] == "invalid_scope"
    assert (await desk.ask(text)).status_code == 401


async def test_the_same_jti_from_two_clients_is_no_replay(stage: Stage) -> None:
    other = ECKey.generate_key("P-384", {"kid": "other"})
    await stage.register(client_id="other", jwks={"keys": [other.as_dict(private=False)]}, certified=False)
    mine = stage.assertion(jti="same")
    theirs = stage.assertion(key=other, jti="same", iss="other", sub="other")
    assert [(await stage.ask(text)).status_code for text in (mine, theirs)] == [200, 200]


@pytest.mark.parametrize(
    ("standing", "status"),
    [
        (FakeStanding(thumbprint=EC.thumbprint()), 200),
        (FakeStanding(thumbprint=EC.thumbprint(), allowed=False, reason="suspended"), 400),
        (FakeStanding(thumbprint=STRANGER.thumbprint()), 400),
        (FakeStanding(thumbprint=None), 400),
        (None, 400),
    ],
)
async def test_no_token_without_a_certificate_in_force_for_this_key(
    stage: Stage, standing: FakeStanding | None, status: int
) -> None:
    stage.certificates.standings = {CLIENT: standing} if standing else {}
    reply = await stage.ask(stage.assertion())
    assert reply.status_code == status, reply.text
    if status != 200:
        assert reply.json()["error"] == "unauthorized_client"
        assert "ertificate" in reply.json()["error_description"]


async def test_an_app_on_its_way_out_is_served_and_warned(stage: Stage) -> None:
    standing = stage.certificates.standings[CLIENT]
    token = await stage.token()
    assert "deprecation" not in (await stage.get("Patient", token)).headers
    standing.deprecated_since = datetime(2026, 11, 2, 9, tzinfo=UTC)
    standing.sunset = datetime(2027, 11, 2, 9, tzinfo=UTC)
    served = await stage.get("Patient", token)
    assert served.status_code == 200
    assert served.headers["deprecation"] == "@1793610000"
    assert served.headers["sunset"] == "Tue, 02 Nov 2027 09:00:00 GMT"


async def test_where_only_export_is_left_a_token_reads_and_writes_nothing(stage: Stage) -> None:
    before = await stage.token()
    stage.certificates.standings[CLIENT].reach = "export"
    after = await stage.ask(stage.assertion())
    assert after.json()["scope"] == "system/Observation.rs system/Patient.rs"
    for token in (before, after.json()["access_token"]):
        assert (await stage.get("Patient", token)).status_code == 200
        written = await stage.server.http.post(
            "/fhir/Observation",
            content='{"resourceType": "Observation", "status": "final", "code": {"text": "x"}}',
            headers={"authorization": f"Bearer {token}", "content-type": "application/fhir+json"},
        )
        assert written.status_code == 403, written.text


async def test_a_suspended_certificate_bites_at_the_next_request_and_lifts_again(stage: Stage) -> None:
    token = await stage.token()
    assert (await stage.get("Patient", token)).status_code == 200
    stage.certificates.standings[CLIENT].allowed = False
    stage.certificates.standings[CLIENT].reason = "suspended on 20 November 2026"
    refused = await stage.get("Patient", token)
    assert refused.status_code == 403
    assert "suspended on 20 November 2026" in refused.text
    stage.certificates.standings[CLIENT].allowed = True
    assert (await stage.get("Patient", token)).status_code == 200
    stage.certificates.standings[CLIENT].certificate_id = "certificate-2"
    assert (await stage.get("Patient", token)).status_code == 403


async def test_a_token_from_before_a_suspension_stays_dead_after_the_reinstatement(stage: Stage) -> None:
    token = await stage.token()
    stage.certificates.standings[CLIENT].suspensions = 1
    refused = await stage.get("Patient", token)
    assert refused.status_code == 401
    assert "before a suspension" in refused.text
    assert (await stage.get("Patient", await stage.token())).status_code == 200


async def test_work_that_goes_on_ends_with_a_suspension_and_writes_only_while_it_may(stage: Stage) -> None:
    tokens, database = stage.server.platform.tokens, stage.server.platform.database
    actor = await tokens.actor(await stage.token())
    standing = stage.certificates.standings[CLIENT]

    async def goes_on(*, writes: bool) -> bool:
        async with database.connection() as connection:
            try:
                await tokens.demand_standing(connection, actor, writes=writes)
            except Forbidden:
                return False
        return True

    assert (await goes_on(writes=True), await goes_on(writes=False)) == (True, True)
    standing.reach = "export"
    assert (await goes_on(writes=True), await goes_on(writes=False)) == (False, True)
    standing.reach, standing.suspensions = "all", 1  # suspended and reinstated meanwhile
    assert (await goes_on(writes=True), await goes_on(writes=False)) == (False, False)


async def test_a_token_from_before_a_client_was_disabled_stays_dead_when_it_is_enabled_again(
    stage: Stage,
) -> None:
    token = await stage.token()
    async with stage.server.platform.database.transaction() as tx:
        assert await clients.disable(tx, CLIENT)
    async with stage.server.platform.database.transaction() as tx:
        assert await clients.enable(tx, CLIENT)
    assert (await stage.get("Patient", token)).status_code == 401
    assert (await stage.get("Patient", await stage.token())).status_code == 200


async def test_a_client_that_is_disabled_has_no_token_any_more(stage: Stage) -> None:
    token = await stage.token()
    await stage.register(enabled=False)
    assert (await stage.get("Patient", token)).status_code == 401
    assert (await stage.ask(stage.assertion())).status_code == 401


async def test_a_token_ends_with_its_time(stage: Stage) -> None:
    token = await stage.token()
    stage.clock.forward(seconds=299)
    assert (await stage.get("Patient", token)).status_code == 200
    stage.clock.forward(seconds=1)
    for _ in range(2):
        refused = await stage.get("Patient", token)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer ")
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]


def _forged(stage: Stage, *, key: Any = None, head: Any = None, **over: Any) -> str:
    own = stage.server.platform.keys.tokens.current
    now = int(stage.clock().timestamp())
    claims = {
        "iss": BASE,
        "aud": f"{BASE}/fhir",
        "sub": CLIENT,
        "client_id": CLIENT,
        "iat": now,
        "exp": now + 300,
        "scope": "system/*.cruds",
        "certificate": "certificate-1",
        **over,
    }
    header = {"alg": "ES256", "typ": "at+jwt", "kid": own.kid, **(head or {})}
    return jwt.encode(header, claims, key or own)


BAD_TOKENS: dict[str, Any] = {
    "empty": lambda s, t: " ",
    "nonsense": lambda s, t: "nonsense",
    "altered": lambda s, t: t[:-3] + ("AAA" if not t.endswith("AAA") else "BBB"),
    "cut": lambda s, t: t[: len(t) // 2],
    "not ASCII": lambda s, t: "é",
    "an assertion": lambda s, t: s.assertion(),
    "a stranger's signature": lambda s, t: _forged(s, key=P256),
    "another type": lambda s, t: _forged(s, head={"typ": "JWT"}),
    "another issuer": lambda s, t: _forged(s, iss="https://elsewhere.example"),
    "another audience": lambda s, t: _forged(s, aud=TOKEN_URL),
    "the audit key": lambda s, t: _forged(s, key=s.server.platform.keys.audit),
    "an unknown client": lambda s, t: _forged(s, client_id="nobody"),
    "deep": lambda s, t: base64.urlsafe_b64encode(b"[" * 9_000).decode() + ".e30.AAAA",
    "alg none": lambda s, t: "eyJhbGciOiJub25lIn0." + t.split(".")[1] + ".",
}


@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS)
async def test_a_token_that_is_not_ours_or_was_altered_is_refused(desk: Stage, make: Any) -> None:
    token = await desk.token()
    value = b"Bearer " + make(desk, token).encode("latin-1")
    reply = await desk.server.http.get("/fhir/Patient", headers={"authorization": value})
    assert reply.status_code == 401, reply.text
    assert reply.headers["www-authenticate"].startswith("Bearer ")
    assert reply.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic YTpi", "Negotiate x", "bearer"])
async def test_who_does_not_sign_in_is_told_how(desk: Stage, authorization: str | None) -> None:
    headers = {"authorization": authorization} if authorization is not None else {}
    for method, url in (("GET", "Patient/x"), ("POST", "Patient"), ("GET", "Nonsense"), ("POST", "")):
        reply = await desk.server.http.request(method, f"/fhir/{url}", headers=headers)
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    "over",
    [
        {"jwks": {}},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": "x"}},
        {"jwks": {"keys": ["x"]}},
        {"jwks": {"keys": [EC.as_dict(private=True)]}},
        {"jwks": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}]}},
        {"jwks": {"keys": [{**EC.as_dict(private=False), "kid": ""}]}},
        {"jwks": {"keys": [{"kty": "EC", "kid": "a", "crv": "P-384", "x": "!", "y": "!"}]}},
        {"jwks": {"keys": [{"kty": "EC", "kid": "a"}]}},
        {"scopes": frozenset({"system/Patient.x"})},
        {"scopes": frozenset({"everything"})},
    ],
)
async def test_a_client_with_unusable_keys_or_scopes_is_not_registered(
    desk: Stage, over: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        await desk.register(**over)
    assert (await desk.ask(desk.assertion())).status_code == 200


async def test_grants_and_refusals_are_on_record_without_secrets(stage: Stage) -> None:
    text = stage.assertion()
    token = (await stage.ask(text)).json()["access_token"]
    await stage.ask(text)
    await stage.get("Patient/x", token[:-4])
    granted, replayed, altered = await stage.server.events()
    assert (granted["subtype"][0]["code"], granted["outcome"]) == ("token", "0")
    assert granted["agent"][0]["altId"] == CLIENT
    assert (replayed["subtype"][0]["code"], replayed["outcome"]) == ("token", "4")
    assert replayed["agent"][0]["altId"] == CLIENT
    assert (altered["subtype"][0]["code"], altered["outcome"]) == ("sign-in", "4")
    trail = json.dumps([granted, replayed, altered])
    assert token not in trail
    assert text not in trail
