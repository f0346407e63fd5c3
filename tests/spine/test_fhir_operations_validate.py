"""$validate over HTTP, at type and instance; and writes that are held to more than structure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from api import FHIR, Server, fresh_database, serving

from carespine.storage.embedded import EmbeddedPostgres

Tree = dict[str, Any]
TEXT = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
GOOD: Tree = {"resourceType": "Patient", "text": TEXT, "name": [{"family": "Abel"}]}
ANN: Tree = {**GOOD, "id": "ann", "maritalStatus": {"text": "single"}}
BAD: Tree = {**GOOD, "contact": [{"gender": "male"}]}
PROFILE = "http://example.org/fhir/StructureDefinition/born"
BORN: Tree = {
    "resourceType": "StructureDefinition", "id": "born", "url": PROFILE, "name": "Born", "status": "active",
    "kind": "resource", "abstract": False, "type": "Patient", "derivation": "constraint",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "differential": {"element": [
        {"id": "Patient", "path": "Patient"},
        {"id": "Patient.birthDate", "path": "Patient.birthDate", "min": 1},
        {"id": "Patient.maritalStatus", "path": "Patient.maritalStatus",
         "binding": {"strength": "required", "valueSet": "http://example.org/fhir/ValueSet/states"}},
        {"id": "Patient.managingOrganization", "path": "Patient.managingOrganization",
         "constraint": [{"key": "b-1", "severity": "error", "human": "It is a practice",
                         "expression": "resolve().name = 'The Practice'"}]},
    ]},
}  # fmt: skip
STATES: Tree = {
    "resourceType": "ValueSet", "id": "states", "url": "http://example.org/fhir/ValueSet/states", "status": "active",
    "compose": {"include": [{"system": "http://example.org/states", "concept": [{"code": "single"}]}]},
}  # fmt: skip


@pytest.fixture(scope="module")
async def held(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that holds Patients to everything, with a profile, a value set and a patient."""
    with fresh_database(postgres) as url:
        folder = tmp_path_factory.mktemp("held")
        async with serving(url, folder, open=True, validation="structure,Patient=full") as running:
            practice = {"resourceType": "Organization", "id": "practice", "name": "The Practice"}
            await running.put(BORN, STATES, practice, ANN)
            yield running


def said(outcome: Tree, severity: str = "error") -> list[str]:
    return [issue["diagnostics"] for issue in outcome["issue"] if issue["severity"] == severity]


def parameters(resource: Tree | None = None, **values: str) -> Tree:
    parts: list[Tree] = [] if resource is None else [{"name": "resource", "resource": resource}]
    parts += [
        {"name": name, "valueUri" if name == "profile" else "valueCode": text}
        for name, text in values.items()
    ]
    return {"resourceType": "Parameters", "parameter": parts}


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("Patient/$validate", GOOD, ""),
        ("Patient/$validate", BAD, "pat-1"),
        ("Patient/$validate", parameters(BAD), "pat-1"),
        ("Patient/$validate", parameters(GOOD, mode="create"), ""),
        ("Patient/$validate", {**GOOD, "nam": 1}, "has an element 'nam'"),
        ("Patient/$validate", parameters({**GOOD, "nam": 1}), "Patient has an element 'nam'"),
        ("Observation/$validate", GOOD, "This is a Patient"),
        (f"Patient/$validate?profile={PROFILE}", GOOD, "has no birthDate"),
        ("Patient/$validate", parameters(GOOD, profile=PROFILE), "has no birthDate"),
        ("Patient/$validate", {**GOOD, "meta": {"profile": [PROFILE]}}, "has no birthDate"),
        ("Patient/$validate", parameters(GOOD, profile="http://x.org/none"), "it is not known here"),
        ("Patient/$validate", parameters(GOOD, mode="update"), "an update needs one"),
        ("Patient/ann/$validate", parameters({**GOOD, "id": "bob"}, mode="update"), "expected 'ann'"),
        ("Patient/ann/$validate", parameters({**GOOD, "id": "ann"}, mode="update"), ""),
        ("Patient/ann/$validate", parameters(mode="profile", profile=PROFILE), "has no birthDate"),
        ("Patient/ann/$validate", parameters(mode="delete"), ""),
        ("Parameters/$validate", {"resourceType": "Parameters", "parameter": [{"name": "x"}]}, "inv-1"),
    ],
)  # fmt: skip
async def test_an_outcome_says_what_is_wrong(held: Server, path: str, body: Tree, words: str) -> None:
    answer = await held.request("POST", path, body)
    outcome = answer.json()
    assert (answer.status_code, outcome["resourceType"]) == (200, "OperationOutcome")
    assert said(outcome) == [] if not words else any(words in each for each in said(outcome)), outcome


async def test_a_stored_resource_is_validated_by_its_address(held: Server) -> None:
    answer = await held.request("GET", f"Patient/ann/$validate?profile={PROFILE}")
    assert f"Patient has no birthDate; {PROFILE} requires at least 1." in said(answer.json())
    assert answer.status_code == 200


async def test_a_finding_names_rule_and_place_for_programs(held: Server) -> None:
    outcome = (await held.request("POST", "Patient/$validate", BAD)).json()
    (issue,) = (each for each in outcome["issue"] if each["severity"] == "error")
    assert issue["code"] == "invariant"
    assert issue["expression"] == issue["location"] == ["Patient.contact[0]"]
    assert issue["details"]["coding"] == [{"code": "pat-1"}]


async def test_stored_value_sets_and_resources_count(held: Server) -> None:
    tree = {**GOOD, "birthDate": "1970", "managingOrganization": {"reference": "Organization/practice"},
            "maritalStatus": {"coding": [{"system": "http://example.org/states", "code": "single"}]}}  # fmt: skip
    path = f"Patient/$validate?profile={PROFILE}"
    assert said((await held.request("POST", path, tree)).json()) == []
    married = {"coding": [{"system": "http://example.org/states", "code": "married"}]}
    told = said((await held.request("POST", path, {**tree, "maritalStatus": married})).json())
    assert any("ValueSet/states" in each for each in told)
    elsewhere = {**tree, "managingOrganization": {"reference": "Organization/none"}}
    assert any("b-1" in each for each in said((await held.request("POST", path, elsewhere)).json()))


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "Patient/$validate", None, 400, "Send the resource to validate"),
        ("POST", "Patient/$validate", parameters(GOOD, mode="eat"), 400, "mode is one of"),
        ("POST", "Patient/$validate", parameters(mode="delete"), 400, "nothing to delete"),
        ("POST", "Patient/$validate?mood=x", GOOD, 400, "not mood"),
        ("GET", "Patient/nobody/$validate", None, 404, "There is no Patient/nobody"),
        ("PUT", "Patient/ann/$validate", GOOD, 405, "not supported"),
        ("POST", "Patient/$validate", {"resourceType": "Nothing"}, 400, "no such resource type"),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_is_refused_in_words(
    held: Server, method: str, path: str, body: Tree | None, status: int, words: str
) -> None:
    answer = await held.request(method, path, body)
    assert answer.status_code == status, answer.text
    assert words in answer.text


async def test_a_profile_counts_from_the_moment_it_is_stored_until_it_is_deleted(held: Server) -> None:
    url = "http://example.org/fhir/StructureDefinition/later"
    later = {**BORN, "id": "later", "url": url}
    path = f"Patient/$validate?profile={url}"
    assert any("not known" in each for each in said((await held.request("POST", path, GOOD)).json()))
    await held.put(later)
    assert any("birthDate" in each for each in said((await held.request("POST", path, GOOD)).json()))
    await held.request("DELETE", "StructureDefinition/later")
    assert any("not known" in each for each in said((await held.request("POST", path, GOOD)).json()))


async def test_a_type_that_is_held_to_everything_refuses_what_breaks_a_rule(held: Server) -> None:
    refused = await held.request("POST", "Patient", BAD)
    assert refused.status_code == 422
    assert "pat-1" in refused.text
    assert (await held.request("POST", "Patient", GOOD)).status_code == 201
    practitioner = {"resourceType": "Practitioner", "extension": [{"url": "http://x.org/y"}]}
    assert (await held.request("POST", "Practitioner", practitioner)).status_code == 201


async def test_an_entry_of_a_transaction_is_held_to_the_same_and_takes_all_with_it(held: Server) -> None:
    entries = [
        {"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "resource": each,
         "request": {"method": "PUT", "url": f"Patient/{each['id']}"}}
        for each in ({**GOOD, "id": "one"}, {**BAD, "id": "two"})
    ]  # fmt: skip
    entries[1]["fullUrl"] = "urn:uuid:c757873d-ec9a-4326-a141-556f43239521"
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    refused = await held.http.post(FHIR, json=bundle, headers={"content-type": "application/fhir+json"})
    assert (refused.status_code, "pat-1" in refused.text) == (422, True)
    assert (await held.request("GET", "Patient/one")).status_code == 404


async def test_by_default_writes_are_held_to_structure(server: Server, tmp_path: Path) -> None:
    assert (await server.request("POST", "Patient", BAD)).status_code == 201
    assert (await server.request("POST", "Patient", {**GOOD, "nam": 1})).status_code == 422
