"""Batch and transaction: references, order, conditions, all or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from api import FHIR, Server, fresh_database, serving

from carespine.fhir import codec
from carespine.storage.embedded import EmbeddedPostgres

Tree = dict[str, Any]
ORDER = "urn:uuid:0a0e2c2a-0000-4000-8000-000000000001"
PERSON = "urn:uuid:0a0e2c2a-0000-4000-8000-000000000002"


def patient(number: str = "1", **more: Any) -> Tree:
    return {"resourceType": "Patient", "identifier": [{"system": "http://a", "value": number}], **more}


def observation(subject: str, **more: Any) -> Tree:
    reference = {"reference": subject}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": reference,
        **more,
    }


def entry(
    method: str, url: str, resource: Tree | None = None, full_url: str | None = None, **request: str
) -> Tree:
    made: Tree = {"request": {"method": method, "url": url, **request}}
    made |= {"resource": resource} if resource else {}
    return made | ({"fullUrl": full_url} if full_url else {})


def bundle(kind: str, *entries: Tree) -> Tree:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


async def statuses(server: Server, sent: Tree) -> list[str]:
    reply = await server.post("", sent)
    assert reply.status_code == 200, reply.text
    codec.check(reply.json())
    return [part["response"]["status"].split()[0] for part in reply.json().get("entry", [])]


async def total(server: Server, resource_type: str) -> int:
    return int((await server.get(f"{resource_type}?_summary=count")).json()["total"])


async def test_references_between_new_resources_follow_the_ids_they_are_given(server: Server) -> None:
    sent = bundle(
        "transaction",
        entry("POST", "Observation", observation(PERSON, note=[{"text": PERSON}]), ORDER),
        entry("POST", "Patient", patient(), PERSON),
        entry("POST", "Provenance", _provenance(ORDER, f"{PERSON}#part")),
    )
    reply = await server.post("", sent)
    assert reply.status_code == 200, reply.text
    locations = [part["response"]["location"].removeprefix(f"{FHIR}/") for part in reply.json()["entry"]]
    observed, person, origin = ("/".join(place.split("/")[:2]) for place in locations)
    stored = (await server.get(observed)).json()
    assert stored["subject"]["reference"] == person
    targets = (await server.get(origin)).json()["target"]
    assert [target["reference"] for target in targets] == [observed, f"{person}#part"]
    assert await server.found(f"Observation?subject={person}") == [observed.split("/")[1]]


async def _stored(server: Server, sent: Tree) -> list[Tree]:
    """What a transaction stored, in the order of its entries."""
    reply = await server.post("", sent, prefer="return=representation")
    assert reply.status_code == 200, reply.text
    return [part["resource"] for part in reply.json()["entry"]]


async def test_links_in_elements_of_type_uri_and_in_the_narrative_follow_too(server: Server) -> None:
    div = (
        f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{PERSON}">her</a> <a href="{PERSON}#x">part</a> '
        f'<img src="{PERSON}" alt="x"/> <a href="urn:uuid:other">other</a> {PERSON}</div>'
    )
    attachment = {"contentType": "text/plain", "url": PERSON, "title": PERSON}
    document = {
        "resourceType": "DocumentReference",
        "text": {"status": "generated", "div": div},
        "status": "current",
        "description": PERSON,
        "extension": [{"url": "http://a", "valueUri": PERSON}, {"url": "http://b", "valueString": PERSON}],
        "content": [{"attachment": attachment}],
    }
    stored, person = await _stored(
        server,
        bundle(
            "transaction",
            entry("POST", "DocumentReference", document, ORDER),
            entry("POST", "Patient", patient(), PERSON),
        ),
    )
    link = f"Patient/{person['id']}"
    assert stored["content"][0]["attachment"] == {**attachment, "url": link}
    assert stored["description"] == PERSON
    assert [extension.get("valueUri", extension.get("valueString")) for extension in stored["extension"]] == [
        link, PERSON,
    ]  # fmt: skip
    assert stored["text"]["div"] == div.replace(f'"{PERSON}', f'"{link}')


@pytest.mark.parametrize(
    ("full_url", "reference", "follows"),
    [
        ("http://else.example/fhir/Observation/9", "Patient/1", True),
        ("http://else.example/fhir/Observation/9", "http://else.example/fhir/Patient/1", True),
        ("http://third.example/fhir/Observation/9", "Patient/1", False),
        (ORDER, "Patient/1", False),
        (None, "http://else.example/fhir/Patient/1", True),
    ],
)
async def test_a_relative_reference_means_the_server_of_its_full_url(
    dates: Server, full_url: str | None, reference: str, follows: bool
) -> None:
    stored, person = await _stored(
        dates,
        bundle(
            "transaction",
            entry("POST", "Observation", observation(reference), full_url),
            entry("POST", "Patient", patient(), "http://else.example/fhir/Patient/1"),
        ),
    )
    assert stored["subject"]["reference"] == (f"Patient/{person['id']}" if follows else reference)


async def test_two_creations_under_one_condition_make_one_resource(server: Server) -> None:
    other = "urn:uuid:0a0e2c2a-0000-4000-8000-000000000003"
    sent = bundle(
        "transaction",
        entry("POST", "Patient", patient(), PERSON, ifNoneExist="identifier=http://a|1"),
        entry("POST", "Observation", observation(other), ORDER),
        entry("POST", "Patient", patient(), other, ifNoneExist="identifier=http://a|1"),
    )
    assert await statuses(server, sent) == ["201", "201", "200"]
    (person,) = await server.found("Patient")
    assert len(await server.found(f"Observation?subject=Patient/{person}")) == 1


async def test_an_operation_can_be_an_entry(server: Server) -> None:
    await server.put(patient(id="ann"))
    label = {
        "resourceType": "Parameters",
        "parameter": [{"name": "meta", "valueMeta": {"profile": ["http://p"]}}],
    }
    for kind in ("batch", "transaction"):
        sent = bundle(
            kind,
            entry("POST", "Patient/ann/$meta-add", label),
            entry("GET", "Patient/ann/$meta"),
            entry("GET", f"{FHIR}/Patient/ann"),
        )
        reply = await server.post("", sent)
        assert reply.status_code == 200, reply.text
        shown = [part["resource"] for part in reply.json()["entry"]]
        assert shown[1]["parameter"][0]["valueMeta"]["profile"] == ["http://p"]
        assert shown[2]["meta"]["profile"] == ["http://p"]


async def test_a_reader_in_a_bundle_that_has_it_already_is_told_so(server: Server) -> None:
    await server.put(patient(id="ann"))
    for since, status in (("2999-01-01T00:00:00Z", "304"), ("1999-01-01T00:00:00Z", "200")):
        for kind in ("batch", "transaction"):
            sent = bundle(kind, entry("GET", "Patient/ann", ifModifiedSince=since))
            assert await statuses(server, sent) == [status]
    leap = bundle("batch", entry("GET", "Patient/ann", ifModifiedSince="2016-12-31T23:59:60Z"))
    assert await statuses(server, leap) == ["400"]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_each_answer_in_a_bundle_says_where_when_and_which_version(dates: Server, kind: str) -> None:
    sent = bundle(
        kind, entry("POST", "Patient", patient()), entry("PUT", f"Patient/{kind}", patient(id=kind))
    )
    for part in (await dates.post("", sent)).json()["entry"]:
        response = part["response"]
        assert response["etag"] == 'W/"1"'
        assert response["location"].startswith(f"{FHIR}/Patient/")
        assert response["location"].endswith("/_history/1")
        assert response["lastModified"][:4] >= "2020"


@pytest.fixture(scope="module")
async def kept(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server with one patient, for requests that must not change anything."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("kept"), open=True) as running:
            await running.put(patient("x", id="kept"))
            yield running


def _provenance(*targets: str) -> Tree:
    return {
        "resourceType": "Provenance",
        "target": [{"reference": target} for target in targets],
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"who": {"display": "someone"}}],
    }


@pytest.mark.parametrize(("matches", "status"), [(0, 412), (1, 200), (2, 412)])
async def test_a_conditional_reference_must_find_exactly_one(
    server: Server, matches: int, status: int
) -> None:
    for number in range(matches):
        await server.put(patient(id=f"p{number}"))
    reply = await server.post(
        "", bundle("transaction", entry("POST", "Observation", observation("Patient?identifier=http://a|1")))
    )
    assert reply.status_code == status, reply.text
    assert await total(server, "Observation") == (1 if status == 200 else 0)
    if status == 200:
        assert len(await server.found("Observation?subject=Patient/p0")) == 1


@pytest.mark.parametrize(("matches", "status", "after"), [(0, 201, 1), (1, 200, 1), (2, 412, 2)])
async def test_a_conditional_create_makes_one_only_where_there_is_none(
    server: Server, matches: int, status: int, after: int
) -> None:
    for number in range(matches):
        await server.put(patient(id=f"p{number}"))
    alone = await server.post("Patient", patient(), if_none_exist="identifier=http://a|1")
    assert alone.status_code == status
    sent = bundle("transaction", entry("POST", "Patient", patient(), ifNoneExist="identifier=http://a|1"))
    again = await server.post("", sent)
    assert again.status_code == (412 if matches == 2 else 200)
    assert await total(server, "Patient") == after


async def test_a_condition_in_the_address_of_a_create_counts_too(server: Server) -> None:
    made = [await server.post("Patient?identifier=http://a|1&_pretty=true", patient()) for _ in range(2)]
    assert [reply.status_code for reply in made] == [201, 200]
    assert await total(server, "Patient") == 1
    both = await server.post(
        "Patient?identifier=http://a|1", patient(), if_none_exist="identifier=http://a|1"
    )
    assert both.status_code == 400
    assert (await server.post("Patient?unknown=1", patient())).status_code == 400


async def test_a_reference_to_an_entry_that_was_found_points_to_what_was_found(server: Server) -> None:
    await server.put(patient(id="known"))
    sent = bundle(
        "transaction",
        entry("POST", "Patient", patient(), PERSON, ifNoneExist="identifier=http://a|1"),
        entry("POST", "Observation", observation(PERSON)),
    )
    assert await statuses(server, sent) == ["200", "201"]
    assert len(await server.found("Observation?subject=Patient/known")) == 1
    assert (await server.get("Patient/known")).headers["etag"] == 'W/"1"'


async def test_entries_are_done_in_the_order_of_r4_whatever_theirs_is(server: Server) -> None:
    await server.put(patient("old", id="old"), patient("kept", id="kept"))
    sent = bundle(
        "transaction",
        entry("GET", "Patient?identifier=http://a|new"),
        entry("PUT", "Patient/kept", patient("new", id="kept")),
        entry("GET", "Patient/kept"),
        entry("POST", "Patient", patient("old")),
        entry("DELETE", "Patient/old"),
        entry("GET", "Patient?identifier=http://a|old"),
    )
    reply = await server.post("", sent)
    assert [part["response"]["status"].split()[0] for part in reply.json()["entry"]] == [
        "200", "200", "200", "201", "204", "200",
    ]  # fmt: skip
    entries = reply.json()["entry"]
    assert entries[0]["resource"]["total"] == 1
    assert entries[2]["resource"]["identifier"][0]["value"] == "new"
    assert [e["resource"]["id"] for e in entries[5]["resource"]["entry"]] != ["old"]


@pytest.mark.parametrize(
    "bad",
    [
        entry("PUT", "Patient/kept", patient(id="kept"), ifMatch='W/"7"'),
        entry("PUT", "Patient/none", patient(id="none"), ifMatch='W/"1"'),
        entry("PUT", "Patient/kept", patient(id="kept"), ifMatch="1"),
        entry("PUT", "Patient/none", patient(id="none"), ifMatch="*"),
        entry("DELETE", "Patient/kept", ifMatch='W/"7"'),
        entry("GET", "Patient/none"),
        entry("GET", "Nonsense/1"),
        entry("GET", "Patient?unknown=1"),
        entry("PUT", "Patient/a", patient(id="b")),
        entry("PUT", "Patient", patient()),
        entry("PUT", "Patient/a_b", patient()),
        entry("PUT", "Observation/a", patient(id="a")),
        entry("POST", "Patient/a", patient()),
        entry("POST", "Nonsense", patient()),
        entry("POST", "", patient()),
        entry("POST", "Patient"),
        entry("PATCH", "Patient/kept", patient()),
        entry("DELETE", "Patient"),
        entry("DELETE", "Nonsense/1"),
        entry("POST", "Patient", patient(), ifNoneExist="unknown=1"),
        entry("POST", "Patient", patient(), ifNoneExist=""),
        entry("DELETE", "Patient?unknown=1"),
        entry("POST", "Observation", observation("Patient?unknown=1")),
        {"resource": patient()},
    ],
)
async def test_one_bad_entry_undoes_the_whole_transaction(kept: Server, bad: Tree) -> None:
    good = [
        entry("POST", "Patient", patient("new")),
        entry("PUT", "Patient/other", patient("other", id="other")),
    ]
    for sent in (bundle("transaction", *good, bad), bundle("transaction", bad, *good)):
        reply = await kept.post("", sent)
        assert 400 <= reply.status_code < 500, reply.text
        assert reply.json()["resourceType"] == "OperationOutcome"
    assert await total(kept, "Patient") == 1
    assert (await kept.get("Patient/kept")).headers["etag"] == 'W/"1"'
    assert (await kept.get("Patient/other")).status_code == 404


@pytest.mark.parametrize(
    "pair",
    [
        (entry("PUT", "Patient/kept", patient(id="kept")), entry("PUT", "Patient/kept", patient(id="kept"))),
        (entry("PUT", "Patient/kept", patient(id="kept")), entry("DELETE", "Patient/kept")),
        (entry("DELETE", "Patient/kept"), entry("DELETE", "Patient/kept")),
        (
            entry("PUT", "Patient/kept", patient(id="kept")),
            entry("PUT", "Patient?identifier=http://a|x", patient("x")),
        ),
        (entry("PUT", "Patient/kept", patient(id="kept")), entry("DELETE", "Patient?identifier=http://a|x")),
    ],
)
async def test_two_changes_of_one_resource_are_refused(kept: Server, pair: tuple[Tree, Tree]) -> None:
    assert (await kept.post("", bundle("transaction", *pair))).status_code == 400
    assert (await kept.get("Patient/kept")).headers["etag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("request_entry", "status", "versions"),
    [
        (entry("PUT", "Patient/x", patient(id="x")), "200", 2),
        (entry("PUT", "Patient/x", patient(id="x"), ifMatch='W/"1"'), "200", 2),
        (entry("PUT", "Patient?identifier=http://a|x", patient("x")), "200", 2),
        (entry("PUT", "Patient?identifier=http://a|y", patient("y")), "201", 1),
        (entry("PUT", "Patient/y", patient("y", id="y")), "201", 1),
        (entry("DELETE", "Patient/x"), "204", 2),
        (entry("DELETE", "Patient/x", ifMatch='W/"1"'), "204", 2),
        (entry("DELETE", "Patient/never"), "204", 1),
        (entry("DELETE", "Patient?identifier=http://a|x"), "204", 2),
        (entry("DELETE", "Patient?identifier=http://a|y"), "204", 1),
        (entry("GET", "Patient/x/_history/1"), "200", 1),
        (entry("GET", "Patient/x/_history"), "200", 1),
        (entry("GET", "/Patient/x"), "200", 1),
        (entry("HEAD", "Patient/x"), "200", 1),
        (entry("GET", "Patient/x", ifNoneMatch='W/"1"'), "304", 1),
    ],
)
async def test_each_request_of_a_transaction_says_how_it_went(
    server: Server, request_entry: Tree, status: str, versions: int
) -> None:
    await server.put(patient("x", id="x"))
    assert await statuses(server, bundle("transaction", request_entry)) == [status]
    assert (await server.get("Patient/x/_history")).json()["total"] == versions


async def test_a_batch_goes_on_after_an_entry_that_fails(server: Server) -> None:
    await server.put(patient(id="kept"))
    sent = bundle(
        "batch",
        entry("GET", "Patient/none"),
        entry("POST", "Patient", patient("2")),
        entry("PUT", "Patient/kept", patient(id="kept"), ifMatch='W/"9"'),
        entry("PATCH", "Patient/kept", patient()),
        entry("POST", "Patient", patient("3"), ifNoneExist="identifier=http://a|2"),
        entry("DELETE", "Patient/kept"),
        entry("GET", "Patient/kept"),
        entry("GET", "Patient?unknown=1"),
        entry("GET", "metadata"),
        {"resource": patient()},
    )
    reply = await server.post("", sent)
    assert reply.status_code == 200
    codec.check(reply.json())
    answers = [part["response"] for part in reply.json()["entry"]]
    assert [a["status"].split()[0] for a in answers] == [
        "404", "201", "412", "400", "200", "204", "410", "400", "200", "400",
    ]  # fmt: skip
    assert answers[0]["outcome"]["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("kind", "status"), [("collection", 400), ("searchset", 400), ("history", 400), ("document", 400)]
)
async def test_only_batches_and_transactions_are_taken_at_the_base(
    server: Server, kind: str, status: int
) -> None:
    assert (await server.post("", bundle(kind, entry("POST", "Patient", patient())))).status_code == status
    assert (await server.post("", patient())).status_code == 400


async def test_an_empty_bundle_is_answered_with_an_empty_bundle(server: Server) -> None:
    for kind in ("batch", "transaction"):
        reply = await server.post("", {"resourceType": "Bundle", "type": kind})
        assert (reply.status_code, reply.json()["type"]) == (200, f"{kind}-response")
        codec.check(reply.json())


@pytest.mark.parametrize(
    ("prefer", "returned"),
    [
        ("return=representation", True),
        ('return="representation"', True),
        ("handling=lenient, return=representation", True),
        ("return=minimal", False),
        ("return=OperationOutcome", False),
        ("", False),
    ],
)
async def test_prefer_decides_whether_a_transaction_returns_its_resources(
    server: Server, prefer: str, returned: bool
) -> None:
    reply = await server.post("", bundle("transaction", entry("POST", "Patient", patient())), prefer=prefer)
    assert ("resource" in reply.json()["entry"][0]) is returned
    assert ("outcome" in reply.json()["entry"][0]["response"]) is ("OperationOutcome" in prefer)
    codec.check(reply.json())
