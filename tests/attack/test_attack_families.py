"""The attack pack: each family of attack, tried in at least five ways; each row of a table is a test of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from access_people import ANN, BAND, GP, OAK_GP, STRANGE, observation, person
from api import BASE, SYSTEM, Reply, Server, fresh_database
from joserfc.jwk import ECKey, OctKey
from joserfc.jwt import encode
from oauth_people import CALLBACK, Town, claims_of, town

from carespine.kernel.errors import Unauthenticated
from carespine.security.actor import TREATMENT, Actor
from carespine.security.egress import Egress
from carespine.spine.fhir_api.exchange import Exchange
from carespine.spine.fhir_api.pairs import query_pairs
from carespine.storage.embedded import EmbeddedPostgres

VERIFIER = "v" * 64
BOB = {"reference": "Patient/bob"}
SCOPES = frozenset({"patient/*.cruds"})
ANN_APP = Actor(
    "patient", "ann", "Ann", "patient", patient="ann", client="charts", context="ann", scopes=SCOPES
)
NO_CONTEXT = Actor(
    "practitioner", "gp", "Dr Elm", "general practitioner", "A10001", client="charts", scopes=SCOPES
)
NO_PERSON = Actor("patient", "ghost", "Ghost", "patient", client="charts", scopes=SCOPES)


@pytest.fixture(scope="module")
async def place(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    with fresh_database(postgres) as url:
        async with town(url, tmp_path_factory.mktemp("attack")) as made:
            yield made


async def send(server: Server, actor: Actor, method: str, url: str, body: bytes, **headers: str) -> Reply:
    """A request with a body that is no tree."""
    path, _, query = url.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    exchange = Exchange(
        method, tuple(part for part in path.split("/") if part), tuple(query_pairs(query)),
        {"content-type": "application/fhir+json", **named}, body, actor, TREATMENT, f"{BASE}/fhir",
    )  # fmt: skip
    answer = await server.platform.fhir.answer(exchange)
    return Reply(answer.status, answer.headers, answer.body or b"")


def reveals_bob(reply: Reply) -> bool:
    """Whether an answer holds anything of Bob's: his family name, his secret, or a total that counts him."""
    if reply.status >= 400:
        return b"Bob" in reply.content.replace(b"Patient/bob", b"")
    tree = reply.tree
    text = json.dumps(tree.get("entry", tree if tree.get("resourceType") != "Bundle" else []))
    text = text.replace("There is no Patient/bob", "")
    return '"Bob"' in text or '"secret"' in text or "bob-" in text or "Patient/bob" in text


# Families a to f and v: reading what is out of reach. (family, asker, URL)
READS: list[tuple[str, Actor, str]] = [
    *[("a another patient's id", actor, url) for actor in (ANN, ANN_APP, GP) for url in (
        "Patient/bob", "Patient/bob/_history", "Patient/bob/_history/1", "Observation/bob-bp",
        "Observation/bob-bp/_history/1")],
    *[("b includes", ANN_APP, url) for url in (
        "Observation?_include=Observation:patient", "Organization?_revinclude=Patient:general-practitioner",
        "Organization?_revinclude=Patient:general-practitioner&_revinclude:iterate=Observation:patient",
        "Patient?_revinclude=*:*", "Patient?_revinclude=Observation:patient&_revinclude=Condition:subject",
        "Organization?_include:iterate=*")],
    *[("c inference", ANN_APP, url) for url in (
        "Patient?_has:Observation:patient:code=secret", "Observation?patient.family=bob",
        "Observation?patient.organization=Organization/oak", "Patient?_filter=family eq bob",
        "Patient?_sort=family&_total=accurate", "Observation?code=secret&_total=accurate",
        "Organization?_has:Patient:general-practitioner:family=bob")],
    *[("e without a person or a patient", actor, url) for actor in (NO_CONTEXT, NO_PERSON) for url in (
        "Patient", "Observation", "Patient/bob", "Patient/bob/$everything", "Condition")],
    *[("f system operations", ANN_APP, url) for url in (
        "$export", "Patient/$export", "Group/all/$export", "Patient/bob/$everything",
        "Patient/bob/$everything?_since=2000-01-01", "Observation/$lastn?patient=Patient/bob")],
    *[("i words", ANN_APP, url) for url in (
        "Patient?_content=bob", "Patient?_text=bob", "Observation?_content=secret", "Patient/$graphql?query={id}",
        "$graphql?query={PatientList{id}}", "Observation?_list=bob")],
    *[("s deleted and merged", actor, url) for actor in (ANN_APP, GP) for url in (
        "Patient?active=false", "Patient?link=Patient/bob", "Patient/bob/_history/2", "Patient/$match", "_history")],
    *[("u cursors", ANN_APP, url) for url in (
        "Patient?_cursor=AAAA", "Patient?_cursor=" + "A" * 3000, "Observation?_cursor=eyJhIjoxfQ",
        "Patient?_cursor=%00", "Observation?_offset=-1", "Patient?_page=2&_getpages=x")],
    *[("v amplification", ANN_APP, url) for url in (
        "Observation?_count=999999999", "Observation?_count=-1", "Patient?family:contains=" + "a" * 5000,
        "Observation?code=" + ",".join(["x"] * 3000), "Patient?family=(a%2B)%2B%24",
        "Patient?" + "&".join(["_include:iterate=*"] * 40))],
]  # fmt: skip


@pytest.mark.parametrize(
    ("family", "actor", "url"), READS, ids=lambda value: str(getattr(value, "id", value))[:60]
)
async def test_nothing_out_of_reach_is_read(place: Town, family: str, actor: Actor, url: str) -> None:
    reply = await place.server.ask(actor, "GET", url)
    assert reply.status < 500, reply.content
    assert not reveals_bob(reply), (family, reply.content[:500])


@pytest.mark.parametrize("template", [
    "Patient/{}", "Patient/{}/_history", "Observation?subject=Patient/{}", "Patient?_id={}&_summary=count",
    "Patient/{}/Observation", "Patient/{}/$everything",
])  # fmt: skip
@pytest.mark.parametrize("actor", [ANN, GP, STRANGE], ids=lambda actor: actor.id)
async def test_d_out_of_reach_looks_like_not_there(place: Town, template: str, actor: Actor) -> None:
    there = await place.server.ask(actor, "GET", template.format("bob"))
    nowhere = await place.server.ask(actor, "GET", template.format("nob"))
    told, told_of_nobody = (
        re.sub(rb'"id":"[0-9a-f-]{36}"', b"", reply.content) for reply in (there, nowhere)
    )
    assert (there.status, told.replace(b"bob", b"nob")) == (nowhere.status, told_of_nobody)


def bundle(*entries: tuple[str, str, Any], kind: str = "transaction", **request: str) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {"request": {"method": method, "url": url, **request}, **({"resource": body} if body else {})}
            for method, url, body in entries
        ],
    }


MOVED = {**observation("ann-bp", "bob")}
ESCAPES: list[tuple[str, str, Any]] = [
    ("POST", "", bundle(("GET", "Patient/bob", None))),
    ("POST", "", bundle(("GET", "Patient/bob", None), kind="batch")),
    ("POST", "", bundle(("POST", "Observation", observation("x", "bob")))),
    ("POST", "", bundle(("PUT", "Observation?code=secret", observation("bob-bp", "bob")))),
    ("POST", "", bundle(("DELETE", "Observation?code=secret", None))),
    ("PUT", "Observation?code=secret", observation("x", "ann")),
    ("DELETE", "Observation?patient=Patient/bob", None),
    ("PUT", "Observation/ann-bp", MOVED),
    ("PUT", "Observation/bob-bp", observation("bob-bp", "ann")),
    ("PUT", "Patient/bob", person("bob", "elm")),
    ("POST", "Condition", {"resourceType": "Condition", "subject": BOB}),
]


@pytest.mark.parametrize(("method", "url", "body"), ESCAPES, ids=lambda value: str(value)[:50])
@pytest.mark.parametrize("actor", [ANN_APP, BAND], ids=lambda actor: actor.id)
async def test_g_no_write_escapes(place: Town, actor: Actor, method: str, url: str, body: Any) -> None:
    his = ("Patient/bob", "Observation/bob-bp")
    before = {name: (await place.server.ask(SYSTEM, "GET", name)).content for name in his}
    reply = await place.server.ask(actor, method, url, body)
    assert reply.status < 500
    assert not reveals_bob(reply), reply.content
    for name, content in before.items():
        assert (await place.server.ask(SYSTEM, "GET", name)).content == content
    found = await place.server.ask(SYSTEM, "GET", "Observation?subject=Patient/bob&_summary=count")
    assert found.tree["total"] == 1


@pytest.mark.parametrize("op", [
    [{"op": "replace", "path": "/subject/reference", "value": "Patient/bob"}],
    [{"op": "replace", "path": "/subject", "value": BOB}],
    [{"op": "remove", "path": "/subject"}],
    [{"op": "copy", "from": "/code", "path": "/subject"}],
    [{"op": "replace", "path": "/id", "value": "bob-bp"}],
])  # fmt: skip
async def test_g_a_patch_moves_nothing_to_another_patient(place: Town, op: Any) -> None:
    body = json.dumps(op).encode()
    reply = await send(
        place.server, BAND, "PATCH", "Observation/ann-bp", body, content_type="application/json-patch+json"
    )
    assert 400 <= reply.status < 500
    assert (await place.server.ask(SYSTEM, "GET", "Observation/ann-bp")).tree["subject"][
        "reference"
    ] == "Patient/ann"


@pytest.mark.parametrize("match", ['W/"7"', '"99"', "**", 'W/"x"', 'W/"1", W/"2"', "1; drop table", 'W/"-1"'])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_h_a_stale_or_broken_if_match_changes_nothing(place: Town, method: str, match: str) -> None:
    body = observation("cy-bp", "cy") if method == "PUT" else None
    reply = await place.server.ask(SYSTEM, method, "Observation/cy-bp", body, {"if-match": match})
    assert reply.status in (400, 412)
    assert (await place.server.ask(SYSTEM, "GET", "Observation/cy-bp")).tree["meta"]["versionId"] == "1"


XML = "application/fhir+xml"
_NS = b'<Patient xmlns="http://hl7.org/fhir">'
HOSTILE: list[tuple[str, bytes]] = [
    (XML, b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + _NS + b'<id value="&e;"/></Patient>'),
    (XML, b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + _NS + b'<id value="&b;"/></Patient>'),
    (XML, b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><Patient xmlns="http://hl7.org/fhir"/>'),
    (XML, b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/">%p;]>' + _NS + b"</Patient>"),
    (XML, b"<a>" * 20_000),
    ("application/fhir+json", b'{"resourceType":"Patient","extension":' + b"[" * 50_000),
    ("application/fhir+json", b'{"resourceType":"Patient","multipleBirthInteger":1e400}'),
    ("application/fhir+json", b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 10_000 + b"}"),
    ("application/fhir+json", b'{"resourceType":"Patient","id":"a","resourceType":"Observation"}'),
    ("application/fhir+json", b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}'),
    ("application/fhir+json", b"\xff\xfe{"),
    ("application/fhir+json", b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}'),
]  # fmt: skip


@pytest.mark.parametrize(("media", "body"), HOSTILE, ids=lambda value: str(value)[:40])
async def test_j_hostile_documents_are_refused(place: Town, media: str, body: bytes) -> None:
    reply = await send(place.server, SYSTEM, "POST", "Patient", body, content_type=media)
    assert 400 <= reply.status < 500
    assert b"root:" not in reply.content


SCRIPTS = (
    "<script>alert(1)</script>", '<p onclick="x()">a</p>', '<a href="javascript:x()">a</a>', '<iframe src="x"/>',
    '<img src="http://evil.example/x.png"/>', "<style>p{background:url(x)}</style>", '<object data="x"/>',
    '<form action="x"><input/></form>', '<p style="background:url(javascript:x)">a</p>', "<svg onload='x()'/>",
)  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
async def test_k_script_in_a_narrative_is_refused_or_never_shown(place: Town, script: str) -> None:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{script}</div>'
    tree = {**person("eve", "elm"), "text": {"status": "generated", "div": div}}
    reply = await place.server.ask(SYSTEM, "POST", "Patient", tree)
    active = any(word in script for word in ("script", "onclick", "onload", "iframe", "object", "form"))
    assert reply.status == 422 if active else reply.status < 500


@pytest.mark.parametrize("address", [
    "127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fe80::1", "::ffff:127.0.0.1", "0.0.0.0",  # noqa: S104
    "64:ff9b::7f00:1", "fd00::1", "224.0.0.1",
])  # fmt: skip
def test_l_no_inner_address_is_called(address: str) -> None:
    assert Egress().refusal(address)


@pytest.mark.parametrize("header", [
    {"jku": "https://evil.example/jwks.json"}, {"x5u": "https://evil.example/cert"}, {"jwk": {"kty": "oct", "k": "AA"}},
    {"kid": "../../keys/tokens.jwk"}, {"kid": "' or 1=1 --"}, {"kid": "\x00"}, {"crit": ["x"], "x": 1},
])  # fmt: skip
async def test_l_no_key_is_taken_from_where_a_token_says(place: Town, header: dict[str, Any]) -> None:
    stranger = ECKey.generate_key("P-384", {"kid": "one"})
    good = claims_of(place.assertion()["client_assertion"])
    text = _signed({"alg": "ES384", "kid": "one", **header}, good, stranger)
    kind = place.assertion()["client_assertion_type"]
    answer = await place.token(
        grant_type="client_credentials",
        client_assertion=text,
        client_assertion_type=kind,
        scope="system/*.rs",
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def _signed(header: dict[str, Any], claims: dict[str, Any], key: ECKey) -> str:
    """A JWT with any header at all."""
    head, body = (_b64(json.dumps(part).encode()) for part in (header, claims))
    signed = encode({"alg": "ES384"}, claims, key, algorithms=["ES384"]).split(".")[2]
    return f"{head}.{body}.{signed}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_m_no_token_that_we_did_not_sign_is_read(place: Town) -> None:
    told = await place.tokens("ann")
    tokens, claims = place.server.platform.tokens, claims_of(told["access_token"])
    own = place.server.platform.keys.tokens.current
    public = json.dumps(own.as_dict(private=False)).encode()
    head, body, signature = told["access_token"].split(".")
    confused = _b64(json.dumps({"alg": "HS256", "typ": "at+jwt", "kid": own.kid}).encode())
    mac = _b64(hmac.new(public, f"{confused}.{body}".encode(), hashlib.sha256).digest())
    changed = _b64(json.dumps({**claims, "patient": "bob"}).encode())
    unsigned = _b64(json.dumps({"alg": "none", "typ": "at+jwt"}).encode())
    other = ECKey.generate_key("P-256", {"kid": own.kid})
    forged = [
        f"{unsigned}.{body}.", f"{unsigned}.{body}.{signature}", f"{confused}.{body}.{mac}",
        f"{head}.{changed}.{signature}", f"{head}.{body}.", f"{head}.{body}.{_b64(bytes(64))}",
        encode({"alg": "ES256", "typ": "at+jwt", "kid": own.kid}, claims, other),
        encode({"alg": "ES256", "typ": "JWT", "kid": own.kid}, claims, own),
        encode({"alg": "ES256", "typ": "at+jwt", "kid": own.kid}, {**claims, "aud": "https://x"}, own),
        encode({"alg": "ES256", "typ": "at+jwt", "kid": own.kid}, {**claims, "iss": "https://x"}, own),
        encode({"alg": "HS256", "typ": "at+jwt", "kid": own.kid}, claims, OctKey.import_key(b"k" * 32)),
        told["id_token"], "", "a.b.c", "." * 50, "x" * 20_000,
    ]  # fmt: skip
    for text in forged:
        with pytest.raises(Unauthenticated):
            await tokens.actor(text)
        assert (await place.get("Patient/ann", text or "-")).status_code == 401 if text.isascii() else True


async def test_n_assertions_and_proofs_work_once_in_any_worker(place: Town) -> None:
    import asyncio

    form = {"grant_type": "client_credentials", "scope": "system/*.rs", **place.assertion()}
    answers = await asyncio.gather(*(place.token(**form) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401, 401]


@pytest.mark.parametrize("audience", [
    BASE, f"{BASE}/", f"{BASE}/fhir", f"{BASE}/oauth/token/", f"{BASE}/oauth/introspect", "https://other.example/token",
    [f"{BASE}/oauth/token", "https://other.example"], "", None,
])  # fmt: skip
async def test_o_an_assertion_for_another_audience_is_refused(place: Town, audience: Any) -> None:
    answer = await place.token(grant_type="client_credentials", **place.assertion(aud=audience))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("over", [
    {"code_challenge": None}, {"code_challenge_method": None}, {"code_challenge_method": "plain"},
    {"code_challenge_method": "s256"}, {"code_challenge": "x" * 42}, {"code_challenge": "!" * 43},
    {"code_challenge": ""},
])  # fmt: skip
async def test_p_there_is_no_way_round_pkce(place: Town, over: dict[str, Any]) -> None:
    async with place.browser("ann") as browser:
        answer = await browser.open(place.question(VERIFIER, **over))
    assert "error=invalid_request" in answer.headers["location"]


@pytest.mark.parametrize("again", [{}, {"client_id": "other"}, {"redirect_uri": f"{CALLBACK}/"},
                                   {"code_verifier": "w" * 64}, {"client_id": "clinic"}])  # fmt: skip
async def test_q_a_code_that_was_used_is_worth_nothing_to_anybody(place: Town, again: dict[str, Any]) -> None:
    code = await place.let_in("ann")
    assert (await place.redeem(code)).status_code == 200
    assert (await place.redeem(code, **again)).status_code in (400, 401)


@pytest.mark.parametrize("scope", ["patient/*.cruds", "user/*.rs", "system/*.rs", "patient/Condition.rs",
                                   "patient/Observation.rs offline_access launch"])  # fmt: skip
async def test_r_a_refresh_never_widens(place: Town, scope: str) -> None:
    told = await place.tokens("ann", scope="launch/patient offline_access patient/Observation.rs")
    form = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"], "client_id": "charts"}
    answer = await place.token(**form, scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(("actor", "method", "url"), [
    (ANN, "GET", "Patient/bob"), (OAK_GP, "GET", "Observation/ann-bp"), (ANN_APP, "GET", "Patient/bob/$everything"),
    (BAND, "DELETE", "Observation/bob-bp"), (STRANGE, "GET", "Patient/ann"), (ANN, "DELETE", "Patient/ann"),
])  # fmt: skip
async def test_t_each_attempt_is_on_record(place: Town, actor: Actor, method: str, url: str) -> None:
    before = len(await place.server.events())
    await place.server.ask(actor, method, url)
    event = (await place.server.events())[before]
    assert (event["outcome"], event["agent"][0]["altId"]) == ("4", actor.id)


@pytest.mark.parametrize("path", ["bob", "nob", "..%2f..", "bob%00", "' or 1=1"])
async def test_w_an_upload_for_a_patient_of_others_is_refused(place: Town, path: str) -> None:
    told = await place.tokens("ann", scope="launch/patient patient/*.cruds")
    answer = await place.server.http.post(
        f"/devices/patients/{path}/imports",
        content=b"x",
        headers={
            "authorization": f"Bearer {told['access_token']}",
            "idempotency-key": "k",
            "content-type": "application/zip",
        },
    )
    assert 400 <= answer.status_code < 500
