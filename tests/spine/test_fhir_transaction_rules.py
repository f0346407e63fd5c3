"""What batch and transaction owe an entry: its own fault and identity, what the others made (R4 http 3.1.0.11)."""

from __future__ import annotations

from typing import Any

import pytest
from api import FHIR, Server
from test_fhir_api_bundles import bundle, entry, observation, patient, statuses, total

Tree = dict[str, Any]
CONDITION = "identifier=http://a|1"


async def test_a_fault_in_one_entry_of_a_batch_is_that_entry_s(server: Server) -> None:
    sent = bundle(
        "batch",
        entry("POST", "Patient", patient("1")),
        entry("POST", "Patient", patient("2", gender="bogus")),
        entry("POST", "Patient", patient("3", nonsense=True)),
        entry("PUT", "Basic/b", {"resourceType": "Basic", "id": "b"}),
        entry("POST", "Foo", {"resourceType": "Foo"}),
        entry("POST", "Patient", {"gender": "male"}),
        entry("GET", "metadata"),
        entry("POST", "Patient", patient("4")),
    )
    answer = (await server.post("", sent)).json()
    found = [part["response"]["status"][:3] for part in answer["entry"]]
    assert found == ["201", "422", "422", "422", "400", "400", "200", "201"]
    assert "bogus" in answer["entry"][1]["response"]["outcome"]["issue"][0]["diagnostics"]
    assert await total(server, "Patient") == 2


@pytest.mark.parametrize(
    "text",
    [
        b'{"resourceType":"Bundle","type":"batch","type":"batch","entry":[{"resource":{"resourceType":"Patient","gender":"x"},"request":{"method":"POST","url":"Patient"}}]}',
        b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient","gender":"x"},"request":{"method":"NOPE","url":"Patient"}}]}',
        b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient","gender":"x"},"unknown":1}]}',
        b'{"resourceType":"Bundle","type":"batch","entry":{"resource":{"resourceType":"Patient","gender":"x"}}}',
        b'{"resourceType":"Bundle","type":"batch","entry":["x"]}',
    ],
)  # fmt: skip
async def test_a_fault_of_the_bundle_itself_refuses_it(server: Server, text: bytes) -> None:
    refused = await server.post("", text)
    assert refused.status_code in (400, 422)
    assert await total(server, "Patient") == 0


async def test_a_conditional_reference_finds_what_the_transaction_makes(server: Server) -> None:
    encounter = {
        "resourceType": "Encounter",
        "identifier": [{"system": "http://e", "value": "1"}],
        "status": "planned",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient?{CONDITION}"},
    }
    seen = observation(f"Patient?{CONDITION}", encounter={"reference": "Encounter?identifier=http://e|1"})
    sent = bundle(
        "transaction",
        entry("POST", "Observation", seen),
        entry("POST", "Encounter", encounter),
        entry("POST", "Patient", patient("1")),
    )
    assert await statuses(server, sent) == ["201", "201", "201"]
    (made,) = (await server.get("Observation?encounter.subject.identifier=http://a|1")).json()["entry"]
    assert made["resource"]["subject"]["reference"].startswith("Patient/")
    again = await server.post("", sent)  # now each condition matches two
    assert again.status_code == 412
    assert [await total(server, kind) for kind in ("Patient", "Encounter", "Observation")] == [1, 1, 1]


async def test_a_conditional_reference_to_nothing_refuses_the_transaction(server: Server) -> None:
    sent = bundle(
        "transaction",
        entry("POST", "Patient", patient("2")),
        entry("POST", "Observation", observation(f"Patient?{CONDITION}")),
    )
    refused = await server.post("", sent)
    assert refused.status_code == 412
    assert "matches nothing" in refused.json()["issue"][0]["diagnostics"]
    assert await total(server, "Patient") == 0


@pytest.mark.parametrize(
    "first",
    [
        entry("PUT", f"Patient?{CONDITION}", patient("1")),
        entry("POST", "Patient", patient("1")),
        entry("PUT", "Patient/named", patient("1", id="named")),
    ],
)
async def test_two_entries_that_mean_one_resource_are_refused(server: Server, first: Tree) -> None:
    sent = bundle("transaction", first, entry("PUT", f"Patient?{CONDITION}", patient("1")))
    assert (await server.post("", sent)).status_code == 412
    assert await total(server, "Patient") == 0


async def test_a_full_url_that_two_entries_have_is_refused(server: Server) -> None:
    url = "urn:uuid:0a0e2c2a-0000-4000-8000-000000000009"
    sent = bundle(
        "transaction",
        entry("POST", "Patient", patient("1"), url),
        entry("POST", "Patient", patient("2"), url),
    )
    refused = await server.post("", sent)
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[1].fullUrl"]


async def test_a_reference_to_this_server_by_its_address_is_a_relative_one(server: Server) -> None:
    assert (await server.write("Patient/p", patient("1", id="p"))).status_code == 201
    own = observation(f"{FHIR}/Patient/p", note=[{"text": f"{FHIR}/Patient/p"}])
    assert (await server.write("Observation/o1", {**own, "id": "o1"})).status_code == 201
    sent = bundle(
        "transaction",
        entry("PUT", "Observation/o2", {**own, "id": "o2"}),
        entry("PUT", "Observation/o3", observation("http://elsewhere.example/fhir/Patient/p", id="o3")),
    )
    assert await statuses(server, sent) == ["201", "201"]
    for asked in (
        f"Observation?subject={FHIR}/Patient/p",
        "Observation?subject=Patient/p",
        "Patient/p/Observation",
    ):
        found = (await server.get(asked)).json()["entry"]
        assert {each["resource"]["id"] for each in found} == {"o1", "o2"}, asked
    stored = (await server.get("Observation/o1")).json()
    assert (stored["subject"]["reference"], stored["note"][0]["text"]) == ("Patient/p", f"{FHIR}/Patient/p")


async def test_a_compartment_s_every_type_is_narrowed_by_type(server: Server) -> None:
    basic = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}, "subject": {"reference": "Patient/p"}}
    await server.put(patient("1", id="p"), observation("Patient/p", id="o"), basic)
    for types, expected in (("Observation", {"o"}), ("Observation,Basic", {"o", "b"}), ("Encounter", set())):
        answer = (await server.get(f"Patient/p/*?_type={types}")).json()
        assert {each["resource"]["id"] for each in answer.get("entry", [])} == expected
        assert f"_type={types}".replace(",", "%2C") in answer["link"][0]["url"]
    assert (await server.get("Patient/p/*?_type=Foo")).status_code == 400


async def test_a_key_to_sort_by_counts_once_and_there_are_not_many(server: Server) -> None:
    await server.put(
        *(patient(str(number), id=f"p{number}", birthDate=f"200{number}") for number in range(3))
    )
    found = (await server.get("Patient?_sort=-birthdate" + ",birthdate" * 500)).json()["entry"]
    assert [each["resource"]["id"] for each in found] == ["p2", "p1", "p0"]
    keys = "_id,birthdate,family,given,gender,address,phone,email,active"
    assert (await server.get(f"Patient?_sort={keys}")).status_code == 400


async def test_the_answer_to_a_batch_does_not_grow_without_end(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carespine.spine.fhir_api.bundles._LARGEST_ANSWER", 300)
    await server.put(patient("1", id="p"))
    asking = [entry("GET", "Patient/p")] * 4
    found = await statuses(server, bundle("batch", *asking, entry("POST", "Patient", patient("2"))))
    assert found[0] == "200"
    assert found[2:] == ["503", "503", "201"]


async def test_small_habits_of_clients_are_understood(server: Server) -> None:
    made = await server.post("Patient", patient("1"), if_none_exist=f"Patient?{CONDITION}")
    assert made.status_code == 201
    assert (
        await server.post("Patient", patient("1"), if_none_exist=f"Patient?{CONDITION}")
    ).status_code == 200
    assert (await server.get("Observation?value-quantity=１２")).status_code == 400
