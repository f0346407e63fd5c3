"""Create, read, update, delete: status, headers and body of every case, from outside."""

from __future__ import annotations

from decimal import Decimal

import pytest
from api import FHIR, JSON, Server, serving

ANN = {
    "resourceType": "Patient",
    "id": "ann",
    "name": [{"family": "Abel", "given": ["Ann"]}],
    "gender": "female",
}
SECURITY_HEADERS = {
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "permissions-policy",
    "cache-control",
    "x-request-id",
}


async def test_a_create_gives_a_new_id_and_says_where_the_resource_is(server: Server) -> None:
    made = await server.post("Patient", ANN)
    assert made.status_code == 201
    tree = made.json()
    assert tree["id"] != "ann"
    assert tree["meta"]["versionId"] == "1"
    assert made.headers["location"] == f"{FHIR}/Patient/{tree['id']}/_history/1"
    assert made.headers["etag"] == 'W/"1"'
    assert "last-modified" in made.headers
    assert (await server.get(f"Patient/{tree['id']}")).json() == tree


async def test_an_update_creates_then_replaces_and_keeps_every_version(server: Server) -> None:
    assert (await server.write("Patient/ann", ANN)).status_code == 201
    changed = await server.write("Patient/ann", {**ANN, "gender": "other"})
    assert changed.status_code == 200
    assert changed.headers["etag"] == 'W/"2"'
    assert (await server.get("Patient/ann")).json()["gender"] == "other"
    assert (await server.get("Patient/ann/_history/1")).json()["gender"] == "female"


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('W/"1"', 412),
        ('W/"2"', 200),
        ('"2"', 200),
        ('W/"3"', 412),
        ('W/"999999999"', 412),
        ("2", 400),
        ("*", 200),
        ('W/"x"', 400),
    ],
)
async def test_if_match_lets_only_the_current_version_be_replaced(
    server: Server, if_match: str, status: int
) -> None:
    await server.write("Patient/ann", ANN)
    await server.write("Patient/ann", {**ANN, "gender": "other"})
    assert (await server.write("Patient/ann", ANN, if_match=if_match)).status_code == status
    deleted = await server.request("DELETE", "Patient/ann", if_match=if_match if status != 200 else 'W/"3"')
    assert deleted.status_code == (status if status != 200 else 204)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**ANN, "id": "bob"}, 400),
        ({key: value for key, value in ANN.items() if key != "id"}, 400),
        ({"resourceType": "Observation", "id": "ann"}, 400),
        ({**ANN, "gender": "purple"}, 422),
        ({**ANN, "colour": "red"}, 422),
        ({**ANN, "birthDate": "2023-02-30"}, 422),
        (
            {**ANN, "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000001"}]},
            422,
        ),
    ],
)
async def test_an_update_that_contradicts_its_url_or_r4_is_refused(
    server: Server, body: dict[str, object], status: int
) -> None:
    reply = await server.write("Patient/ann", body)
    assert reply.status_code == status
    assert reply.json()["resourceType"] == "OperationOutcome"
    assert reply.json()["issue"][0]["diagnostics"]
    assert (await server.get("Patient/ann")).status_code == 404


async def test_a_deleted_resource_is_gone_keeps_its_history_and_can_come_back(server: Server) -> None:
    await server.write("Patient/ann", ANN)
    first = await server.request("DELETE", "Patient/ann")
    assert (first.status_code, first.content, first.headers["etag"]) == (204, b"", 'W/"2"')
    assert (await server.request("DELETE", "Patient/ann")).status_code == 204
    assert (await server.request("DELETE", "Patient/never-was")).status_code == 204
    gone = await server.get("Patient/ann")
    assert (gone.status_code, gone.headers["etag"]) == (410, 'W/"2"')
    assert (await server.get("Patient/ann/_history/2")).status_code == 410
    assert (await server.get("Patient/ann/_history/1")).status_code == 200
    assert await server.found("Patient?name=abel") == []
    history = (await server.get("Patient/ann/_history")).json()
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "PUT"]
    assert "resource" not in history["entry"][0]
    back = await server.write("Patient/ann", ANN)
    assert (back.status_code, back.headers["etag"]) == (201, 'W/"3"')
    assert await server.found("Patient?name=abel") == ["ann"]


async def test_a_reader_that_has_the_version_already_is_told_so(server: Server) -> None:
    await server.write("Patient/ann", ANN)
    read = await server.get("Patient/ann")
    modified = read.headers["last-modified"]
    cases = [
        ({"if_none_match": 'W/"1"'}, 304),
        ({"if_none_match": 'W/"2"'}, 200),
        ({"if_none_match": "nonsense"}, 200),
        ({"if_none_match": 'W/"7", W/"1"'}, 304),
        ({"if_none_match": '"1"'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_modified_since": modified}, 304),
        ({"if_modified_since": "Fri, 31 Dec 9999 23:59:59 GMT"}, 304),
        ({"if_modified_since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
        ({"if_modified_since": "the day before yesterday"}, 200),
        ({"if_modified_since": "Fri, 31 Dec 9999 23:59:59 -2359"}, 304),
        ({"if_modified_since": "Mon, 01 Jan 0001 00:00:00 +2359"}, 200),
        ({"if_none_match": 'W/"2"', "if_modified_since": modified}, 200),
    ]
    for headers, status in cases:
        reply = await server.get("Patient/ann", **headers)
        assert reply.status_code == status, headers
        assert reply.headers["etag"] == 'W/"1"'
        assert bool(reply.content) == (status == 200)


async def test_a_version_that_the_reader_has_is_not_sent_again(reading: Server) -> None:
    for url in ("Patient/ann", "Patient/ann/_history/1"):
        assert (await reading.get(url, if_none_match='W/"1"')).status_code == 304
        assert (await reading.get(url, if_none_match='W/"2"')).status_code == 200


async def test_a_put_that_may_only_create_replaces_nothing(server: Server) -> None:
    assert (await server.write("Patient/ann", ANN, if_none_match="*")).status_code == 201
    assert (await server.write("Patient/ann", ANN, if_none_match="*")).status_code == 412
    assert (await server.get("Patient/ann")).headers["etag"] == 'W/"1"'
    await server.request("DELETE", "Patient/ann")
    assert (await server.write("Patient/ann", ANN, if_none_match="*")).status_code == 201


async def test_what_a_client_says_of_version_and_time_is_replaced_and_the_rest_is_kept(
    server: Server,
) -> None:
    tag, label = {"system": "http://a", "code": "t"}, {"system": "http://a", "code": "s"}
    meta = {"versionId": "77", "lastUpdated": "1999-01-01T00:00:00Z", "tag": [tag], "security": [label]}
    for reply in (
        await server.post("Patient", {**ANN, "meta": meta}),
        await server.write("Patient/ann", {**ANN, "meta": meta}),
    ):
        made = reply.json()["meta"]
        assert made["versionId"] == "1"
        assert made["lastUpdated"] > "2020"
        assert (made["tag"], made["security"]) == ([tag], [label])


@pytest.mark.parametrize("resource_id", ["a_b", "a" * 65, "%C3%A9", "a%20b", "%00"])
async def test_an_id_that_cannot_be_one_is_not_created(reading: Server, resource_id: str) -> None:
    reply = await reading.write(f"Patient/{resource_id}", ANN)
    assert (reply.status_code, reply.json()["issue"][0]["code"]) == (400, "invalid")


async def test_head_answers_as_get_without_the_body(server: Server) -> None:
    await server.write("Patient/ann", ANN)
    for url in ("Patient/ann", "Patient?name=abel", "Patient/ann/_history", "metadata", "Patient/nobody"):
        get, head = await server.get(url), await server.request("HEAD", url)
        assert head.status_code == get.status_code, url
        assert head.content == b""
        assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "Patients", 404),
        ("GET", "patient/1", 404),
        ("GET", "Patient/nobody", 404),
        ("GET", "Patient/nobody/_history", 404),
        ("GET", "Patient/nobody/_history/1", 404),
        ("GET", "Patient/ann/_history/2", 404),
        ("GET", "Patient/ann/_history/x", 400),
        ("GET", "Patient/ann/_history/1.0", 400),
        ("GET", "Patient/ann/_history/0", 404),
        ("GET", f"Patient/{'a' * 65}", 404),
        ("GET", "Patient/a_b", 404),
        ("GET", "Patient/a%00b", 404),
        ("GET", "Patient/%C3%A9", 404),
        ("GET", "Patient/%ff", 404),
        ("GET", "Resource/1", 404),
        ("GET", "DomainResource", 404),
        ("GET", "HumanName/1", 404),
        ("GET", "Patient/ann/name", 405),
        ("GET", "Patient/ann/_history/1/more", 405),
        ("DELETE", "", 405),
        ("DELETE", "Patient", 405),
        ("PUT", "Patient", 405),
        ("POST", "Patient/ann", 405),
        ("PATCH", "Patient", 405),
        ("PATCH", "", 405),
        ("BREW", "Patient/ann", 405),
        ("POST", "metadata", 404),
        ("POST", "_search", 415),
    ],
)
async def test_what_is_not_there_or_not_possible_is_said_plainly(
    reading: Server, method: str, url: str, status: int
) -> None:
    reply = await reading.request(method, url, ANN if method in ("PUT", "POST") else None)
    assert reply.status_code == status, reply.text
    assert reply.json()["resourceType"] == "OperationOutcome"


async def test_every_answer_carries_the_security_headers_and_the_request_id(server: Server) -> None:
    await server.write("Patient/ann", ANN)
    requests = [
        ("GET", "Patient/ann"),
        ("GET", "Patient/none"),
        ("GET", "metadata"),
        ("POST", "Patient"),
        ("PATCH", "Patient/ann"),
        ("DELETE", "Patient/ann"),
        ("GET", "Patient?unknown=1"),
    ]
    for method, url in requests:
        reply = await server.request(method, url)
        assert set(reply.headers) >= SECURITY_HEADERS, (method, url)
        assert reply.headers["cache-control"] == "no-store"
    for path in ("/", "/health", "/ready", "/no-such-page", "/oauth/jwks.json", "/.well-known/security.txt"):
        assert set((await server.http.get(path)).headers) >= SECURITY_HEADERS, path


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-123", True), ("a" * 128, True), ("a" * 129, False), ("two words", False), ("é", False)],
)
async def test_a_well_formed_request_id_comes_back_and_any_other_is_replaced(
    reading: Server, given: str, kept: bool
) -> None:
    headers = {"x-request-id": given.encode("latin-1"), "x-correlation-id": given.encode("latin-1")}
    reply = await reading.http.get("/fhir/metadata", headers=headers)
    assert (reply.headers["x-request-id"] == given) is kept
    assert (reply.headers.get("x-correlation-id") == given) is kept


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        ("return=minimal", None),
        ("return=representation", "Patient"),
        ("return=OperationOutcome", "OperationOutcome"),
        ("respond-async; return=minimal", None),
        ("return=everything", "Patient"),
    ],
)
async def test_prefer_decides_what_a_write_returns(server: Server, prefer: str, kind: str | None) -> None:
    for reply in (
        await server.post("Patient", ANN, prefer=prefer),
        await server.write("Patient/ann", ANN, prefer=prefer),
    ):
        assert reply.status_code == 201
        assert reply.headers["etag"] == 'W/"1"'
        assert (reply.json()["resourceType"] if reply.content else None) == kind


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("?_format=json", "*/*", 200),
        ("?_format=application/fhir%2Bjson", "text/html", 200),
        ("?_format=application/fhir+json", "text/html", 200),
        ("?_format=ttl", "application/json", 406),
        ("?_format=", "application/json", 406),
        ("", "application/fhir+json; fhirVersion=4.0", 200),
        ("", "application/fhir+turtle", 406),
        ("", "text/turtle, application/json;q=0.5", 200),
        ("", "application/*", 200),
        ("", "text/html, */*;q=0.1", 200),
        ("", "", 200),
        ("", "application/fhir+json;q=0, application/fhir+xml;q=0", 406),
        ("", "text/html", 406),
        ("", "*/*;q=0", 406),
        ("", "application/fhir+json; fhirVersion=4.0.1", 200),
        ("", "application/fhir+json; fhirVersion=3.0", 406),
        ("", 'application/fhir+json; fhirVersion="5.0", application/fhir+json', 200),
        ("?_format=JSON", "text/html", 200),
    ],
)
async def test_json_is_written_and_another_format_is_refused(
    reading: Server, query: str, accept: str, status: int
) -> None:
    reply = await reading.get(f"Patient/ann{query}", accept=accept)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/fhir+json; charset=utf-8"


async def test_pretty_is_the_same_json_with_line_breaks(reading: Server) -> None:
    plain, pretty = await reading.get("Patient/ann"), await reading.get("Patient/ann?_pretty=true")
    assert b"\n" not in plain.content
    assert pretty.content.count(b"\n") > 5
    assert pretty.json() == plain.json()


@pytest.mark.parametrize(
    ("query", "elements"),
    [
        ("_elements=gender", {"gender"}),
        ("_elements=gender,name", {"gender", "name"}),
        ("_elements=Patient.gender", {"gender"}),
        ("_summary=true", {"gender", "name"}),
        ("_summary=data", {"gender", "name", "maritalStatus"}),
        ("_summary=text", {"text"}),
    ],
)
async def test_a_part_of_a_resource_is_marked_as_a_part(
    reading: Server, query: str, elements: set[str]
) -> None:
    search = (await reading.get(f"Patient?_id=ann&{query}")).json()["entry"][0]["resource"]
    for tree in ((await reading.get(f"Patient/ann?{query}")).json(), search):
        assert set(tree) - {"resourceType", "id", "meta"} == elements
        assert "SUBSETTED" in [tag["code"] for tag in tree["meta"]["tag"]]


async def test_an_unknown_summary_is_refused(reading: Server) -> None:
    assert (await reading.get("Patient/ann?_summary=much")).status_code == 400
    whole = (await reading.get("Patient/ann?_summary=false")).json()
    assert "tag" not in whole["meta"]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/fhir+json", 201),
        ("application/fhir+json; charset=UTF-8", 201),
        ('application/json;charset="utf-8"', 201),
        ("APPLICATION/FHIR+JSON", 201),
        ("application/fhir+json; charset=iso-8859-1", 415),
        ("application/fhir+json; charset=utf-16", 415),
        ("application/fhir+json; fhirVersion=4.0", 201),
        ("application/fhir+json; fhirVersion=3.0", 415),
        ("application/fhir+json; charset=utf-8; fhirVersion=5.0", 415),
        ("application/fhir+turtle", 415),
        ("text/plain", 415),
        ("", 415),
    ],
)
async def test_only_json_in_utf8_is_read(server: Server, content_type: str, status: int) -> None:
    reply = await server.post("Patient", ANN, content_type=content_type)
    assert reply.status_code == status, reply.text


async def test_the_digits_of_decimals_are_kept(server: Server) -> None:
    numbers = ["1", "1.0", "1.00", "100.10", "0.0000001", "-0.50", "1e3", "1.20E-7", "98765432109876543210.5"]
    for number in numbers:
        body = (
            b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":'
            + number.encode()
            + b"}}"
        )
        made = await server.post("Observation", body)
        assert made.status_code == 201, made.text
        for text in (
            made.content,
            (await server.get(f"Observation/{made.json()['id']}")).content,
            (await server.get(f"Observation/{made.json()['id']}?_pretty=true")).content,
            (await server.get(f"Observation?_id={made.json()['id']}&_elements=value")).content,
        ):
            compact = text.replace(b" ", b"")
            found = compact.partition(b'"value":')[2].partition(b"}")[0].strip()
            assert Decimal(found.decode()).as_tuple() == Decimal(number).as_tuple(), text


async def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_read(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    limit = 1024 * 1024
    async with serving(database_url, tmp_path_factory.mktemp("limits"), open=True, max_body_mb=1) as small:
        for size, status in ((limit, 400), (limit + 1, 413)):

            async def chunks(size: int = size):
                for start in range(0, size, 65_536):
                    yield b" " * min(65_536, size - start)

            announced = await small.http.post("/fhir/Patient", content=b" " * size, headers=JSON)
            unannounced = await small.http.post("/fhir/Patient", content=chunks(), headers=JSON)
            assert (announced.status_code, unannounced.status_code) == (status, status)
            assert announced.json()["resourceType"] == "OperationOutcome"
