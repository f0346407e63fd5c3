"""Signing in through NHS login and CIS2: who is let in, and that everybody else is told why not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api import Server, fresh_database
from fake_provider import KEY, STRANGER, FakeProvider, providing
from joserfc.jwk import ECKey, OctKey
from oauth_people import PASSWORD, Browser, Town, town

from carespine.kernel import nhs_number
from carespine.kernel.errors import Conflict, Misconfigured, Unavailable
from carespine.security import accounts, administration
from carespine.security.actor import ADMINISTRATION, system_job
from carespine.security.egress import Egress
from carespine.security.federation.provider import Configuration, Provider
from carespine.storage.embedded import EmbeddedPostgres
from carespine.web.settings import load

NUMBER = nhs_number.synthetic(7)
PATIENT = {"sub": "a-patient", "vot": "P9.Cp.Cd", "identity_proofing_level": "P9", "nhs_number": NUMBER}
ROLES = [
    {"person_roleid": "1", "org_code": "A10001", "role_code": "S8000:G8000:R8000"},
    {"person_roleid": "2", "org_code": "Z99999", "role_code": "S8000:G8000:R8000"},
    {"person_roleid": "3", "org_code": "A10001", "role_code": "S8000:G8000:R9999"},
    {"person_roleid": "4", "org_code": "A10001", "role_code": "S8000:G8001:R8001"},
]
STAFF = {"sub": "555000000001", "authentication_assurance_level": "3", "selected_roleid": "1"}
USERINFO = {"sub": STAFF["sub"], "name": "Dr Fir", "nhsid_nrbac_roles": ROLES}


@pytest.fixture(scope="module")
def provider() -> Any:
    with providing() as made:
        yield made


@pytest.fixture(scope="module")
async def shared(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, provider: FakeProvider
) -> AsyncIterator[Town]:
    names = {"nhs_login_client_id": "carespine", "cis2_client_id": "carespine-staff"}
    issuers = {"nhs_login_issuer": provider.issuer, "cis2_issuer": provider.issuer}
    more = {"cis2_roles": "R8000=general practitioner, R8001=nurse", "outbound": "any"}
    folder = tmp_path_factory.mktemp("providers")
    _key(folder)
    with fresh_database(postgres) as url:
        async with town(url, folder, **names, **issuers, **more) as made:
            await _people(made.server)
            provider.client_keys = (await made.server.http.get("/sign-in/jwks.json")).json()
            assert "d" not in provider.client_keys["keys"][0]
            yield made


def _key(folder: Path) -> None:
    """Our own key, shorter than the one that a server makes, so that the tests need not wait for it."""
    path = folder / "keys" / "sign-in.jwk"
    path.parent.mkdir()
    path.touch(0o600)
    path.write_text(json.dumps(STRANGER.as_dict(private=True)))


async def _people(server: Server) -> None:
    identifier = [{"system": nhs_number.SYSTEM, "value": NUMBER}]
    patient = {"resourceType": "Patient", "id": "fay", "identifier": identifier, "name": [{"family": "Fay"}]}
    await server.put(patient)
    ods = [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A10001"}]
    await server.put({"resourceType": "Organization", "id": "a10001", "identifier": ods, "name": "Practice"})


@pytest.fixture
def place(shared: Town, provider: FakeProvider) -> Town:
    """The shared server, with a provider that behaves."""
    provider.claims, provider.userinfo, provider.over = dict(PATIENT), {"sub": PATIENT["sub"]}, {}
    provider.key, provider.alg, provider.clock = KEY, "RS512", shared.clock
    provider.kid, provider.published = "provider", [KEY]
    return shared


async def sign_in(
    browser: Browser, provider: FakeProvider, kind: str = "nhs-login", onward: str = "", **back: str
) -> httpx.Response:
    """To the provider and back, with other parameters where a test says so."""
    begun = await browser.open(f"/sign-in/{kind}" + (f"?next={onward}" if onward else ""))
    assert begun.status_code == 303, begun.text
    told = {**provider.consent(begun.headers["location"]), **back}
    return await browser.http.get(f"/sign-in/{kind}/return", params=told)


def refusal(answer: httpx.Response, words: str) -> None:
    assert answer.status_code == 401, answer.text
    assert "You are not signed in</h1>" in answer.text
    assert words in answer.text
    assert "carespine-session" not in answer.headers.get("set-cookie", "")


async def test_a_patient_signs_in_and_sees_their_own_record(place: Town, provider: FakeProvider) -> None:
    async with place.browser() as browser:
        assert (
            'href="/sign-in/nhs-login?next=%2Fme%2Faccess"'
            in (await browser.open("/sign-in?next=/me/access")).text
        )
        answer = await sign_in(browser, provider, onward="/me/access")
        assert (answer.status_code, answer.headers["location"]) == (303, "/me/access")
        assert (await browser.open("/me/access")).status_code == 200
    async with place.server.platform.database.connection() as connection:
        account = await connection.fetchrow("select * from account where provider is not null")
        event = await connection.fetchval("select body from audit_event order by seq desc limit 1 offset 1")
    assert (account["reference"], account["kind"]) == ("Patient/fay", "patient")
    assert provider.proved[-1]["exp"] - provider.proved[-1]["iat"] <= 60
    assert NUMBER not in json.dumps(json.loads(event))
    async with place.browser() as other:
        with pytest.raises(Conflict):
            async with place.server.platform.door.enter(
                system_job("test"), purpose=ADMINISTRATION
            ) as session:
                await administration.set_password(session, account["username"], PASSWORD)
        async with place.server.platform.database.transaction() as tx:
            await accounts.set_password(tx, account["username"], PASSWORD)
        assert (await other.sign_in(account["username"])).status_code == 401, "no password opens the account"


async def test_staff_act_in_the_role_and_for_the_organisation_they_chose(
    place: Town, provider: FakeProvider
) -> None:
    provider.claims, provider.userinfo = dict(STAFF), dict(USERINFO)
    async with place.browser() as browser:
        answer = await sign_in(browser, provider, "cis2")
        assert answer.headers["location"] == "/practice/inbox"
        assert (await browser.open("/practice/inbox")).status_code == 200
        provider.claims["selected_roleid"] = "4"
        async with place.browser() as elsewhere:
            assert (await sign_in(elsewhere, provider, "cis2")).status_code == 303
        assert (await browser.open("/practice/inbox")).status_code == 303, (
            "the session in the other role ended"
        )
    async with place.server.platform.database.connection() as connection:
        rows = await connection.fetch(
            "select role, organisation, reference from account where name = 'Dr Fir'"
        )
    assert [tuple(row) for row in rows] == [("nurse", "A10001", "Practitioner/sds-555000000001")]


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"nonce": "another"}, "belongs to another sign-in"),
        ({"nonce": None}, "belongs to another sign-in"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"aud": "another"}, "another service"),
        ({"aud": ["carespine", "another"]}, "another service"),
        ({"exp": 1}, "has expired"),
        ({"exp": None}, "has expired"),
        ({"iat": 1}, "not from now"),
        ({"sub": None}, "does not say who"),
        ({"vot": "P5.Cp.Cd", "identity_proofing_level": "P5"}, "level that a health record needs"),
        ({"vot": "P9.Cp.Cd", "identity_proofing_level": "P5"}, "level that a health record needs"),
        ({"vot": None, "identity_proofing_level": None}, "level that a health record needs"),
        ({"nhs_number": "9990000000"}, "which NHS number"),
        ({"nhs_number": None}, "which NHS number"),
        ({"nhs_number": nhs_number.synthetic(8)}, "no record here"),
    ],
    ids=str,
)
async def test_a_patient_is_refused_and_told_why(
    place: Town, provider: FakeProvider, over: dict[str, Any], words: str
) -> None:
    provider.over = over
    async with place.browser() as browser:
        refusal(await sign_in(browser, provider), words)


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"authentication_assurance_level": "1"}, "too weak a factor"),
        ({"authentication_assurance_level": None}, "too weak a factor"),
        ({"authentication_assurance_level": None, "acr": "AAL1"}, "too weak a factor"),
        ({"selected_roleid": "2"}, "organisation of the role that you chose is not known"),
        ({"selected_roleid": "3"}, "has no access here"),
        ({"selected_roleid": "9"}, "not one that you hold"),
        ({"selected_roleid": None}, "No role was chosen"),
    ],
    ids=str,
)
async def test_staff_are_refused_and_told_why(
    place: Town, provider: FakeProvider, over: dict[str, Any], words: str
) -> None:
    provider.claims, provider.userinfo, provider.over = dict(STAFF), dict(USERINFO), over
    async with place.browser() as browser:
        refusal(await sign_in(browser, provider, "cis2"), words)


async def test_forged_tokens_are_refused(place: Town, provider: FakeProvider) -> None:
    for key, alg, words in (
        (STRANGER, "RS512", "signature"),
        (KEY, "none", "not signed in a way"),
        (OctKey.import_key({"kty": "oct", "k": "A" * 86}), "HS512", "not signed in a way"),
    ):
        provider.key, provider.alg = key, alg  # type: ignore[assignment]
        async with place.browser() as browser:
            refusal(await sign_in(browser, provider), words)


async def test_an_answer_counts_once_and_in_its_own_browser_only(place: Town, provider: FakeProvider) -> None:
    async with place.browser() as browser, place.browser() as thief:
        refusal(await sign_in(browser, provider, state="guessed"), "not begun in this browser")
        refusal(await sign_in(browser, provider, iss="https://evil.example"), "another issuer")
        refusal(await sign_in(browser, provider, code="made up"), "did not accept the sign-in")
        refusal(await sign_in(browser, provider, error="access_denied"), "did not go through with it")
        refusal(await sign_in(browser, provider, error="<script>"), "answered with an error")
        begun = (await browser.open("/sign-in/nhs-login")).headers["location"]
        told = provider.consent(begun)
        refusal(await thief.http.get("/sign-in/nhs-login/return", params=told), "not begun in this browser")
        done = await browser.http.get("/sign-in/nhs-login/return", params=told)
        assert done.status_code == 303, done.text
        refusal(await browser.http.get("/sign-in/nhs-login/return", params=told), "not begun in this browser")
        again = provider.consent((await browser.open("/sign-in/nhs-login")).headers["location"])
        place.clock.forward(minutes=16)
        refusal(await browser.http.get("/sign-in/nhs-login/return", params=again), "took too long")
    provider.userinfo = {"sub": "somebody else"}
    async with place.browser() as browser:
        refusal(await sign_in(browser, provider), "two different people")


async def test_a_provider_may_rotate_its_keys(place: Town, provider: FakeProvider) -> None:
    async with place.browser() as browser:
        assert (await sign_in(browser, provider)).status_code == 303
    fresh = ECKey.generate_key("P-256", {"kid": "fresh"})
    provider.key, provider.alg, provider.kid = fresh, "ES256", "fresh"
    async with place.browser() as browser:
        refusal(await sign_in(browser, provider), "key that it does not publish")
    provider.published = [fresh, KEY]
    place.clock.forward(minutes=1)
    before = provider.calls.count("/jwks")
    async with place.browser() as browser:
        assert (await sign_in(browser, provider)).status_code == 303
    async with place.browser() as browser:
        assert (await sign_in(browser, provider)).status_code == 303
    assert provider.calls.count("/jwks") == before + 1, "looked up once"


async def test_a_provider_that_is_not_what_it_should_be_is_not_gone_to(
    place: Town, provider: FakeProvider
) -> None:
    async def question(over: dict[str, Any], egress: Egress) -> str:
        told = {"issuer": provider.issuer, "client_id": "carespine", "redirect_uri": "https://care.example/"}
        about = Configuration("nhs-login", "NHS login", scope="openid", ask={}, **{**told, **over})
        return await Provider(about, lambda: KEY, egress, place.clock).question(
            state="s", nonce="n", verifier="v"
        )

    near = Egress(allow_loopback=True)
    assert (await question({}, near)).startswith(f"{provider.issuer}/authorize?")
    with pytest.raises(Unavailable):
        await question({}, Egress())  # an address that may not be called from here
    with pytest.raises(Unavailable):
        await question({"issuer": f"{provider.issuer}/another"}, near)
    provider.describes = "https://evil.example"
    with pytest.raises(Unavailable):
        await question({}, near)
    provider.describes = None


async def test_somebody_whose_account_was_disabled_stays_out(place: Town, provider: FakeProvider) -> None:
    provider.claims["sub"] = provider.userinfo["sub"] = "disabled"
    async with place.browser() as browser:
        assert (await sign_in(browser, provider)).status_code == 303
    async with place.server.platform.database.transaction() as tx:
        await tx.execute("update account set enabled = false where provider is not null")
    async with place.browser() as browser:
        refusal(await sign_in(browser, provider), "was disabled")
    async with place.server.platform.database.transaction() as tx:
        await tx.execute("update account set enabled = true where provider is not null")


@pytest.mark.parametrize(
    "over",
    [
        {"nhs_login_issuer": "https://auth.example"},
        {"nhs_login_client_id": "carespine"},
        {"nhs_login_issuer": "http://auth.example", "nhs_login_client_id": "carespine"},
        {"nhs_login_issuer": "https://a:b@auth.example", "nhs_login_client_id": "carespine"},
        {"cis2_issuer": "https://auth.example", "cis2_client_id": "carespine"},
        {"cis2_level": 1},
        {"cis2_roles": "R8000=administrator"},
        {"cis2_roles": "R8000"},
        {
            "nhs_login_issuer": "http://127.0.0.1:9000",
            "nhs_login_client_id": "carespine",
            "host": "0.0.0.0",  # noqa: S104 -- to see it refused
            "base_url": "https://care.example",
        },
    ],
    ids=str,
)
def test_unsafe_settings_stop_the_start(over: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nhs_login|cis2"):
        load(data=tmp_path, **over)
