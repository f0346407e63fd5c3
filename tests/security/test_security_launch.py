"""SMART App Launch: a person lets an app in, the app gets tokens, and they are worth what was allowed."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from api import BASE, FHIR, SYSTEM, fresh_database, ids
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from oauth_people import CALLBACK, SECRET, Town, claims_of, field_of, town

from carespine.security.oauth import store
from carespine.storage.embedded import EmbeddedPostgres

KEY, OTHER_KEY = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
VERIFIER = "v" * 64


@pytest.fixture(scope="module")
async def place(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A server that the tests of the module share; each lets its own app in."""
    with fresh_database(postgres) as url:
        async with town(url, tmp_path_factory.mktemp("launch")) as made:
            yield made


async def test_a_patient_lets_an_app_in_and_it_sees_their_record_and_nobody_elses(place: Town) -> None:
    told = await place.tokens("ann")
    assert (told["token_type"], told["expires_in"], told["patient"]) == ("Bearer", 300, "ann")
    assert set(told["scope"].split()) >= {"patient/*.rs", "offline_access"}
    found = await place.get("Observation", told["access_token"])
    assert ids(found.json()) == ["ann-bp"]
    assert (await place.get("Patient/bob", told["access_token"])).status_code == 404
    assert (await place.get("Observation?_has=1", told["access_token"])).status_code == 400


async def test_the_identity_token_says_who_signed_in_and_verifies_by_the_published_keys(place: Town) -> None:
    told = await place.tokens("ann", nonce="once")
    keys = KeySet.import_key_set((await place.server.http.get("/oauth/jwks.json")).json())
    claims = jwt.decode(told["id_token"], keys, algorithms=["RS256"]).claims
    assert claims["fhirUser"] == f"{FHIR}/Patient/ann"
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (BASE, "charts", "once")
    assert claims["exp"] > claims["iat"] >= claims["auth_time"]


async def test_a_server_with_no_name_and_no_provider_offers_neither_passkeys_nor_providers(
    place: Town,
) -> None:
    async with place.browser("ann") as browser:
        for path in ("/account/passkeys", "/sign-in/nhs-login", "/sign-in/cis2", "/sign-in/jwks.json"):
            assert (await browser.open(path)).status_code == 404
        assert "asskey" not in (await browser.open("/me/access")).text
    async with place.browser() as browser:
        page = (await browser.open("/sign-in")).text
        assert "Continue with" not in page
        assert "asskey" not in page


async def test_staff_choose_the_patient_and_the_app_is_held_to_the_choice(place: Town) -> None:
    scope = "launch/patient openid fhirUser patient/Observation.rs"
    async with place.browser("elm") as browser:
        page = await browser.open(place.question(VERIFIER, scope=scope))
        assert "Choose a patient" in page.text
        found = await browser.open(place.question(VERIFIER, scope=scope, find="Cy"))
        assert "Choose<span" in found.text
        assert (
            "Bob"
            not in (await browser.open(place.question(VERIFIER, scope=scope, find="Bob"))).text.split(
                "found</h2>"
            )[1]
        )
    told = await place.tokens("elm", patient="cy", scope=scope)
    assert told["patient"] == "cy"
    assert ids((await place.get("Observation", told["access_token"])).json()) == ["cy-bp"]
    assert (await place.get("Observation/ann-bp", told["access_token"])).status_code == 404
    assert (await place.get("Condition", told["access_token"])).status_code == 403


async def test_user_scopes_reach_what_the_person_reaches(place: Town) -> None:
    told = await place.tokens("elm", scope="openid user/Observation.rs user/Organization.r")
    assert "patient" not in told
    assert "refresh_token" not in told
    assert ids((await place.get("Observation", told["access_token"])).json()) == ["ann-bp", "cy-bp"]
    desk = await place.tokens("desk", scope="user/Observation.rs user/Patient.rs")
    assert (await place.get("Observation", desk["access_token"])).status_code == 403
    assert (await place.get("Patient", desk["access_token"])).status_code == 200


async def test_a_scope_that_a_search_narrows_is_held_in_sql(place: Town) -> None:
    lab = {"coding": [{"system": "http://x", "code": "laboratory"}]}
    for name, category in (("lab-1", [lab]), ("vital-1", [])):
        tree = {
            "resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"},
            "subject": {"reference": "Patient/ann"}, **({"category": category} if category else {}),
        }  # fmt: skip
        await place.server.put(tree)
    try:
        told = await place.tokens("ann", scope="launch/patient patient/Observation.rs?category=laboratory")
        token = told["access_token"]
        assert ids((await place.get("Observation", token)).json()) == ["lab-1"]
        assert (await place.get("Observation/lab-1", token)).status_code == 200
        assert (await place.get("Observation/vital-1", token)).status_code == 404
        assert (await place.get("Observation/vital-1/_history/1", token)).status_code == 404
        history = (await place.get("Observation/_history", token)).json()
        assert [entry["resource"]["id"] for entry in history["entry"]] == ["lab-1"]
        assert (await place.get("Observation?_summary=count", token)).json()["total"] == 1
    finally:
        async with place.server.platform.door.enter(SYSTEM, purpose="TREAT") as session:
            for name in ("lab-1", "vital-1"):
                await session.delete("Observation", name)


async def test_version_1_scopes_are_accepted_and_mean_what_version_2_writes(place: Town) -> None:
    told = await place.tokens("ann", scope="launch/patient patient/Observation.read patient/Patient.read")
    assert (await place.get("Observation/ann-bp", told["access_token"])).status_code == 200
    assert (await place.get("Condition/ann-asthma", told["access_token"])).status_code == 403


async def test_the_person_narrows_what_the_app_may_do(place: Town) -> None:
    asked = "launch/patient openid patient/Observation.rs patient/Condition.rs"
    async with place.browser("ann") as browser:
        page = await browser.open(place.question(VERIFIER, scope=asked))
        answer = await browser.decide(page, scope=["patient/Observation.rs", "patient/Immunization.rs"])
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    told = (
        await place.token(
            grant_type="authorization_code", code=code, redirect_uri=CALLBACK, client_id="charts",
            code_verifier=VERIFIER,
        )
    ).json()  # fmt: skip
    assert set(told["scope"].split()) == {"launch/patient", "openid", "patient/Observation.rs"}
    assert (await place.get("Condition", told["access_token"])).status_code == 403


async def test_whoever_does_not_let_the_app_in_is_sent_back_without_a_code(place: Town) -> None:
    async with place.browser("ann") as browser:
        page = await browser.open(place.question(VERIFIER))
        answer = await browser.decide(page, allow=False)
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (told["error"], "code" in told) == (["access_denied"], False)
    assert told["state"] == ["a state that nobody guesses"]


async def test_someone_not_signed_in_is_led_through_the_sign_in_and_back(place: Town) -> None:
    async with place.browser() as browser:
        away = await browser.open(place.question(VERIFIER))
        assert away.headers["location"].startswith("/sign-in?next=%2Foauth%2Fauthorize%3F")


# What an app gets wrong -> (the error it is sent back with, or None: a page, and no redirect at all).
WRONG: list[tuple[dict[str, Any], str | None]] = [
    ({"client_id": "nobody"}, None),
    ({"client_id": None}, None),
    ({"client_id": "a\x00b"}, None),
    ({"redirect_uri": "https://charts.example/callback/"}, None),
    ({"redirect_uri": "https://charts.example/callback?x=1"}, None),
    ({"redirect_uri": "https://evil.example/callback"}, None),
    ({"redirect_uri": None}, None),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": None}, "unsupported_response_type"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"state": None}, "invalid_request"),
    ({"aud": None}, "invalid_request"),
    ({"aud": "https://other.example/fhir"}, "invalid_request"),
    ({"scope": None}, "invalid_scope"),
    ({"scope": "system/*.rs"}, "invalid_scope"),
    ({"scope": "nonsense"}, "invalid_scope"),
    ({"launch": "unknown", "scope": "launch patient/*.rs"}, "invalid_request"),
    ({"launch": "unknown"}, "invalid_request"),
]


@pytest.mark.parametrize(("over", "error"), WRONG, ids=str)
async def test_a_question_that_is_wrong_is_refused_before_anyone_is_asked(
    place: Town, over: dict[str, Any], error: str | None
) -> None:
    async with place.browser("ann") as browser:
        answer = await browser.open(place.question(VERIFIER, **over))
    if error is None:
        assert answer.status_code == 400
        assert "location" not in answer.headers
    else:
        assert answer.headers["location"].startswith(f"{CALLBACK}?")
        assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == [error]


@pytest.mark.parametrize(
    ("over", "error"),
    [
        ({"code": "nothing"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"code": "a\x00b"}, "invalid_grant"),
        ({"redirect_uri": "https://charts.example/other"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"client_id": "other"}, "invalid_grant"),
        ({"client_id": "clinic"}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": "no\x00body"}, "invalid_client"),
        ({"client_secret": "guess"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": None}, "unsupported_grant_type"),
    ],
    ids=str,
)
async def test_a_code_is_redeemed_only_as_it_was_given(place: Town, over: dict[str, Any], error: str) -> None:
    code = await place.let_in("ann")
    answer = await place.redeem(code, **over)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] == error
    assert answer.headers["cache-control"] == "no-store"


async def test_a_code_lives_for_a_minute_and_a_second_use_revokes_what_came_of_it(place: Town) -> None:
    code = await place.let_in("ann")
    told = (await place.redeem(code)).json()
    assert (await place.get("Patient/ann", told["access_token"])).status_code == 200
    again = await place.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert (await place.get("Patient/ann", told["access_token"])).status_code == 401
    refreshed = await place.token(
        grant_type="refresh_token", refresh_token=told["refresh_token"], client_id="charts"
    )
    assert refreshed.json()["error"] == "invalid_grant"
    late = await place.let_in("ann")
    place.clock.forward(seconds=61)
    assert (await place.redeem(late)).json()["error"] == "invalid_grant"


async def test_a_public_app_need_not_name_itself_when_it_refreshes_and_others_must(place: Town) -> None:
    held = await place.tokens("ann")
    renewed = await place.token(grant_type="refresh_token", refresh_token=held["refresh_token"])
    assert renewed.status_code == 200, renewed.text
    assert renewed.json()["patient"] == "ann"
    stolen = await place.token(grant_type="refresh_token", refresh_token=held["refresh_token"])
    assert stolen.json()["error"] == "invalid_grant", "a second use ends it, whoever it was"
    made_up = await place.token(grant_type="refresh_token", refresh_token="made up")
    assert (made_up.status_code, made_up.json()["error"]) == (401, "invalid_client")
    basic = {"authorization": "Basic " + base64.b64encode(f"clinic:{SECRET}".encode()).decode()}
    code = await place.let_in("ann", client_id="clinic")
    private = (await place.redeem(code, client_id=None, headers=basic)).json()
    refused = await place.token(grant_type="refresh_token", refresh_token=private["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    nameless = await place.token(grant_type="authorization_code", code="x", redirect_uri=CALLBACK)
    assert nameless.status_code == 401


async def test_refresh_tokens_rotate_and_reuse_revokes_the_family(place: Town) -> None:
    first = await place.tokens("ann")
    refresh = {"grant_type": "refresh_token", "client_id": "charts"}
    second = (await place.token(**refresh, refresh_token=first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["patient"] == "ann"
    assert (await place.get("Patient/ann", second["access_token"])).status_code == 200
    stolen = await place.token(**refresh, refresh_token=first["refresh_token"])
    assert stolen.json()["error"] == "invalid_grant"
    assert (await place.token(**refresh, refresh_token=second["refresh_token"])).status_code == 400
    assert (await place.get("Patient/ann", second["access_token"])).status_code == 401


@pytest.mark.parametrize(
    ("scope", "error"),
    [
        ("patient/Observation.rs", None),
        ("patient/Observation.r", None),
        ("patient/Observation.cruds", "invalid_scope"),
        ("user/*.rs", "invalid_scope"),
        ("patient/*.rs launch", "invalid_scope"),
        ("system/*.rs", "invalid_scope"),
    ],
)
async def test_a_refresh_narrows_and_never_widens(place: Town, scope: str, error: str | None) -> None:
    told = await place.tokens("ann")
    answer = await place.token(
        grant_type="refresh_token", refresh_token=told["refresh_token"], client_id="charts", scope=scope
    )
    assert answer.json().get("error") == error
    if error is None:
        assert answer.json()["scope"] == scope


async def test_each_kind_of_client_proves_itself_in_its_own_way_and_no_other(place: Town) -> None:
    code = await place.let_in("ann", client_id="clinic")
    basic = base64.b64encode(f"clinic:{SECRET.replace(' ', '+')}".encode()).decode()
    refused = await place.redeem(code, client_id="clinic")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    wrong = base64.b64encode(b"clinic:wrong").decode()
    refused = await place.redeem(code, client_id=None, headers={"authorization": f"Basic {wrong}"})
    assert (refused.status_code, "www-authenticate" in refused.headers) == (401, True)
    told = await place.redeem(code, client_id=None, headers={"authorization": f"Basic {basic}"})
    assert told.status_code == 200, told.text
    code = await place.let_in("ann", client_id="signer")
    assert (await place.redeem(code, client_id="signer")).status_code == 401
    assert (await place.redeem(code, client_id="signer", **place.assertion())).status_code == 200
    twice = await place.redeem(
        code, client_id=None, headers={"authorization": f"Basic {basic}"}, **place.assertion()
    )
    assert twice.json()["error"] == "invalid_request"


async def test_a_token_bound_to_a_key_is_worth_nothing_without_it(place: Town) -> None:
    url = f"{BASE}/oauth/token"
    code = await place.let_in("ann")
    told = (await place.redeem(code, headers={"dpop": place.proof(KEY, "POST", url)})).json()
    token = told["access_token"]
    assert (told["token_type"], claims_of(token)["cnf"]["jkt"]) == ("DPoP", KEY.thumbprint())
    here = f"{FHIR}/Patient/ann"
    good = place.proof(KEY, "GET", here, token=token)
    assert (await place.get("Patient/ann", token, "DPoP", dpop=good)).status_code == 200
    bad = [
        good,  # a second time
        place.proof(OTHER_KEY, "GET", here, token=token),
        place.proof(KEY, "POST", here, token=token),
        place.proof(KEY, "GET", f"{FHIR}/Patient/bob", token=token),
        place.proof(KEY, "GET", here),
        place.proof(KEY, "GET", here, token="another"),
        place.proof(KEY, "GET", here, token=token, jti=None),
        place.proof(KEY, "GET", here, token=token, iat=1),
        place.proof(KEY, "GET", here, token=token, iat=None),
        "nonsense",
    ]
    for proof in bad:
        refused = await place.get("Patient/ann", token, "DPoP", dpop=proof)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("DPoP ")
    assert (await place.get("Patient/ann", token)).status_code == 401
    again = await place.token(
        grant_type="refresh_token", refresh_token=told["refresh_token"], client_id="charts",
        headers={"dpop": place.proof(OTHER_KEY, "POST", url)},
    )  # fmt: skip
    assert again.json()["error"] == "invalid_dpop_proof"
    plain = await place.token(
        grant_type="refresh_token", refresh_token=told["refresh_token"], client_id="charts"
    )
    assert plain.json()["error"] == "invalid_dpop_proof"


async def test_introspection_tells_a_client_about_its_own_tokens_and_nobody_about_others(place: Town) -> None:
    told = await place.tokens("ann")
    own = await place.redeem(
        await place.let_in("ann", client_id="signer"), client_id="signer", **place.assertion()
    )
    mine = own.json()
    where = {"path": "/oauth/introspect"}
    seen = (await place.token(**where, token=mine["access_token"], **place.assertion())).json()
    assert (seen["active"], seen["client_id"], seen["patient"], seen["username"]) == (
        True,
        "signer",
        "ann",
        "ann",
    )
    for text in (told["access_token"], told["refresh_token"], "nonsense", "a\x00b"):
        assert (await place.token(**where, token=text, **place.assertion())).json() == {"active": False}
    assert (await place.token(**where, token=mine["refresh_token"], **place.assertion())).json()["active"]
    assert (await place.token(**where, token=told["access_token"], client_id="charts")).status_code == 401
    assert (await place.token(**where, **place.assertion())).json()["error"] == "invalid_request"


async def test_revocation_ends_all_that_came_of_an_authorisation(place: Town) -> None:
    where = {"path": "/oauth/revoke", "client_id": "charts"}
    told, other = await place.tokens("ann"), await place.tokens("ann")
    assert (
        await place.token(**{**where, "client_id": "other"}, token=told["refresh_token"])
    ).status_code == 200
    assert (await place.get("Patient/ann", told["access_token"])).status_code == 200
    assert (await place.token(**where, token=told["refresh_token"])).status_code == 200
    assert (await place.get("Patient/ann", told["access_token"])).status_code == 401
    assert (await place.token(**where, token=other["access_token"])).status_code == 200
    assert (await place.get("Patient/ann", other["access_token"])).status_code == 401
    assert (await place.token(**where, token="nonsense")).status_code == 200
    alone = (
        await place.token(grant_type="client_credentials", scope="system/*.rs", **place.assertion())
    ).json()
    await place.token(path="/oauth/revoke", token=alone["access_token"], **place.assertion())
    assert (await place.get("Patient", alone["access_token"])).status_code == 401


async def test_a_service_acts_on_behalf_of_a_person_within_their_token(place: Town) -> None:
    told = await place.tokens("ann", scope="launch/patient patient/Observation.rs")
    kind = "urn:ietf:params:oauth:token-type:access_token"
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": told["access_token"],
        "subject_token_type": kind,
    }
    made = await place.token(**form, **place.assertion())
    assert made.status_code == 200, made.text
    body = made.json()
    assert (body["issued_token_type"], "refresh_token" in body) == (kind, False)
    assert claims_of(body["access_token"])["act"] == {"sub": "signer"}
    assert ids((await place.get("Observation", body["access_token"])).json()) == ["ann-bp"]
    refusals = {
        "invalid_scope": {"scope": "patient/Condition.rs"},
        "invalid_target": {"audience": "https://other.example"},
        "invalid_request": {"subject_token_type": "urn:x"},
        "invalid_grant": {"subject_token": body["access_token"]},
    }
    for error, over in refusals.items():
        assert (await place.token(**{**form, **over}, **place.assertion())).json()["error"] == error
    assert (await place.token(**form, client_id="charts")).json()["error"] == "unauthorized_client"
    await place.token(path="/oauth/revoke", token=told["access_token"], client_id="charts")
    assert (await place.get("Observation", body["access_token"])).status_code == 401


async def test_an_app_opened_from_a_record_has_that_patient_and_only_for_who_opened_it(place: Town) -> None:
    async with place.server.platform.database.transaction() as tx:
        launch = await store.new_launch(
            tx, client_id="charts", username="elm", patient="cy", expires=place.clock().replace(year=2027)
        )
    scope = "launch openid patient/Observation.rs"
    told = await place.tokens("elm", scope=scope, launch=launch)
    assert told["patient"] == "cy"
    async with place.browser("desk") as browser:
        page = await browser.open(place.question(VERIFIER, scope=scope, launch=launch))
    assert page.status_code == 403
    async with place.browser("elm") as browser:
        answer = await browser.open(place.question(VERIFIER, scope=scope, launch=launch, client_id="other"))
    assert "error=invalid_request" in answer.headers["location"]


async def test_staff_open_an_app_from_a_record_that_they_reach(place: Town) -> None:
    async with place.server.platform.database.transaction() as tx:
        address = "https://charts.example/launch"
        await tx.execute("update oauth_client set launch_uri = $1 where client_id = 'charts'", address)
    async with place.browser("elm") as browser:
        page = await browser.open("/practice/patients/cy/apps")
        assert "Open Charts" in page.text
        assert "form-action 'self' https://charts.example" in page.headers["content-security-policy"]
        form = {"csrf_token": field_of(page.text, "csrf_token")}
        away = await browser.http.post("/practice/patients/cy/apps/charts", data=form)
        told = parse_qs(urlsplit(away.headers["location"]).query)
        assert told["iss"] == [FHIR]
        assert (await browser.http.post("/practice/patients/bob/apps/charts", data=form)).status_code == 404
        assert (await browser.http.post("/practice/patients/cy/apps/other", data=form)).status_code == 404
        assert (await browser.open("/practice/patients/bob/apps")).status_code == 404
    tokens = await place.tokens("elm", scope="launch patient/Patient.rs", launch=told["launch"][0])
    assert tokens["patient"] == "cy"


async def test_staff_cannot_choose_a_patient_out_of_their_reach(place: Town) -> None:
    async with place.browser("elm") as browser:
        page = await browser.open(place.question(VERIFIER, chosen_patient="bob"))
        assert page.status_code == 404
        page = await browser.open(place.question(VERIFIER, chosen_patient="cy"))
        answer = await browser.decide(page, chosen_patient="bob")
        assert answer.status_code == 404


async def test_a_disabled_person_or_client_ends_its_tokens(place: Town) -> None:
    told = await place.tokens("ann")
    database = place.server.platform.database
    async with database.transaction() as tx:
        await tx.execute("update account set enabled = false where username = 'ann'")
    assert (await place.get("Patient/ann", told["access_token"])).status_code == 401
    refreshed = await place.token(
        grant_type="refresh_token", refresh_token=told["refresh_token"], client_id="charts"
    )
    assert refreshed.status_code == 400
    async with database.transaction() as tx:
        await tx.execute("update account set enabled = true where username = 'ann'")
    assert (await place.get("Patient/ann", told["access_token"])).status_code == 200


async def test_the_consent_form_is_ours_alone(place: Town) -> None:
    async with place.browser("ann") as browser:
        page = await browser.open(place.question(VERIFIER))
        assert (await browser.decide(page, csrf_token="guess")).status_code == 403
        assert "form-action 'self' https://charts.example" in page.headers["content-security-policy"]
    async with place.browser("admin") as browser:
        assert (await browser.open(place.question(VERIFIER))).status_code == 403


async def test_every_step_is_in_the_audit_trail(place: Town) -> None:
    before = len(await place.server.events())
    told = await place.tokens("ann")
    await place.get("Patient/ann", told["access_token"])
    events = (await place.server.events())[before:]
    kinds = [event["subtype"][0]["code"] for event in events]
    assert {"login", "allow-app", "token", "read"} <= set(kinds)
    read = events[kinds.index("read", kinds.index("token"))]
    assert read["agent"][0]["altId"] == "ann"
    assert any(agent.get("altId") == "charts" for agent in read["agent"])
