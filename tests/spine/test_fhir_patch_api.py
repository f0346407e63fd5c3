"""PATCH, and update, patch and delete by a condition, from outside: status, headers, versions, bundles."""

from __future__ import annotations

import asyncio
import base64
import json
from itertools import count
from typing import Any

import pytest
from api import FHIR, Server

from carespine.security.actor import Actor

Tree = dict[str, Any]
JSON_PATCH = "application/json-patch+json"
FORMATS = ("application/fhir+json", JSON_PATCH, "application/merge-patch+json")
ANN: Tree = {
    "resourceType": "Patient",
    "id": "ann",
    "identifier": [{"system": "http://mrn", "value": "1"}],
    "name": [{"family": "Abel"}],
    "gender": "female",
}
APP = Actor("app", "band", "Band", "certified app", scopes=frozenset({"system/*.cruds"}))
READER = Actor("app", "band", "Band", "certified app", scopes=frozenset({"system/*.rs"}))
WRITER = Actor("app", "band", "Band", "certified app", scopes=frozenset({"system/*.u"}))
_names = count()
TO_MALE = [{"op": "replace", "path": "/gender", "value": "male"}]


def fhirpath(kind: str, path: str, **parts: Tree) -> Tree:
    made: list[Tree] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    made += [{"name": name, **value} for name, value in parts.items()]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": made}]}


async def patch(server: Server, url: str, body: Any, **headers: str) -> Any:
    media = JSON_PATCH if isinstance(body, list) else "application/fhir+json"
    return await server.request("PATCH", url, body, **{"content_type": media, **headers})


async def test_a_json_patch_makes_a_new_version(server: Server) -> None:
    await server.put(ANN)
    reply = await patch(server, "Patient/ann", TO_MALE, if_match='W/"1"')
    assert (reply.status_code, reply.headers["etag"]) == (200, 'W/"2"')
    assert reply.headers["location"] == f"{FHIR}/Patient/ann/_history/2"
    assert reply.json()["gender"] == "male"
    assert (await server.get("Patient/ann")).json() == reply.json()
    assert (await server.get("Patient/ann/_history/1")).json()["gender"] == "female"
    assert await server.found("Patient?gender=male") == ["ann"]


@pytest.mark.parametrize("media", ["application/merge-patch+json", "application/json"])
@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        ({"gender": "male", "active": True}, 200, {"gender": "male", "active": True}),
        ({"gender": None}, 200, {"gender": None}),
        ({"name": [{"family": "Baker"}]}, 200, {"name": [{"family": "Baker"}]}),
        ({"maritalStatus": {"text": "single"}}, 200, {"maritalStatus": {"text": "single"}}),
        ({}, 200, {}),
        ({"gender": "purple"}, 422, {}),
        ({"name": []}, 422, {}),
        ({"id": "bob"}, 422, {}),
        (b"[1]", 400, {}),
        (b'{"gender":"male","gender":"other"}', 400, {}),
        (b'{"a":' * 5_000, 400, {}),
    ],
)
async def test_a_merge_patch_changes_what_it_names(
    dates: Server, media: str, changes: Any, status: int, expected: Tree
) -> None:
    merged = {**ANN, "id": "merged", "identifier": [{"value": "merged"}]}
    await dates.put(merged)
    reply = await dates.request("PATCH", "Patient/merged", changes, content_type=media)
    assert reply.status_code == status, reply.text
    after = (await dates.get("Patient/merged")).json()
    for name, value in ({**merged, **expected}).items():
        assert after.get(name) == value
    assert set(after) <= {*merged, *expected, "meta"}


async def test_a_fhirpath_patch_makes_a_new_version(server: Server) -> None:
    await server.put(ANN)
    body = fhirpath("replace", "Patient.name.first().family", value={"valueString": "Baker"})
    reply = await patch(server, "Patient/ann", body)
    assert (reply.status_code, reply.headers["etag"]) == (200, 'W/"2"')
    assert await server.found("Patient?family=baker") == ["ann"]


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [("return=minimal", None), ("return=OperationOutcome", "OperationOutcome"), ("", "Patient")],
)
async def test_prefer_decides_what_a_patch_returns(server: Server, prefer: str, kind: str | None) -> None:
    await server.put(ANN)
    reply = await patch(server, "Patient/ann", TO_MALE, prefer=prefer)
    assert (reply.json()["resourceType"] if reply.content else None) == kind


@pytest.mark.parametrize(
    ("url", "body", "headers", "status"),
    [
        ("Patient/ann", TO_MALE, {"if_match": 'W/"2"'}, 412),
        ("Patient/ann", TO_MALE, {"if_match": "1"}, 400),
        ("Patient/none", TO_MALE, {}, 404),
        ("Patient/gone", TO_MALE, {}, 410),
        ("Patient/a_b", TO_MALE, {}, 404),
        ("Nonsense/ann", TO_MALE, {}, 404),
        ("Patient/ann/name", TO_MALE, {}, 405),
        ("Patient/ann", [{"op": "test", "path": "/gender", "value": "male"}], {}, 422),
        ("Patient/ann", [{"op": "replace", "path": "/none", "value": 1}], {}, 422),
        ("Patient/ann", [{"op": "replace", "path": "/gender", "value": "mal"}], {}, 422),
        ("Patient/ann", [{"op": "add", "path": "/colour", "value": "red"}], {}, 422),
        ("Patient/ann", [{"op": "add", "path": "/photo", "value": []}], {}, 422),
        ("Patient/ann", [{"op": "replace", "path": "/id", "value": "bob"}], {}, 422),
        ("Patient/ann", [{"op": "remove", "path": "/id"}], {}, 422),
        ("Patient/ann", [{"op": "replace", "path": "/resourceType", "value": "Group"}], {}, 422),
        ("Patient/ann", [{"op": "remove", "path": "/resourceType"}], {}, 422),
        ("Patient/ann", [{"op": "replace", "path": "/meta/versionId", "value": "7"}], {}, 422),
        (
            "Patient/ann",
            [{"op": "replace", "path": "/meta/lastUpdated", "value": "2020-01-01T00:00:00Z"}],
            {},
            422,
        ),
        ("Patient/ann", [{"op": "replace", "path": "/meta", "value": "x"}], {}, 422),
        ("Patient/ann", [{"op": "replace", "path": "", "value": []}], {}, 422),
        ("Patient/ann", [{"op": "replace", "path": "", "value": {}}], {}, 422),
        ("Patient/ann", [{"op": "add", "path": "/gender", "value": "\u0000"}], {}, 422),
        ("Patient/ann", [{"op": "add"}], {}, 400),
        ("Patient/ann", b"[", {"content_type": JSON_PATCH}, 400),
        ("Patient/ann", b"", {"content_type": JSON_PATCH}, 400),
        ("Patient/ann", b"[]", {"content_type": "application/fhir+json"}, 400),
        ("Patient/ann", ANN, {}, 400),
        ("Patient/ann", fhirpath("replace", "Patient.id", value={"valueId": "bob"}), {}, 422),
        ("Patient/ann", fhirpath("delete", "Patient.meta.lastUpdated.x("), {}, 400),
        ("Patient/ann", TO_MALE, {"content_type": "text/plain"}, 415),
        ("Patient/ann", TO_MALE, {"content_type": "application/merge-patch+json"}, 400),
        ("Patient/ann", TO_MALE, {"content_type": JSON_PATCH + "; charset=latin-1"}, 415),
        ("Patient", TO_MALE, {}, 405),
        ("Patient?_format=json", TO_MALE, {}, 405),
        ("Patient?identifier=http://mrn|9", TO_MALE, {}, 404),
        ("Patient?gender=female,male", TO_MALE, {}, 412),
        ("Patient?colour=red", TO_MALE, {}, 400),
    ],
)
async def test_a_patch_that_cannot_be_done_changes_nothing(
    dates: Server, url: str, body: Any, headers: dict[str, str], status: int
) -> None:
    server = dates
    await server.put(ANN, {**ANN, "id": "other", "identifier": [{"value": "2"}]}, {**ANN, "id": "gone"})
    await server.request("DELETE", "Patient/gone")
    reply = await patch(server, url, body, **headers)
    assert reply.status_code == status, reply.text
    assert reply.json()["issue"][0]["diagnostics"]
    assert (await server.get("Patient/ann")).headers["etag"] == 'W/"1"'


async def test_an_unreadable_patch_is_answered_with_the_formats_that_are_read(server: Server) -> None:
    reply = await patch(server, "Patient/ann", TO_MALE, content_type="text/plain")
    assert reply.headers["accept-patch"] == ", ".join(FORMATS)


async def test_what_a_removal_empties_goes_with_it_and_a_whole_meta_may_go(server: Server) -> None:
    await server.put({**ANN, "meta": {"tag": [{"code": "x"}]}})
    body = [{"op": "remove", "path": "/name/0/family"}, {"op": "remove", "path": "/meta"}]
    tree = (await patch(server, "Patient/ann", body)).json()
    assert "name" not in tree
    assert tree["meta"].keys() == {"versionId", "lastUpdated"}


async def test_an_app_must_name_the_version_it_patches_and_may_read_and_write(server: Server) -> None:
    consent: Tree = {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "scope": {"text": "privacy"},
        "category": [{"text": "sharing"}],
        "patient": {"reference": "Patient/ann"},
        "provision": {
            "type": "permit",
            "actor": [{"role": {"text": "r"}, "reference": {"identifier": {"value": "band"}}}],
        },
    }
    await server.put(ANN, {**ANN, "id": "bob"}, consent)
    headers = {"content-type": JSON_PATCH}
    cases: list[tuple[Actor, str, dict[str, str], int]] = [
        (APP, "Patient/ann", {}, 412),
        (APP, "Patient?_id=ann", {}, 412),
        (READER, "Patient/ann", {"if-match": 'W/"1"'}, 403),
        (WRITER, "Patient/ann", {"if-match": 'W/"1"'}, 403),
        (APP, "Patient/bob", {"if-match": 'W/"1"'}, 404),
        (APP, "Patient/bob", {}, 404),
        (APP, "Patient?_id=bob", {"if-match": 'W/"1"'}, 404),
        (APP, "Patient/ann", {"if-match": 'W/"1"'}, 200),
        (APP, "Patient?_id=ann", {"if-match": 'W/"2"'}, 200),
    ]
    for actor, url, more, status in cases:
        reply = await server.ask(actor, "PATCH", url, TO_MALE, {**headers, **more})
        assert reply.status == status, (actor, url, reply.content)
    assert (await server.get("Patient/bob")).headers["etag"] == 'W/"1"'


async def test_patches_at_the_same_time_lose_nothing(server: Server) -> None:
    await server.put({**ANN, "name": [{"given": ["start"]}]})
    adding = [[{"op": "add", "path": "/name/0/given/-", "value": f"g{number}"}] for number in range(12)]
    replies = await asyncio.gather(*[patch(server, "Patient/ann", body) for body in adding])
    assert [reply.status_code for reply in replies] == [200] * 12
    tree = (await server.get("Patient/ann")).json()
    assert sorted(tree["name"][0]["given"]) == sorted(["start", *[f"g{number}" for number in range(12)]])
    assert tree["meta"]["versionId"] == "13"


async def test_a_conditional_patch_changes_the_one_that_matches(server: Server) -> None:
    await server.put(ANN, {**ANN, "id": "other", "identifier": [{"value": "2"}]})
    reply = await patch(server, "Patient?identifier=http://mrn|1", TO_MALE)
    assert (reply.status_code, reply.json()["id"]) == (200, "ann")
    assert (await server.get("Patient/other")).json()["gender"] == "female"


@pytest.mark.parametrize(
    ("stored", "body_id", "headers", "status", "result"),
    [
        ([], None, {}, 201, "new"),
        ([], "mine", {}, 201, "mine"),
        ([], "taken", {}, 409, None),
        ([], "gone", {}, 201, "gone"),
        ([], None, {"if_match": 'W/"1"'}, 412, None),
        (["ann"], None, {}, 200, "ann"),
        (["ann"], "ann", {}, 200, "ann"),
        (["ann"], "bob", {}, 400, None),
        (["ann"], None, {"if_match": 'W/"1"'}, 200, "ann"),
        (["ann"], None, {"if_match": 'W/"2"'}, 412, None),
        (["ann", "bob"], None, {}, 412, None),
        (["ann", "bob"], "ann", {}, 412, None),
    ],
)
async def test_a_conditional_update_depends_on_how_many_match(
    server: Server,
    stored: list[str],
    body_id: str | None,
    headers: dict[str, str],
    status: int,
    result: str | None,
) -> None:
    others = [{"resourceType": "Patient", "id": "taken"}, {"resourceType": "Patient", "id": "gone"}]
    await server.put(*[{**ANN, "id": name} for name in stored], *others)
    await server.request("DELETE", "Patient/gone")
    body = {
        key: value for key, value in {**ANN, "id": body_id, "gender": "other"}.items() if value is not None
    }
    reply = await server.write("Patient?identifier=http://mrn|1&_format=json", body, **headers)
    assert reply.status_code == status, reply.text
    found = await server.found("Patient?gender=other")
    assert found == ([reply.json()["id"]] if result else [])
    assert result in (None, "new", *found)


@pytest.mark.parametrize(
    "criteria", ["_count=0", "_summary=count", "_count=1&_sort=-_lastUpdated", "_total=none"]
)
async def test_only_the_criteria_of_a_condition_count(server: Server, criteria: str) -> None:
    await server.put(ANN)
    url = f"Patient?identifier=http://mrn|1&{criteria}"
    assert (await server.write(url, {**ANN, "gender": "other"})).status_code == 200
    made = await server.post("Patient", ANN, if_none_exist=url.partition("?")[2])
    assert (made.status_code, made.json()["id"]) == (200, "ann")
    assert len(await server.found("Patient")) == 1


async def test_the_same_conditional_update_many_times_at_once_makes_one_resource(server: Server) -> None:
    body = {key: value for key, value in ANN.items() if key != "id"}
    replies = await asyncio.gather(
        *[server.write("Patient?identifier=http://mrn|1", body) for _ in range(16)]
    )
    assert sorted(reply.status_code for reply in replies) == [200] * 15 + [201]
    assert len(await server.found("Patient")) == 1


async def test_a_conditional_delete_takes_one_and_never_several(server: Server) -> None:
    await server.put(
        ANN, *[{"resourceType": "Patient", "id": name, "gender": "male"} for name in ("bob", "cy")]
    )
    cases: list[tuple[str, dict[str, str], int, list[str]]] = [
        ("Patient", {}, 405, ["ann", "bob", "cy"]),
        ("Patient?_pretty=true", {}, 405, ["ann", "bob", "cy"]),
        ("Patient?_count=1", {}, 400, ["ann", "bob", "cy"]),
        ("Patient?colour=red", {}, 400, ["ann", "bob", "cy"]),
        ("Patient?gender=male", {}, 412, ["ann", "bob", "cy"]),
        ("Patient?identifier=http://mrn|9", {}, 204, ["ann", "bob", "cy"]),
        ("Patient?identifier=http://mrn|1", {"if_match": 'W/"2"'}, 412, ["ann", "bob", "cy"]),
        ("Patient?identifier=http://mrn|1", {"if_match": 'W/"1"'}, 204, ["bob", "cy"]),
        ("Patient?_id=bob", {}, 204, ["cy"]),
        ("Patient?_id=bob", {}, 204, ["cy"]),
        ("Patient?gender=male&_format=json", {}, 204, []),
    ]
    for url, headers, status, left in cases:
        reply = await server.request("DELETE", url, **headers)
        assert reply.status_code == status, reply.text
        assert sorted(await server.found("Patient")) == left


def entry(url: str, resource: Tree, **request: str) -> Tree:
    return {"resource": resource, "request": {"method": "PATCH", "url": url, **request}}


def binary(operations: Any, media: str = JSON_PATCH) -> Tree:
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"resourceType": "Binary", "contentType": media, "data": data}


MARRIED = fhirpath("add", "Patient", name={"valueString": "active"}, value={"valueBoolean": True})


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (entry("Patient/ann", binary(TO_MALE)), "200 OK"),
        (entry("Patient/ann", binary(TO_MALE), ifMatch='W/"1"'), "200 OK"),
        (entry("Patient/ann", MARRIED), "200 OK"),
        (entry("Patient?identifier=http://mrn|1", MARRIED), "200 OK"),
        (entry("Patient/ann", binary(TO_MALE), ifMatch='W/"2"'), "412"),
        (entry("Patient/ann", binary(TO_MALE, "text/plain")), "400"),
        (entry("Patient/ann", {**binary([]), "data": "AAA"}), "422"),
        (entry("Patient/ann", ANN), "400"),
        (entry("Patient/none", MARRIED), "404"),
        (entry("Patient?identifier=http://mrn|9", MARRIED), "404"),
    ],
)
async def test_a_bundle_can_hold_a_patch(dates: Server, kind: str, sent: Tree, status: str) -> None:
    server, name = dates, f"patched-{next(_names)}"
    await server.put({**ANN, "id": name, "identifier": [{"system": "http://mrn", "value": name}]})
    url = sent["request"]["url"].replace("/ann", f"/{name}").replace("mrn|1", f"mrn|{name}")
    sent = {**sent, "request": {**sent["request"], "url": url}}
    reply = await server.post("", {"resourceType": "Bundle", "type": kind, "entry": [sent]})
    if status == "200 OK":
        assert reply.json()["entry"][0]["response"]["status"] == status, reply.text
        assert reply.json()["entry"][0]["response"]["etag"] == 'W/"2"'
        return
    found = (
        reply.json()["entry"][0]["response"]["status"] if reply.status_code == 200 else str(reply.status_code)
    )
    assert found == status, reply.text
    assert (await server.get(f"Patient/{name}")).headers["etag"] == 'W/"1"'


async def test_a_patch_in_a_transaction_stands_or_falls_with_it_and_knows_the_new_ids(server: Server) -> None:
    await server.put(ANN)
    practice = {"resourceType": "Organization", "name": "Elm"}
    place = fhirpath(
        "add",
        "Patient",
        name={"valueString": "managingOrganization"},
        value={"valueReference": {"reference": "urn:uuid:8a1f3f2c-6a2d-4f0e-9a55-0d1b2c3d4e5f"}},
    )
    entries: list[Tree] = [
        entry("Patient/ann", place),
        {
            "fullUrl": "urn:uuid:8a1f3f2c-6a2d-4f0e-9a55-0d1b2c3d4e5f",
            "resource": practice,
            "request": {"method": "POST", "url": "Organization"},
        },
    ]
    bad = entry("Patient/none", MARRIED)
    failing = {"resourceType": "Bundle", "type": "transaction", "entry": [*entries, bad]}
    assert (await server.post("", failing)).status_code == 404
    assert (await server.get("Patient/ann")).headers["etag"] == 'W/"1"'
    good = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert (await server.post("", good)).status_code == 200
    [made] = await server.found("Organization")
    reference = (await server.get("Patient/ann")).json()["managingOrganization"]["reference"]
    assert reference == f"Organization/{made}"


async def test_the_capability_statement_says_what_can_be_patched_and_done_by_condition(
    server: Server,
) -> None:
    statement = (await server.get("metadata")).json()
    assert statement["patchFormat"] == list(FORMATS)
    for resource in statement["rest"][0]["resource"]:
        assert {"code": "patch"} in resource["interaction"]
        assert (resource["conditionalUpdate"], resource["conditionalDelete"]) == (True, "single")
