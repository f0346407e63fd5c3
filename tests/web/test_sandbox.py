"""From nothing to a first call without a person involved; and no further than one's own made-up patients."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from carespine.kernel import nhs_number
from carespine.kernel.ids import new_id
from carespine.web.app import build
from carespine.web.platform import Platform
from carespine.web.settings import Settings

BASE = "http://127.0.0.1:8600"


@pytest.fixture
async def http(database_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    platform = Platform.build(Settings(data=tmp_path, sandbox=True, base_url=BASE), database_url)
    await platform.open()
    transport = httpx.ASGITransport(build(platform))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client
    await platform.close()


def wish(key: ECKey, **more: object) -> dict[str, object]:
    return {"client_name": "A newcomer", "jwks": {"keys": [key.as_dict(private=False)]}, **more}


async def newcomer(http: httpx.AsyncClient) -> tuple[dict, dict[str, str]]:
    """What the registration told, and the header of a token that the client got with its key."""
    key = ECKey.generate_key("P-384", {"kid": "mine", "use": "sig", "alg": "ES384"})
    told = (await http.post("/sandbox/clients", json=wish(key))).json()
    now = int(time.time())
    claims = {"iss": told["client_id"], "sub": told["client_id"], "aud": told["token_endpoint"], "jti": new_id(),
              "iat": now, "exp": now + 120}  # fmt: skip
    proof = jwt.encode({"alg": "ES384", "kid": "mine"}, claims, key, algorithms=["ES384"])
    form = {
        "grant_type": "client_credentials",
        "scope": told["scope"],
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": proof,
    }
    given = await http.post("/oauth/token", data=form)
    assert given.status_code == 200, given.text
    return told, {"authorization": f"Bearer {given.json()['access_token']}"}


async def test_a_newcomer_reads_and_writes_within_its_own_patients_at_once(http):
    begun = time.monotonic()
    told, token = await newcomer(http)
    first = told["patients"][0]
    read = await http.get(f"/fhir/Patient/{first['id']}", headers=token)
    assert read.status_code == 200, read.text
    assert read.json()["identifier"][0]["value"] == first["nhs_number"]
    assert time.monotonic() - begun < 15 * 60
    assert nhs_number.is_valid(first["nhs_number"])
    assert first["nhs_number"].startswith("999")
    readings = await http.get(f"/fhir/Observation?patient={first['id']}", headers=token)
    assert len(readings.json()["entry"]) == 2
    found = (await http.get("/fhir/Patient?name=Sample", headers=token)).json()
    assert {each["resource"]["id"] for each in found["entry"]} == {each["id"] for each in told["patients"]}

    other, stranger = await newcomer(http)
    for each in told["patients"]:
        assert (await http.get(f"/fhir/Patient/{each['id']}", headers=stranger)).status_code in {403, 404}
    seen = (await http.get("/fhir/Observation", headers=stranger)).json()
    subjects = {each["resource"]["subject"]["reference"] for each in seen["entry"]}
    assert subjects == {f"Patient/{each['id']}" for each in other["patients"]}


async def test_what_is_not_a_name_and_one_public_key_is_refused(http):
    key = ECKey.generate_key("P-384", {"kid": "mine"})
    for wrong in (
        b"{",
        b"[]",
        {"client_name": "x"},
        wish(key, client_name=" "),
        wish(key, jwks={"keys": []}),
        wish(key, jwks={"keys": [key.as_dict(private=True)]}),
    ):
        body = {"content": wrong} if isinstance(wrong, bytes) else {"json": wrong}
        refused = await http.post("/sandbox/clients", **body)
        assert refused.status_code == 400, refused.text
    assert (await http.post("/sandbox/clients", content=b" " * 20_000)).status_code == 413
    answers = [(await http.post("/sandbox/clients", content=b"{")).status_code for _ in range(12)]
    assert answers[-1] == 429


async def test_there_is_no_sandbox_unless_the_settings_ask_for_one(database_url, tmp_path):
    platform = Platform.build(Settings(data=tmp_path, base_url=BASE), database_url)
    await platform.open()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(build(platform)), base_url=BASE) as client:
        answer = await client.post("/sandbox/clients", json=wish(ECKey.generate_key("P-384", {"kid": "k"})))
    await platform.close()
    assert answer.status_code == 404
