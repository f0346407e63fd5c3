"""Which methods an address takes (OPTIONS, Allow), and which browsers' apps may use it (CORS)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from api import Server, fresh_database, serving

from carespine.storage.embedded import EmbeddedPostgres

APP = "https://app.example"


@pytest.fixture(scope="module")
async def shared(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server that needs a sign-in and shares with one origin; no test changes anything."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("cors"), cors_origins=APP) as running:
            yield running


@pytest.mark.parametrize(
    ("url", "methods"),
    [
        ("", "GET, HEAD, POST, OPTIONS"),
        ("metadata", "GET, HEAD, OPTIONS"),
        ("_history", "GET, HEAD, OPTIONS"),
        ("Patient", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("Patient/ann", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("Patient/_search", "GET, HEAD, POST, OPTIONS"),
        ("Patient/_history", "GET, HEAD, OPTIONS"),
        ("Patient/ann/_history", "GET, HEAD, OPTIONS"),
        ("Patient/ann/_history/1", "GET, HEAD, OPTIONS"),
        ("Patient/ann/Observation", "GET, HEAD, OPTIONS"),
        ("Patient/ann/$everything", "GET, HEAD, POST, OPTIONS"),
        ("Patient/ann/$meta-add", "POST, OPTIONS"),
    ],
)
async def test_options_says_which_methods_an_address_takes(reading: Server, url: str, methods: str) -> None:
    reply = await reading.request("OPTIONS", url)
    assert (reply.status_code, reply.content) == (204, b"")
    assert reply.headers["allow"] == methods


@pytest.mark.parametrize(
    "url", ["Nonsense", "Patient/ann/Location", "Patient/ann/_history/1/more", "Patient/$nothing"]
)
async def test_options_of_what_is_not_there_is_not_found(reading: Server, url: str) -> None:
    assert (await reading.request("OPTIONS", url)).status_code == 404


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", "Patient/ann"),
        ("BREW", "Patient"),
        ("PUT", "Patient/ann/_history"),
        ("GET", "Patient/ann/$meta-add"),
        ("PUT", "Patient/_search"),
    ],
)
async def test_a_method_that_is_not_allowed_is_refused_with_those_that_are(
    reading: Server, method: str, url: str
) -> None:
    reply = await reading.request(method, url)
    assert reply.status_code == 405, reply.text
    assert method not in reply.headers["allow"].split(", ")
    assert reply.headers["allow"] == (await reading.request("OPTIONS", url)).headers["allow"]


async def test_a_browser_of_a_named_origin_may_ask_and_read(shared: Server) -> None:
    ask = {
        "origin": APP,
        "access-control-request-method": "PUT",
        "access-control-request-headers": "if-match",
    }
    preflight = await shared.http.options("/fhir/Patient/ann", headers=ask)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == APP
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    assert "if-match" in preflight.headers["access-control-allow-headers"]
    for url, status in (("/fhir/metadata", 200), ("/fhir/Patient/ann", 401)):
        reply = await shared.http.get(url, headers={"origin": APP})
        assert reply.status_code == status
        assert reply.headers["access-control-allow-origin"] == APP
        assert "etag" in reply.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize(
    "origin", ["https://other.example", "http://app.example", "null", f"{APP}.evil.example", "é"]
)
async def test_a_browser_of_another_origin_is_not_let_in(shared: Server, origin: str) -> None:
    headers = {"origin": origin.encode("latin-1"), "access-control-request-method": b"GET"}
    for method in ("OPTIONS", "GET"):
        reply = await shared.http.request(method, "/fhir/metadata", headers=headers)
        assert not [name for name in reply.headers if name.startswith("access-control-")]


async def test_without_a_setting_no_origin_is_let_in(reading: Server) -> None:
    reply = await reading.get("metadata", origin=APP)
    assert not [name for name in reply.headers if name.startswith("access-control-")]
