"""Compartment search: what belongs to one patient, and nothing else."""

from __future__ import annotations

from api import FHIR, Server

ANN = {"resourceType": "Patient", "id": "ann"}
BOB = {"resourceType": "Patient", "id": "bob"}


def observation(name: str, subject: str, **more: object) -> dict[str, object]:
    code = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    about = {"resourceType": "Observation", "id": name, "status": "final", "code": code}
    return {**about, "subject": {"reference": f"Patient/{subject}"}, **more}


async def test_a_compartment_holds_what_names_the_patient_by_any_of_its_parameters(server: Server) -> None:
    performed = observation("by-ann", "bob", performer=[{"reference": "Patient/ann"}])
    await server.put(ANN, BOB, observation("of-ann", "ann"), observation("of-bob", "bob"), performed)
    assert sorted(await server.found("Patient/ann/Observation")) == ["by-ann", "of-ann"]
    assert await server.found("Patient/ann/Observation?code=8867-4&subject=bob") == ["by-ann"]
    assert await server.found("Patient/nobody/Observation") == []


async def test_its_pages_lead_on_within_the_compartment(server: Server) -> None:
    await server.put(ANN, *(observation(f"n{number}", "ann") for number in range(3)))
    first = (await server.get("Patient/ann/Observation?_count=2")).json()
    onward = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert onward.startswith(f"{FHIR}/Patient/ann/Observation?")
    rest = (await server.get(onward.removeprefix(f"{FHIR}/"))).json()
    found = [entry["resource"]["id"] for bundle in (first, rest) for entry in bundle["entry"]]
    assert sorted(found) == ["n0", "n1", "n2"]


async def test_a_type_that_has_no_place_in_the_compartment_is_refused(server: Server) -> None:
    answer = await server.get("Patient/ann/Location")
    assert answer.status_code == 404
    assert "compartment" in answer.json()["issue"][0]["diagnostics"]
