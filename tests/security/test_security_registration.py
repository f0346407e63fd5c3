"""Dynamic client registration: a certified product registers its clients itself, and nobody else does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from api import FHIR, FakeClock, Server, fresh_database, serving
from certified_product import Product, certified
from fake_provider import providing
from joserfc.jwk import ECKey
from oauth_people import challenge

from carespine.security import clients
from carespine.security.egress import Egress
from carespine.security.fetching import fetch_json
from carespine.security.oauth.registration import Registrar
from carespine.security.token_error import TokenError
from carespine.standards.keys import SigningKey
from carespine.standards.lifecycle import Event
from carespine.storage.embedded import EmbeddedPostgres
from carespine.web.wiring import CertificateReader

OTHER = ECKey.generate_key("P-384", {"kid": "one"})
BACK = "https://diet.example/back"


@pytest.fixture(scope="module")
async def server(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("registration"), clock=FakeClock()) as made:
            yield made


@pytest.fixture(scope="module")
async def product(server: Server) -> Product:
    return await certified(server, "diet")


async def register(product: Product, statement: str | None = None, **told: Any) -> httpx.Response:
    product.server.platform.clock.forward(seconds=10)  # type: ignore[attr-defined] -- the bucket of tries fills
    sent = {"software_statement": product.statement() if statement is None else statement, **told}
    return await product.server.http.post("/oauth/register", json=sent)


async def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["error"])


async def test_a_certified_product_registers_a_client_that_can_ask_people(product: Product) -> None:
    answer = await register(product, client_name="NHS App", contacts=["a@example.org"])
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["redirect_uris"], told["token_endpoint_auth_method"]) == ([BACK], "none")
    assert told["client_name"] == "Product diet", "a client is called as its certificate calls the product"
    assert told["software_id"] == "diet"
    question = {
        "response_type": "code", "client_id": told["client_id"], "redirect_uri": BACK, "scope": told["scope"],
        "state": "s" * 20, "aud": FHIR, "code_challenge": challenge("v" * 64), "code_challenge_method": "S256",
    }  # fmt: skip
    asked = await product.server.http.get("/oauth/authorize?" + urlencode(question))
    assert asked.headers["location"].startswith("/sign-in"), asked.text
    elsewhere = {**question, "redirect_uri": "https://diet.example/back/"}
    assert (await product.server.http.get("/oauth/authorize?" + urlencode(elsewhere))).status_code == 400


async def test_a_registered_service_gets_tokens_until_the_certificate_is_suspended(server: Server) -> None:
    product = await certified(server, "service")
    jwks = {"keys": [product.key.as_dict(private=False)]}
    method = {"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "redirect_uris": None}
    grant = {"grant_types": ["client_credentials"], "scope": "system/Observation.rs"}
    told = (await register(product, product.statement(**method, **grant))).json()
    client_id = told["client_id"]

    async def token() -> httpx.Response:
        audience = f"{server.platform.settings.address}/oauth/token"
        over = {"iss": client_id, "sub": client_id, "aud": audience, "carespine_certificate": None}
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": product.statement(**over),
        }
        return await server.http.post("/oauth/token", data=form)

    granted = await token()
    assert granted.json()["scope"] == "system/Observation.rs", granted.text
    bearer = {"authorization": f"Bearer {granted.json()['access_token']}"}
    assert (await server.http.get("/fhir/Observation", headers=bearer)).status_code == 200
    await product.say(Event.SUSPEND)
    assert (await server.http.get("/fhir/Observation", headers=bearer)).status_code == 403
    assert (await token()).json()["error"] == "unauthorized_client"
    assert await refusal(await register(product)) == "unapproved_software_statement"


async def test_a_server_side_app_gets_a_secret_once(product: Product) -> None:
    statement = product.statement(token_endpoint_auth_method=None)
    told = (await register(product, statement)).json()
    assert (told["token_endpoint_auth_method"], told["client_secret_expires_at"]) == (
        "client_secret_basic",
        0,
    )
    async with product.server.platform.database.connection() as connection:
        found = await clients.find(connection, told["client_id"])
    assert found is not None
    assert found.secret is not None
    assert told["client_secret"].encode() not in found.secret


def _shown(value: object) -> str:
    """The name of a case, without its keys: those are made anew in each process of the tests."""
    if isinstance(value, dict):
        return ",".join(
            f"{name}={'KEY' if name in ('key', 'jwks') else given}" for name, given in value.items()
        )
    return str(value)


@pytest.mark.parametrize(
    "over",
    [
        {"aud": "http://127.0.0.1:8600/oauth/token"},
        {"exp": 0},
        {"exp": 4_000_000_000},
        {"exp": None},
        {"jti": None},
        {"iss": "someone"},
        {"sub": "someone"},
        {"carespine_certificate": None},
        {"key": OTHER},
        {"key": ECKey.generate_key("P-256", {"kid": "one"}), "alg": "ES256"},
    ],
    ids=_shown,
)
async def test_a_statement_that_does_not_hold_is_refused(product: Product, over: dict[str, Any]) -> None:
    assert await refusal(await register(product, product.statement(**over))) == "invalid_software_statement"


async def test_a_statement_works_once_and_only_as_it_was_signed(product: Product) -> None:
    statement = product.statement(redirect_uris=["http://diet.example/back"])
    assert await refusal(await register(product, statement)) == "invalid_redirect_uri"
    assert await refusal(await register(product, statement)) == "invalid_software_statement", "it is used up"
    unsigned = product.statement(redirect_uris=None)
    assert await refusal(await register(product, unsigned, redirect_uris=["https://evil.example"])) == (
        "invalid_software_statement"
    )
    told = (await register(product, redirect_uris=["https://evil.example/"])).json()
    assert told["redirect_uris"] == [BACK], "what was signed stands above what was sent"
    head, body, signature = product.statement().split(".")
    for bad in ("", "x", "a.b.c", f"{head}.{body}.", f"{head}.{signature}.{body}", "9" * 20_000):
        assert await refusal(await register(product, bad)) == "invalid_software_statement"


async def test_a_certificate_that_does_not_hold_is_refused(server: Server, product: Product) -> None:
    stranger = await certified(server, "stranger")
    signed_by_other = product.statement(carespine_certificate=stranger.certificate)
    assert await refusal(await register(product, signed_by_other)) == "invalid_software_statement"
    head, body, signature = product.certificate.split(".")
    for text in (f"{head}.{body}.{signature[:-4]}AAAA", product.statement(), "x"):
        answer = await register(product, product.statement(carespine_certificate=text))
        assert await refusal(answer) == "unapproved_software_statement"
    async with server.platform.database.transaction() as tx:
        await clients.disable(tx, "stranger")
    assert await refusal(await register(stranger)) == "unapproved_software_statement"
    leaving = await certified(server, "leaving")
    await leaving.say(Event.FIND)
    await leaving.say(Event.AGREE)
    assert (await register(leaving)).status_code == 201, "a finding alone takes nothing away"
    await leaving.say(Event.RESTRICT)
    assert await refusal(await register(leaving)) == "unapproved_software_statement"


@pytest.mark.parametrize(
    ("error", "over"),
    [
        ("invalid_redirect_uri", {"redirect_uris": ["https://diet.example/*"]}),
        ("invalid_redirect_uri", {"redirect_uris": ["https://diet.example/#here"]}),
        ("invalid_redirect_uri", {"redirect_uris": ["https://a:b@diet.example/"]}),
        ("invalid_redirect_uri", {"redirect_uris": ["javascript:alert(1)"]}),
        ("invalid_redirect_uri", {"redirect_uris": ["http://127.0.0.1:9000/"]}),
        ("invalid_redirect_uri", {"redirect_uris": ["http://10.0.0.1/"], "application_type": "native"}),
        ("invalid_redirect_uri", {"redirect_uris": []}),
        ("invalid_redirect_uri", {"redirect_uris": None}),
        ("invalid_client_metadata", {"redirect_uris": BACK}),
        ("invalid_client_metadata", {"grant_types": ["password"]}),
        ("invalid_client_metadata", {"grant_types": ["implicit"]}),
        ("invalid_client_metadata", {"scope": "patient/*.rs"}),
        ("invalid_client_metadata", {"scope": "system/Observation.rs"}),
        ("invalid_client_metadata", {"scope": "patient/Observation.cruds"}),
        ("invalid_client_metadata", {"scope": "introspect"}),
        ("invalid_client_metadata", {"scope": ["openid"]}),
        ("invalid_client_metadata", {"token_endpoint_auth_method": "client_secret_post"}),
        ("invalid_client_metadata", {"token_endpoint_auth_method": "private_key_jwt"}),
        ("invalid_client_metadata", {"grant_types": ["client_credentials"], "redirect_uris": None}),
        (
            "invalid_client_metadata",
            {
                "token_endpoint_auth_method": "private_key_jwt",
                "jwks": {"keys": [OTHER.as_dict(private=False)]},
            },
        ),
        (
            "invalid_client_metadata",
            {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://169.254.169.254/latest"},
        ),
        (
            "invalid_client_metadata",
            {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://127.0.0.1:1/jwks"},
        ),
    ],
    ids=_shown,
)
async def test_what_the_certificate_does_not_allow_is_refused(
    product: Product, error: str, over: dict[str, Any]
) -> None:
    assert await refusal(await register(product, product.statement(**over))) == error


async def test_keys_are_fetched_through_the_guard_and_hold_the_certificates_key(product: Product) -> None:
    with providing() as supplier:
        supplier.published = [OTHER, product.key]
        registrar = Registrar(
            product.server.platform.database,
            CertificateReader(
                SigningKey.of(product.server.platform.keys.certificates).jwks, product.server.platform.clock
            ),
            lambda address: fetch_json(Egress(allow_loopback=True), address),
            f"{product.server.platform.settings.address}/oauth/register",
        )

        async def keys(path: str) -> Any:
            over = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": f"{supplier.issuer}{path}"}
            told = {"software_statement": product.statement(**over)}
            certified_, metadata = await registrar.examine(told, now=product.server.platform.clock())
            return await registrar.keys(certified_, metadata)

        assert len((await keys("/jwks"))["keys"]) == 2
        for path in ("/nowhere", "/.well-known/openid-configuration"):
            with pytest.raises(TokenError) as refused:
                await keys(path)
            assert refused.value.error == "invalid_client_metadata"
        supplier.published = [OTHER]
        with pytest.raises(TokenError):
            await keys("/jwks")


async def test_a_native_app_comes_back_to_its_own_machine(product: Product) -> None:
    uris = ["http://127.0.0.1:9000/back", "http://[::1]:9000/back"]
    answer = await register(product, product.statement(redirect_uris=uris, application_type="native"))
    assert answer.json()["redirect_uris"] == uris


async def test_registration_is_on_record_announced_and_limited(server: Server, product: Product) -> None:
    told = (await server.http.get("/.well-known/smart-configuration")).json()
    assert told["registration_endpoint"].endswith("/oauth/register")
    made = (await register(product)).json()
    await register(product, "no statement")
    async with server.platform.database.connection() as connection:
        rows = await connection.fetch("select body from audit_event order by seq desc limit 2")
    refused, done = (json.loads(row["body"]) for row in rows)
    assert (done["outcome"], refused["outcome"]) == ("0", "4")
    assert made["client_id"] in json.dumps(done)
    assert product.certificate.split(".")[2] not in json.dumps(done)
    server.platform.clock.forward(minutes=1)  # type: ignore[attr-defined]
    for _ in range(30):
        bad = await server.http.post("/oauth/register", content="{", headers={"content-type": "text/plain"})
        assert await refusal(bad) == "invalid_client_metadata"
    limited = await server.http.post("/oauth/register", json={})
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "60")
