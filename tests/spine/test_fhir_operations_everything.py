"""$everything of a patient and of an encounter: what is in it, for whom, and how it is paged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from api import FHIR, Server, fresh_database, ids, serving

from carespine.security.actor import Actor
from carespine.storage.embedded import EmbeddedPostgres

Tree = dict[str, Any]
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
GP = Actor("practitioner", "gp", "Dr Elm", "general practitioner", organisation="A10001")
DESK = Actor("practitioner", "desk", "Reception", "receptionist", organisation="A10001")
OTHER_GP = Actor("practitioner", "oak", "Dr Oak", "general practitioner", organisation="B20002")
ANN_HERSELF = Actor("patient", "ann", "Ann", "patient", patient="ann")
BOB_HIMSELF = Actor("patient", "bob", "Bob", "patient", patient="bob")


def of(patient: str) -> Tree:
    return {"subject": {"reference": f"Patient/{patient}"}}


def observation(name: str, patient: str, date: str | None = None, **more: Any) -> Tree:
    dated = {"effectiveDateTime": date} if date else {}
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"text": name},
        **of(patient),
        **dated,
        **more,
    }


def practice(name: str, ods: str) -> Tree:
    return {"resourceType": "Organization", "id": name, "identifier": [{"system": ODS, "value": ods}]}


RECORD: tuple[Tree, ...] = (
    practice("elm", "A10001"),
    practice("oak", "B20002"),
    {"resourceType": "Practitioner", "id": "doc"},
    {"resourceType": "Practitioner", "id": "unrelated"},
    observation("early", "ann", "2019-05-01"),
    {"resourceType": "Patient", "id": "ann", "generalPractitioner": [{"reference": "Organization/elm"}]},
    {"resourceType": "Patient", "id": "bob", "generalPractitioner": [{"reference": "Organization/oak"}]},
    {
        "resourceType": "Encounter",
        "id": "stay",
        "status": "finished",
        "class": {"code": "IMP"},
        "period": {"start": "2020-03-30", "end": "2020-04-02"},
        "diagnosis": [{"condition": {"reference": "Condition/asthma"}}],
        **of("ann"),
    },
    observation("pulse", "ann", "2020-04-01", encounter={"reference": "Encounter/stay"}),
    observation("undated", "ann", performer=[{"reference": "Practitioner/doc/_history/1"}]),
    {"resourceType": "Condition", "id": "asthma", "onsetDateTime": "2018", **of("ann")},
    observation("late", "ann", "2021-01-01", note=[{"text": '"reference":"Practitioner/unrelated"'}]),
    observation("hers", "bob", "2020-04-01", focus=[{"reference": "Patient/ann"}]),
    {
        "resourceType": "Appointment",
        "id": "together",
        "status": "booked",
        "participant": [
            {"actor": {"reference": "Patient/bob"}, "status": "accepted"},
            {"actor": {"reference": "Patient/ann"}, "status": "accepted"},
        ],
    },
)
ALL = "ann early stay pulse undated asthma late together"


@pytest.fixture(scope="module")
async def record(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """Two practices with a patient each; resources in the order of the table. No test changes anything."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("everything"), open=True) as running:
            for tree in RECORD:
                await running.put(tree)
            yield running


@pytest.mark.parametrize(
    ("query", "matches", "included"),
    [
        ("", ALL, "elm doc"),
        ("?start=2020-01-01", "ann stay pulse undated late together", "elm doc"),
        ("?end=2020-01-01", "ann early undated asthma together", "elm doc"),
        ("?start=2020-04-02&end=2020-04-02", "ann stay undated together", "elm doc"),
        ("?start=2020-04&end=2020-04", "ann stay pulse undated together", "elm doc"),
        ("?start=2020-04-01T00:00:00%2B01:00&end=2020-04-01", "ann stay pulse undated together", "elm doc"),
        ("?_type=Observation", "early pulse undated late", ""),
        ("?_type=Observation,Practitioner", "early pulse undated late", "doc"),
        ("?_type=Patient&_type=Condition", "ann asthma", ""),
        ("?_type=Organization", "", ""),
        ("?_since=2000-01-01", ALL, "elm doc"),
        ("?_since=2999-01-01T00:00:00Z", "", ""),
        ("?_format=json&_pretty=true", ALL, "elm doc"),
    ],
)
async def test_everything_of_a_patient_is_the_record_and_what_it_refers_to(
    record: Server, query: str, matches: str, included: str
) -> None:
    reply = await record.get(f"Patient/ann/$everything{query}")
    assert reply.status_code == 200, reply.text
    bundle = reply.json()
    assert (bundle["type"], bundle["total"]) == ("searchset", len(matches.split()))
    assert ids(bundle) == matches.split()
    assert ids(bundle, "include") == included.split()
    assert bundle["link"][0]["url"].startswith(f"{FHIR}/Patient/ann/$everything")


async def test_the_same_can_be_asked_by_post(record: Server) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "start", "valueDate": "2020-04-01"},
            {"name": "_type", "valueCode": "Observation"},
            {"name": "_type", "valueCode": "Encounter"},
            {"name": "_count", "valueInteger": 2},
        ],
    }
    first = (await record.post("Patient/ann/$everything", body)).json()
    assert ids(first) == ["stay", "pulse"]
    following = first["link"][1]["url"].removeprefix(f"{FHIR}/")
    assert ids((await record.get(following)).json()) == ["undated", "late"]
    plain = await record.request("POST", "Patient/ann/$everything", content_type="")
    assert ids(plain.json()) == ALL.split()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9])
async def test_pages_hold_each_resource_once_and_in_order(record: Server, count: int) -> None:
    found: list[str] = []
    url: str | None = f"Patient/ann/$everything?_count={count}"
    while url is not None:
        bundle = (await record.get(url)).json()
        assert 0 < len(ids(bundle)) <= count
        found += ids(bundle)
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        url = links["next"].removeprefix(f"{FHIR}/") if "next" in links else None
        assert ("total" in bundle) == (count >= 8)
    assert found == ALL.split()


@pytest.mark.parametrize(
    ("query", "matches", "included"),
    [
        ("", "stay pulse", "ann asthma"),
        ("?_type=Observation", "pulse", ""),
        ("?_count=1", "stay", "ann asthma"),
    ],
)
async def test_everything_of_an_encounter_has_its_patient_and_diagnoses_with_it(
    record: Server, query: str, matches: str, included: str
) -> None:
    bundle = (await record.get(f"Encounter/stay/$everything{query}")).json()
    assert ids(bundle) == matches.split()
    assert sorted(ids(bundle, "include")) == included.split()
    assert [link["relation"] for link in bundle["link"]] == ["self", *(["next"] if "_count" in query else [])]


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "Patient/none/$everything", 404),
        ("GET", "Patient/a_b/$everything", 404),
        ("GET", "Patient/$everything", 404),
        ("GET", "$everything", 404),
        ("GET", "Observation/pulse/$everything", 404),
        ("GET", "Nonsense/ann/$everything", 404),
        ("GET", "Patient/ann/$nothing", 404),
        ("GET", "Patient/ann/Observation/$everything", 404),
        ("GET", "Patient/ann/_history/1/$everything", 404),
        ("PUT", "Patient/ann/$everything", 405),
        ("DELETE", "Patient/ann/$everything", 405),
        ("GET", "Patient/ann/$everything?_count=0", 400),
        ("GET", "Patient/ann/$everything?_count=x", 400),
        ("GET", "Patient/ann/$everything?start=soon", 400),
        ("GET", "Patient/ann/$everything?start=2020&start=2021", 400),
        ("GET", "Patient/ann/$everything?_type=Nonsense", 400),
        ("GET", "Patient/ann/$everything?_cursor=x", 400),
        ("GET", f"Patient/ann/$everything?_cursor={2**63}", 400),
        ("GET", "Patient/ann/$everything?gender=male", 400),
        ("GET", "Encounter/stay/$everything?start=2020", 400),
    ],
)
async def test_what_cannot_be_asked_is_refused(record: Server, method: str, url: str, status: int) -> None:
    body = {"resourceType": "Parameters"} if method == "PUT" else None
    reply = await record.request(method, url, body)
    assert reply.status_code == status, reply.text
    assert reply.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "body",
    [{"resourceType": "Patient"}, b"{", {"resourceType": "Parameters", "parameter": [{"name": "start"}]}],
)
async def test_a_body_that_is_no_parameters_is_refused(record: Server, body: Any) -> None:
    assert (await record.post("Patient/ann/$everything", body)).status_code == 400


async def test_everyone_gets_what_they_may_read_and_no_more(record: Server) -> None:
    band = Actor("app", "band", "Band", "certified app", scopes=frozenset({"system/*.rs"}))
    cases: list[tuple[Actor, str, int, str]] = [
        (GP, "ann", 200, "ann early stay pulse undated asthma late"),
        (DESK, "ann", 200, "ann"),
        (OTHER_GP, "ann", 404, ""),
        (OTHER_GP, "bob", 200, "bob hers together"),
        (ANN_HERSELF, "ann", 200, "ann early stay pulse undated asthma late"),
        (ANN_HERSELF, "bob", 404, ""),
        (BOB_HIMSELF, "bob", 200, "bob hers together"),
        (band, "ann", 404, ""),
        (Actor("administrator", "admin", "Admin", "administrator"), "ann", 403, ""),
    ]
    for actor, patient, status, matches in cases:
        reply = await record.ask(actor, "GET", f"Patient/{patient}/$everything")
        assert (reply.status, ids(reply.tree) if status == 200 else []) == (status, matches.split()), actor


async def test_it_is_on_record_for_each_patient_who_was_in_it(record: Server) -> None:
    before = len(await record.events())
    await record.ask(GP, "GET", "Patient/ann/$everything?_count=1")
    events = (await record.events())[before:]
    done = [event for event in events if event["subtype"][0]["code"] == "operation"]
    entities = [entity for event in done for entity in event["entity"]]
    assert any(entity["what"] == {"reference": "Patient/ann"} for entity in entities)
    assert any(entity.get("description") == "Patient/ann/$everything?_count=1" for entity in entities)


async def test_the_capability_statement_lists_the_operations(record: Server) -> None:
    [rest] = (await record.get("metadata")).json()["rest"]
    by_type = {item["type"]: {one["name"] for one in item["operation"]} for item in rest["resource"]}
    everywhere = by_type["Basic"]
    assert {"meta", "meta-add", "meta-delete"} <= everywhere
    assert by_type["Encounter"] == everywhere | {"everything"}
    assert by_type["Patient"] == everywhere | {"everything", "export"}
    assert by_type["Observation"] == everywhere | {"lastn"}
    base = "http://hl7.org/fhir/OperationDefinition"
    assert {"name": "meta", "definition": f"{base}/Resource-meta"} in rest["operation"]
    [patient] = [item for item in rest["resource"] if item["type"] == "Patient"]
    assert {"name": "everything", "definition": f"{base}/Patient-everything"} in patient["operation"]
