"""$submit-cgm-bundle over HTTP: each entry has its answer, the record follows, and again changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from api import FHIR, Server

from carespine.fhir import codec
from carespine.kernel.nhs_number import SYSTEM, synthetic
from carespine.security.actor import Actor

NUMBER = synthetic(77)
PERSON = {
    "resourceType": "Patient",
    "id": "ann",
    "identifier": [{"system": SYSTEM, "value": NUMBER}],
    "name": [{"family": "Example"}],
}
SENSOR = {
    "fullUrl": "urn:uuid:6a1c3f0e-0000-4000-8000-000000000001",
    "resource": {
        "resourceType": "Device",
        "manufacturer": "Example Sensors",
        "modelNumber": "S2",
        "deviceName": [{"name": "Sensor 2", "type": "user-friendly-name"}],
    },
}


def entry(code: str, minute: int, value: float, unit: str = "mmol/L", **changes: Any) -> dict[str, Any]:
    return {
        "resource": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "subject": {"reference": "Patient/ann"},
            "effectiveDateTime": f"2026-11-20T08:{minute:02d}:00+00:00",
            "valueQuantity": {
                "value": value,
                "unit": unit,
                "system": "http://unitsofmeasure.org",
                "code": unit,
            },
            "device": {"reference": SENSOR["fullUrl"]},
            **changes,
        },
        "request": {"method": "POST", "url": "Observation"},
    }


def bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


@pytest.fixture
async def server_with_ann(server: Server) -> Server:
    await server.put(PERSON)
    return server


async def sent(server: Server, tree: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await server.post("$submit-cgm-bundle", tree)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    codec.check(made)
    assert made["type"] == "transaction-response"
    assert len(made["entry"]) == len(tree["entry"])
    return [one["response"] for one in made["entry"]]


async def test_each_entry_has_its_answer_in_order_and_the_same_again_changes_nothing(
    server_with_ann: Server,
) -> None:
    server = server_with_ann
    submission = bundle(
        SENSOR,
        entry("99504-3", 5, 120, "mg/dL"),
        entry("105272-9", 10, 6.7),
        entry("105272-9", 15, 700),
        entry("105272-9", 20, 6.7, "furlong"),
        entry("718-7", 25, 140, "g/L"),
        entry("97510-2", 30, 71, "%"),
    )
    first = await sent(server, submission)
    assert [one["status"][:3] for one in first] == ["200", "201", "201", "422", "422", "422", "201"]
    told = [one["outcome"]["issue"][0]["details"]["coding"][0]["code"] for one in first[3:6]]
    assert told == ["value-impossible", "unit-not-supported", "metric-not-supported"]
    assert first[1]["location"] == first[2]["location"]
    summary = (await server.http.get(first[6]["location"])).json()
    assert summary["valueQuantity"]["value"] == 71
    assert summary["meta"]["tag"][0]["code"] == "patient-generated"
    again = await sent(server, submission)
    assert [one["status"][:3] for one in again] == [one["status"][:3] for one in first]
    one_more = await sent(server, bundle(*submission["entry"][:3], entry("105272-9", 35, 7.1)))
    assert [one["status"][:3] for one in one_more] == ["200", "200", "200", "201"]
    rows = await server.http.get(
        "/devices/patients/ann/readings",
        params={"metric": "glucose-cgm", "from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"},
    )
    assert len(rows.text.splitlines()) == 3


async def test_minutes_and_steps_of_the_physical_activity_guide_come_in_the_same_way(
    server_with_ann: Server,
) -> None:
    day = {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-11-19", "end": "2026-11-19"}}
    entries = [
        entry("41950-7", 0, 9120, "/d", **day),
        entry("77592-4", 0, 31, "min", **day),
        entry("89555-7", 0, 5, "d/wk", **day),
    ]
    for one in entries:
        del one["resource"]["effectiveDateTime"]
    answers = await sent(server_with_ann, bundle(*entries))
    assert [one["status"][:3] for one in answers] == ["201", "201", "201"]


async def test_a_patient_may_be_named_by_their_nhs_number(server_with_ann: Server) -> None:
    subject = {"identifier": {"system": SYSTEM, "value": NUMBER}}
    (answer,) = await sent(server_with_ann, bundle(entry("105272-9", 5, 5.5, subject=subject)))
    assert answer["status"] == "201 Created"
    assert answer["location"].startswith(f"{FHIR}/Observation/")


@pytest.mark.parametrize(
    ("tree", "status"),
    [
        (bundle(entry("105272-9", 5, 5.5), kind="collection"), 400),
        ({"resourceType": "Patient"}, 400),
        (bundle(), 400),
        (bundle({"fullUrl": "urn:uuid:1"}), 400),
        (bundle(entry("105272-9", 5, 5.5, subject={"display": "Ann"})), 400),
        (
            bundle(
                entry("105272-9", 5, 5.5), entry("105272-9", 6, 5.5, subject={"reference": "Patient/ben"})
            ),
            400,
        ),
        (bundle(entry("105272-9", 5, 5.5, subject={"reference": "Patient/nobody"})), 404),
    ],
)
async def test_what_is_no_submission_of_one_patient_is_refused_whole(
    server_with_ann: Server, tree: dict[str, Any], status: int
) -> None:
    answer = await server_with_ann.post("$submit-cgm-bundle", tree)
    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_an_app_without_the_patients_consent_is_refused(server_with_ann: Server) -> None:
    app = Actor("app", "meter", "Meter", "client", scopes=frozenset({"system/Observation.crus"}))
    answer = await server_with_ann.ask(app, "POST", "$submit-cgm-bundle", bundle(entry("105272-9", 5, 5.5)))
    assert answer.status in (403, 404)


async def test_the_statement_says_that_this_is_a_receiver(server_with_ann: Server) -> None:
    statement = (await server_with_ann.get("metadata")).json()
    assert statement["instantiates"] == ["http://hl7.org/fhir/uv/cgm/CapabilityStatement/cgm-data-receiver"]
    names = {one["name"] for one in statement["rest"][0]["operation"]}
    assert "submit-cgm-bundle" in names
