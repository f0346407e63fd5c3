"""Generated hostility: whatever comes, the answer is below 500 and says what is wrong as an OperationOutcome."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from api import FHIR, JSON, Server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carespine.fhir import json_text

VALID = {
    "resourceType": "Observation",
    "id": "x",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}], "text": "wéight \U0001f600"},
    "effectiveDateTime": "2026-01-01T10:00:00Z",
    "valueQuantity": {"value": 70.50, "unit": "kg"},
    "component": [{"code": {"text": "c"}, "valueInteger": 1}],
}
TEXT = json_text.write(VALID)
BUNDLE = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {"fullUrl": "urn:uuid:1", "resource": VALID, "request": {"method": "PUT", "url": "Observation/x"}}
    ],
}
TOKENS = [
    b"", b"{", b"}", b"[", b"]", b'"', b",", b":", b"null", b"1e999", b"-0", b"0" * 400, b"9" * 400, b"NaN",
    b"\\ud800", b"\\u0000", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"resourceType":"Patient",',
    b'"id":"y",', b'{"a":' * 300, b"[" * 5_000, b'"extension":[{"url":"x"}],', b'"_status":{"id":"a"},',
]  # fmt: skip
PLACES = ("POST Observation", "PUT Observation/x", "POST ", "PATCH Observation/x", "POST Patient/x/$meta-add")
LIMITS = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A valid body with a few cuts, insertions and exchanged bytes."""
    body = bytearray(draw(st.sampled_from([TEXT, json_text.write(BUNDLE)])))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 30)))
        body[start:end] = draw(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8)))
    return bytes(body)


def looked_at(reply: httpx.Response) -> None:
    assert reply.status_code < 500, (reply.status_code, reply.text[:500])
    if reply.status_code >= 400 and reply.request.method != "HEAD":
        outcome = reply.json()
        assert outcome["resourceType"] == "OperationOutcome"
        assert outcome["issue"][0]["severity"] == "error"
        assert outcome["issue"][0]["diagnostics"]


def send(on_a_loop: Any, method: str, url: str, body: Any = None, **headers: str) -> httpx.Response:
    run, server = on_a_loop
    reply: httpx.Response = run(server.request(method, url, body, **headers))
    looked_at(reply)
    return reply


def test_broken_bodies_are_refused(on_a_loop: Any, is_long: bool) -> None:
    @settings(max_examples=5_000 if is_long else 60, **LIMITS)
    @given(body=broken(), place=st.sampled_from(PLACES), media=st.sampled_from(["json", "json-patch", "xml"]))
    def attack(body: bytes, place: str, media: str) -> None:
        method, url = place.split(" ")
        kind = "application/json-patch+json" if media == "json-patch" else f"application/fhir+{media}"
        send(on_a_loop, method, url, body, content_type=kind)

    attack()


def test_any_json_at_all_is_refused_or_stored(on_a_loop: Any, is_long: bool) -> None:
    names = st.sampled_from(
        [*VALID, "extension", "contained", "meta", "text", "_status", "x", "", "__proto__"]
    )
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    trees = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=8,
    )

    @settings(max_examples=5_000 if is_long else 40, **LIMITS)
    @given(changes=st.dictionaries(names, trees, min_size=1, max_size=3))
    def attack(changes: dict[str, Any]) -> None:
        body = json.dumps({**VALID, **changes}).encode("utf-8", "surrogatepass")
        send(on_a_loop, "PUT", "Observation/x", body)

    attack()


def test_any_query_is_answered(on_a_loop: Any, is_long: bool) -> None:
    codes = [
        "code",
        "date",
        "subject",
        "value-quantity",
        "combo-code-value-quantity",
        "_id",
        "_lastUpdated",
        "_sort",
    ]
    codes += [
        "_count",
        "_include",
        "_revinclude",
        "_has:Patient:x:y",
        "_elements",
        "_summary",
        "_total",
        "_filter",
    ]
    codes += [
        "_cursor",
        "_format",
        "subject.name",
        "subject:Patient.birthdate",
        "_list",
        "_text",
        "near",
        "_type",
    ]
    modifiers = ["", ":missing", ":not", ":exact", ":in", ":of-type", ":iterate", ":Patient", ":x", ":"]
    odd = [
        "",
        "|",
        "||",
        ",",
        "\\",
        "$",
        "ge",
        "ge2026-13",
        "9" * 300,
        "1e400",
        "\x00",
        "*",
        "Patient/",
        "a:b:c",
        "%",
    ]
    values = (
        st.sampled_from(odd)
        | st.text(max_size=12)
        | st.sampled_from(["2026", "true", "5.4|x|kg", "Patient/x"])
    )
    pairs = st.tuples(st.sampled_from(codes), st.sampled_from(modifiers), values)

    @settings(max_examples=5_000 if is_long else 60, **LIMITS)
    @given(
        asked=st.lists(pairs, min_size=1, max_size=3),
        url=st.sampled_from(["Observation", "Patient/x/_history"]),
    )
    def attack(asked: list[tuple[str, str, str]], url: str) -> None:
        query = httpx.QueryParams([(f"{code}{modifier}", value) for code, modifier, value in asked])
        send(on_a_loop, "GET", f"{url}?{query}")

    attack()


HEADERS = (
    "accept", "content-type", "content-encoding", "if-match", "if-none-match", "if-modified-since", "if-none-exist",
    "prefer", "authorization", "x-request-id", "accept-encoding", "content-length", "traceparent", "cookie", "origin",
)  # fmt: skip


def test_any_header_is_answered(on_a_loop: Any, is_long: bool) -> None:
    odd = [
        b"",
        b"\xff\xfe",
        b"," * 2_000,
        b";q=",
        b"W/",
        b'W/"' + b"9" * 500 + b'"',
        b"*",
        b"q=0;" * 500,
        b"Bearer ",
    ]
    odd += [
        b"application/fhir+json; charset=",
        b"identity, gzip",
        b"=?;&%00",
        b"Fri, 99 Foo 99999 99:99:99",
        b"-1",
    ]

    @settings(max_examples=3_000 if is_long else 50, **LIMITS)
    @given(
        given_headers=st.dictionaries(
            st.sampled_from(HEADERS), st.sampled_from(odd) | st.binary(max_size=20), min_size=1, max_size=3
        ),
        method=st.sampled_from(["GET", "PUT", "HEAD", "DELETE", "OPTIONS"]),
    )
    def attack(given_headers: dict[str, bytes], method: str) -> None:
        run, server = on_a_loop
        body = TEXT if method == "PUT" else None
        headers = {"content-type": b"application/fhir+json", **given_headers}
        looked_at(run(server.http.request(method, "/fhir/Observation/x", content=body, headers=headers)))

    attack()


def _many(**elements: Any) -> dict[str, Any]:
    return {**VALID, **elements}


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        pytest.param("POST", "Observation", _many(note=[{"text": "x"}] * 100_000), id="100,000 notes"),
        pytest.param(
            "POST", "Observation", _many(identifier=[{"value": "1"}] * 10_000), id="10,000 identifiers"
        ),
        pytest.param(
            "POST", "Observation", _many(category=[{"text": str(n)} for n in range(10_000)]), id="categories"
        ),
        pytest.param("POST", "", {**BUNDLE, "entry": [{}] * 100_000}, id="100,000 empty entries"),
        pytest.param("POST", "", {**BUNDLE, "type": "batch", "entry": [{}] * 5_000}, id="a batch of nothing"),
        pytest.param("POST", "Observation", _many(code={"text": "x" * 5_000_000}), id="a text of 5 MB"),
        pytest.param(
            "POST", "Observation", _many(code={"coding": [{"code": "c" * 300_000}]}), id="a code of 300 kB"
        ),
        pytest.param("PUT", f"Observation/{'a' * 10_000}", VALID, id="an id of 10 kB"),
        pytest.param("GET", f"Observation/x/_history/{'9' * 10_000}", None, id="a version of 10 kB"),
        pytest.param("GET", f"Observation?code={'c' * 15_000}", None, id="a code of 15 kB"),
        pytest.param("GET", "Observation?" + "&".join(["code=x"] * 199), None, id="199 conditions"),
        pytest.param("GET", "Observation?" + "&".join(["code=x"] * 2_000), None, id="2,000 conditions"),
        pytest.param("GET", f"Observation?code={','.join(['x'] * 5_000)}", None, id="5,000 values"),
        pytest.param("GET", "Observation?_count=" + "9" * 400, None, id="a count of 400 digits"),
        pytest.param("GET", f"Observation?{'subject.' * 200}name=x", None, id="a chain of 200"),
        pytest.param("GET", "/".join(["Patient"] * 2_000), None, id="2,000 segments"),
        pytest.param(
            "PATCH", "Observation/x", [{"op": "test", "path": "/a" * 9_999, "value": 1}], id="a pointer"
        ),
    ],
)
def test_what_is_enormous_is_answered(on_a_loop: Any, method: str, url: str, body: Any) -> None:
    media = "application/json-patch+json" if method == "PATCH" else JSON["content-type"]
    send(on_a_loop, method, url, body, content_type=media)
    run, server = on_a_loop
    assert run(_still_there(server))


async def _still_there(server: Server) -> bool:
    return (await server.http.get(f"{FHIR}/metadata")).status_code == 200
