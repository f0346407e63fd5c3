"""Input that is broken, hostile or strange: always a 4xx with a reason, never a 5xx."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from api import Server

NUL = b"\\u0000"


def _patient(inner: bytes) -> bytes:
    return b'{"resourceType":"Patient",' + inner + b"}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="one brace"),
        pytest.param(b'{"resourceType":"Patient"', id="truncated"),
        pytest.param(b'{"resourceType":"Patient"}}', id="trailing brace"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"Patient"', id="string"),
        pytest.param(b"1", id="number"),
        pytest.param(b"{}", id="no type"),
        pytest.param(b'{"resourceType":1}', id="type is a number"),
        pytest.param(b'{"resourceType":["Patient"]}', id="type is an array"),
        pytest.param(b'{"resourceType":"Nonsense"}', id="unknown type"),
        pytest.param(b'{"resourceType":"Resource"}', id="abstract type"),
        pytest.param(b'\xef\xbb\xbf{"resourceType":"Patient"}', id="byte order mark"),
        pytest.param(b"[" * 100_000, id="deep array"),
        pytest.param(b'{"a":' * 100_000, id="deep object"),
        pytest.param(
            _patient(b'"extension":[{"url":"x",' * 2_000 + b'"valueString":"x"' + b"}]" * 2_000),
            id="deep extensions",
        ),
        pytest.param(_patient(b'"multipleBirthInteger":NaN'), id="NaN"),
        pytest.param(_patient(b'"multipleBirthInteger":Infinity'), id="Infinity"),
        pytest.param(_patient(b'"multipleBirthInteger":1e400'), id="huge exponent"),
        pytest.param(_patient(b'"multipleBirthInteger":' + b"9" * 5_000), id="huge integer"),
        pytest.param(_patient(b'"multipleBirthInteger":2147483648'), id="33 bits"),
        pytest.param(_patient(b'"multipleBirthInteger":1.0'), id="fraction where an integer belongs"),
        pytest.param(_patient(b'"multipleBirthInteger":01'), id="leading zero"),
        pytest.param(_patient(b'"gender":"male","gender":"female"'), id="duplicate key"),
        pytest.param(_patient(b'"gender" : "male" , "gender" : "female"'), id="duplicate key with spaces"),
        pytest.param(_patient(b'"\\u0067ender":"male","gender":"female"'), id="duplicate key, escaped"),
        pytest.param(_patient(b'"name":[{"family":"\xff\xfe"}]'), id="not UTF-8"),
        pytest.param(_patient(b'"name":[{"family":"\xed\xa0\x80"}]'), id="surrogate in UTF-8"),
        pytest.param(_patient(b'"name":[{"family":"\xc0\x80"}]'), id="overlong NUL"),
        pytest.param(_patient(b'"name":[{"family":"\\ud800"}]'), id="lone high surrogate"),
        pytest.param(_patient(b'"name":[{"family":"\\udc00"}]'), id="lone low surrogate"),
        pytest.param(_patient(b'"name":[{"family":"' + NUL + b'"}]'), id="NUL in a string"),
        pytest.param(_patient(b'"name":[{"family":"\x00"}]'), id="raw NUL in a string"),
        pytest.param(_patient(b'"name":[{"family":"a\x1fb"}]'), id="raw control character"),
        pytest.param(_patient(b'"name":[{"family":""}]'), id="empty string"),
        pytest.param(_patient(b'"name":[]'), id="empty array"),
        pytest.param(_patient(b'"name":[{}]'), id="empty object"),
        pytest.param(_patient(b'"name":null'), id="null value"),
        pytest.param(_patient(b'"name":{"family":"A"}'), id="object where an array belongs"),
        pytest.param(_patient(b'"birthDate":"0000-01-01"'), id="year 0"),
        pytest.param(_patient(b'"birthDate":"10000-01-01"'), id="year 10000"),
        pytest.param(_patient(b'"__proto__":{"x":1}'), id="unknown element"),
        pytest.param(_patient(b'"contained":[{"resourceType":"Nonsense"}]'), id="contained nonsense"),
    ],
)
async def test_a_broken_body_is_refused_with_its_reason(reading: Server, body: bytes) -> None:
    for method, url in (("POST", "Patient"), ("PUT", "Patient/x"), ("POST", "")):
        reply = await reading.request(method, url, body)
        assert reply.status_code in (400, 422), reply.text
        outcome = reply.json()
        assert outcome["resourceType"] == "OperationOutcome"
        assert outcome["issue"][0]["diagnostics"]
    assert await reading.found("Patient") == ["ann"]


@pytest.mark.parametrize(
    "tree",
    [
        {"resourceType": "ValueSet", "status": "draft", "url": "http://a\0b"},
        {
            "resourceType": "Consent",
            "status": "active",
            "scope": {"text": "privacy"},
            "category": [{"text": "sharing"}],
            "policyRule": {"text": "opt in"},
            "provision": {
                "type": "permit",
                "class": [{"code": "a\0b"}],
                "actor": [{"role": {"text": "x"}, "reference": {"identifier": {"value": "app"}}}],
            },
        },
    ],
)
async def test_a_text_that_the_database_cannot_hold_is_refused(reading: Server, tree: dict[str, Any]) -> None:
    reply = await reading.post(tree["resourceType"], tree)
    assert reply.status_code in (400, 422), reply.text
    assert (await reading.get(f"{tree['resourceType']}?_summary=count")).json()["total"] == 0


async def test_strange_but_legal_text_is_stored_as_it_is_and_found(server: Server) -> None:
    names = [
        "%",
        "_",
        "\\",
        "\\%",
        "a%b_c\\d",
        "'; drop table resource; --",
        "\ud7ff",
        "\U0010ffff",
        "\U0010ffff" * 9,
    ]
    names += [
        "x\U0010ffff",
        "\u200b",
        "\ufffe",
        "é",
        "e\u0301",
        "ß",
        "İ",
        "ﷺ",
        "🙂",
        "\u202e",
        "a\tb",
        "O'Brien",
        "|",
        ",",
        "$",
    ]
    for position, name in enumerate(names):
        tree = {"resourceType": "Patient", "id": f"p{position}", "name": [{"family": name}]}
        stored = await server.write(f"Patient/p{position}", tree)
        assert stored.status_code == 201, (name, stored.text)
        assert (await server.get(f"Patient/p{position}")).json()["name"] == tree["name"]
        escaped = name
        for special in ("\\", ",", "$", "|"):
            escaped = escaped.replace(special, f"\\{special}")
        for modifier in ("", ":exact", ":contains"):
            found = await server.found(f"Patient?family{modifier}={quote(escaped)}&_count=100")
            assert f"p{position}" in found, (name, modifier)
    exact = await server.found(f"Patient?family:contains={quote('%')}")
    assert exact == ["p0", "p3"]


async def test_a_value_of_a_megabyte_is_stored_and_found_by_its_beginning(server: Server) -> None:
    long = "Wolfeschlegelsteinhausenbergerdorff" * 20_000
    tree: dict[str, Any] = {"resourceType": "Patient", "id": "long", "name": [{"family": long}]}
    tree["identifier"] = [{"system": "http://a.example/" + "s" * 5_000, "value": "v" * 5_000}]
    assert (await server.write("Patient/long", tree)).status_code == 201
    assert await server.found(f"Patient?family={long[:3000].lower()}") == ["long"]
    url = "http://a.example/" + "u" * 5_000
    valueset = {"resourceType": "ValueSet", "id": "v", "status": "draft", "url": url}
    assert (await server.write("ValueSet/v", valueset)).status_code == 201
    assert await server.found(f"ValueSet?url={url}") == ["v"]
    assert await server.found("ValueSet?url:below=http://a.example") == ["v"]


@pytest.mark.parametrize("day", ["0001-01-01", "0001", "9999-12-31", "9999", "9999-12", "2024-02-29"])
@pytest.mark.parametrize("end", ["9999-12-31T23:59:59-14:00", "9999-12-31", "2024-12-31T23:59:60Z"])
async def test_the_first_and_last_days_of_the_calendar_are_stored_and_found(
    dates: Server, day: str, end: str
) -> None:
    patient = {"resourceType": "Patient", "id": "p", "birthDate": day}
    encounter = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "planned",
        "class": {"code": "AMB"},
        "period": {"start": "0001-01-01T00:00:00+14:00", "end": end},
    }
    consent = {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "scope": {"text": "privacy"},
        "category": [{"text": "sharing"}],
        "patient": {"reference": "Patient/p"},
        "policyRule": {"text": "opt in"},
        "provision": {
            "type": "permit",
            "period": {"start": "0001-01-01T00:00:00+14:00", "end": end},
            "actor": [{"role": {"text": "x"}, "reference": {"identifier": {"value": "app"}}}],
        },
    }
    for tree in (patient, encounter, consent):
        reply = await dates.write(f"{tree['resourceType']}/{tree['id']}", tree)
        assert reply.status_code in (200, 201), reply.text
    assert await dates.found(f"Patient?birthdate={day}") == ["p"]
    assert await dates.found("Encounter?date=gt1900") == ["e"]


@pytest.mark.parametrize("code", ["birthdate", "_lastUpdated"])
@pytest.mark.parametrize("prefix", ["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
async def test_a_date_at_the_edge_of_the_calendar_can_be_asked_for(
    reading: Server, code: str, prefix: str
) -> None:
    for date in (
        "0001",
        "0001-01-01T00:00:00%2B14:00",
        "9999",
        "9999-12-31",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:60Z",
        "2024-02-29",
    ):
        reply = await reading.get(f"Patient?{code}={prefix}{date}")
        assert reply.status_code == 200, reply.text
    for date in (
        "0000",
        "2023-02-29",
        "10000",
        "2024-13",
        "yesterday",
        "2024-01-01T24:00:00Z",
        "",
        "１９９９",
    ):
        reply = await reading.get(f"Patient?{code}={prefix}{quote(date)}")
        assert reply.status_code == 400, (date, reply.text)


@pytest.mark.parametrize(
    "query",
    [
        "_id=%00",
        "family=a%00b",
        "family:exact=%00",
        "family:contains=%01",
        "identifier=%00|x",
        "identifier=a|b|c",
        "name=%ff",
        "name=%ed%a0%80",
        "name",
        "name=",
        "name=,",
        "=x",
        "&".join("name=a" for _ in range(201)),
        "unknown=1",
        "name:unknown=1",
        "name:=1",
        "Name=1",
        "birthdate:exact=2000",
        "gender:missing=maybe",
        "_count=-1",
        "_count=x",
        "_count=9999999999",
        "_count=1&_count=2",
        "_sort=unknown",
        "_sort=",
        "_sort=-",
        "_total=some",
        "_summary=most",
        "_elements=unknown",
        "_include=Patient",
        "_include=Patient:name",
        "_include=Nonsense:subject",
        "_include:often=Patient:organization",
        "_revinclude=*",
        "_revinclude:iterate=*",
        "_revinclude=Observation",
        "_revinclude=Observation:code",
        "_has:Observation",
        "_has:Observation:patient",
        "_has:Observation:code:code=1",
        "_has:Nonsense:patient:code=1",
        "general-practitioner.nonsense=1",
        "name.given=1",
        "organization.partof.partof.partof.partof.partof.partof.name=x",
        "_contained=true",
        "_text=",
        "_text=(ann",
        "_text=ann+or",
        "_text:missing=true",
        '_content="ann',
        "_content=)",
        "_filter=",
        "_filter=name",
        "_filter=name+eq",
        "_filter=name+eq+ann+or",
        "_filter=name+eq+ann+xor+name+eq+b",
        "_filter=(name+eq+ann",
        "_filter=not+name+eq+ann",
        "_filter=name+gg+ann",
        "_filter=gender+gt+male",
        "_filter=birthdate+co+1980",
        "_filter=birthdate+ge+yesterday",
        "_filter=nonsense+eq+1",
        "_filter=gender.name+eq+1",
        "_filter=organization[name+eq+x]+eq+1",
        "_filter=organization[name+eq+x.name+eq+1",
        "_filter=name+pr+maybe",
        '_filter=name+eq+"ann',
        "_list=",
        "_list=a/b",
        "_list=$current-problems",
        "gender:in=http://a.example/unknown",
        "gender:in=ValueSet/unknown",
        "gender:below=male",
        "gender:above=http://a.example/unknown|x",
        "general-practitioner:below=Practitioner/1",
        "birthdate=2020-01-01T00:00:00%2B99:99",
        "birthdate=2020-01-01T00:00:00%2B14:01",
        "language:in=http://a",
        "gender:above=x",
        "general-practitioner=a/b/c/d",
        "_cursor=x",
        "_lastUpdated=x",
    ],
)
async def test_a_malformed_search_is_refused_and_never_answered_unfiltered(
    reading: Server, query: str
) -> None:
    reply = await reading.get(f"Patient?{query}")
    assert reply.status_code == 400, reply.text
    assert reply.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("resource_type", "query"),
    [
        ("Observation", "value-quantity=x"),
        ("Observation", "value-quantity=1|2"),
        ("Observation", "value-quantity=NaN"),
        ("Observation", "value-quantity=1e999"),
        ("Observation", "value-quantity=1_000"),
        ("Observation", "value-quantity=gt"),
        ("Observation", "code-value-quantity=1"),
        ("Observation", "code-value-quantity=a$b$c"),
        ("RiskAssessment", "probability=one"),
        ("RiskAssessment", "probability=Infinity"),
        ("Location", "near=1"),
        ("Location", "near=91|0"),
        ("Location", "near=0|181"),
        ("Location", "near=0|0|-1"),
        ("Location", "near=0|0|1|parsec"),
        ("Location", "near=NaN|0"),
        ("ValueSet", "url=a b"),
        ("Encounter", "length=1|http://unitsofmeasure.org"),
    ],
)
async def test_a_malformed_number_unit_or_place_is_refused(
    reading: Server, resource_type: str, query: str
) -> None:
    assert (await reading.get(f"{resource_type}?{query}")).status_code == 400


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"name=%ff", "application/x-www-form-urlencoded", 400),
        (b"name=\xff", "application/x-www-form-urlencoded", 400),
        (b"name=%00", "application/x-www-form-urlencoded", 400),
        (b"unknown=1", "application/x-www-form-urlencoded", 400),
        (b"name=abel", "application/fhir+json", 415),
        (b"name=abel", "multipart/form-data", 415),
        (b"name=abel", "application/x-www-form-urlencoded; charset=utf-8", 200),
        (b"", "", 200),
    ],
)
async def test_the_form_of_a_search_is_checked(
    reading: Server, body: bytes, content_type: str, status: int
) -> None:
    reply = await reading.post("Patient/_search", body, content_type=content_type)
    assert reply.status_code == status, reply.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-length", "x"),
        ("content-length", "-1"),
        ("content-length", "²"),
        ("content-length", "99999999999999999999"),
        ("content-encoding", "gzip"),
        ("if-none-exist", ""),
        ("if-none-exist", "unknown=1"),
        ("if-none-exist", "name=%00"),
        ("if-none-exist", "_count=1"),
        ("if-none-exist", "name=%ff"),
    ],
)
async def test_a_strange_header_is_refused(reading: Server, name: str, value: str) -> None:
    body = json.dumps({"resourceType": "Basic", "code": {"text": "x"}}).encode()
    headers = {"content-type": "application/fhir+json", name: value.encode("latin-1")}
    reply = await reading.http.post("/fhir/Basic", content=body, headers=headers)
    assert reply.status_code in (400, 413, 415), reply.text


@pytest.mark.parametrize(
    "query",
    [
        "_since=x",
        "_since=",
        "_since=%00",
        "_at=2024-02-30",
        "_count=x",
        "_count=-1",
        "_offset=x",
        "_count=²",
        "unknown=1",
        "_sort=_id",
    ],
)
async def test_a_malformed_history_is_refused(reading: Server, query: str) -> None:
    assert (await reading.get(f"Patient/ann/_history?{query}")).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "_since=0001",
        "_since=0001-01-01T00:00:00%2B14:00",
        "_since=9999",
        "_at=9999",
        "_at=0001",
        "_since=9999-12-31T23:59:60-14:00",
        "_count=0",
        "_count=999999999",
        "_at=9999-12-31T23:59:59-14:00",
    ],
)
async def test_a_history_at_the_edge_of_the_calendar_is_answered(reading: Server, query: str) -> None:
    reply = await reading.get(f"Patient/ann/_history?{query}")
    assert reply.status_code == 200, reply.text


def test_the_cases_above_are_what_they_say() -> None:
    """A NUL that JSON escapes is one character once it is read."""
    assert json.loads(b'"' + NUL + b'"') == "\x00"
