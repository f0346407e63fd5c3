"""$export: kick-off, state, files, end; what is in it, and for whom (FHIR Bulk Data Access IG 2.0.0)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from api import BASE, Server, fresh_database, serving
from jobs_client import exported, kick_off, lines, manifest, place, settled

from carespine.security.actor import TREATMENT, Actor, system_job
from carespine.storage import bulk
from carespine.storage.embedded import EmbeddedPostgres

Tree = dict[str, Any]


def patient(name: str, practice: str = "practice") -> Tree:
    return {
        "resourceType": "Patient",
        "id": name,
        "name": [{"family": name.title()}],
        "gender": "female",
        "managingOrganization": {"reference": f"Organization/{practice}"},
    }


def observation(name: str, of: str, code: str = "weight") -> Tree:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://c", "code": code}]},
        "subject": {"reference": f"Patient/{of}"},
    }


RECORD: list[Tree] = [
    {"resourceType": "Organization", "id": "practice", "name": "Practice"},
    {"resourceType": "Practitioner", "id": "doctor"},
    patient("ann"),
    patient("bob"),
    observation("a1", "ann"),
    observation("a2", "ann", "height"),
    observation("b1", "bob"),
    {
        "resourceType": "Group",
        "id": "clinic",
        "type": "person",
        "actual": True,
        "member": [
            {"entity": {"reference": "Patient/ann"}},
            {"entity": {"reference": "Patient/bob"}, "inactive": True},
        ],
    },
]
EVERYONE = {"Patient": {"ann", "bob"}, "Observation": {"a1", "a2", "b1"}}


@pytest.fixture(scope="module")
async def shared(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server with a small record, which no test of this module changes."""
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("export"), open=True) as running:
            await running.put(*RECORD)
            yield running


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "$export",
            {
                **EVERYONE,
                "Organization": {"practice"},
                "Practitioner": {"doctor"},
                "Group": {"clinic"},
            },
        ),
        ("Patient/$export", EVERYONE),
        (
            "Patient/$export?_type=Observation,Practitioner",
            {"Observation": {"a1", "a2", "b1"}, "Practitioner": {"doctor"}},
        ),
        ("Group/clinic/$export", {"Patient": {"ann"}, "Observation": {"a1", "a2"}}),
        ("$export?_type=Patient", {"Patient": {"ann", "bob"}}),
        ("$export?_type=Patient&_outputFormat=application%2Ffhir%2Bndjson", {"Patient": {"ann", "bob"}}),
        ("$export?_type=Patient&_outputFormat=application/fhir+ndjson", {"Patient": {"ann", "bob"}}),
        (
            "$export?_type=Patient,Observation&_typeFilter=Observation%3Fcode%3Dhttp%3A%2F%2Fc%7Cheight",
            {"Patient": {"ann", "bob"}, "Observation": {"a2"}},
        ),
        (
            "$export?_type=Observation&_typeFilter=Observation%3Fcode%3Dheight,Observation%3Fpatient%3Dbob",
            {"Observation": {"a2", "b1"}},
        ),
        ("$export?_since=2999-01-01T00:00:00Z", {}),
        ("$export?_type=Patient&_since=2001-01-01T00:00:00Z", {"Patient": {"ann", "bob"}}),
    ],
)
async def test_an_export_holds_what_was_asked_for(
    shared: Server, url: str, expected: dict[str, set[str]]
) -> None:
    found = await manifest(shared, url)
    assert await exported(shared, found) == expected
    assert found["request"] == f"{BASE}/fhir/" + found["request"].partition("/fhir/")[2]
    assert found["requiresAccessToken"] is False
    assert found["error"] == []


async def test_a_post_names_patients_and_elements(shared: Server) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueReference": {"reference": "Patient/bob"}},
            {"name": "_type", "valueString": "Patient,Observation"},
            {"name": "_elements", "valueString": "Patient.gender,id"},
        ],
    }
    found = await manifest(shared, "Patient/$export", body)
    assert await exported(shared, found) == {"Patient": {"bob"}, "Observation": {"b1"}}
    (bob,) = [
        item for file in found["output"] if file["type"] == "Patient" for item in await lines(shared, file)
    ]
    assert bob.keys() == {"resourceType", "id", "meta", "gender"}
    assert bob["meta"]["tag"][0]["code"] == "SUBSETTED"


@pytest.mark.parametrize(
    ("url", "headers", "status", "words"),
    [
        ("$export", {"prefer": "return=minimal"}, 400, "respond-async"),
        ("$export?_outputFormat=text/csv", {}, 400, "_outputFormat"),
        ("$export?_type=Nothing", {}, 400, "'Nothing'"),
        ("$export?_since=soon", {}, 400, "_since"),
        ("$export?colour=red", {}, 400, "colour"),
        ("$export?includeAssociatedData=LatestProvenanceResources", {}, 400, "includeAssociatedData"),
        ("$export?_typeFilter=Observation", {}, 400, "_typeFilter"),
        ("$export?_typeFilter=Observation%3Fcolour%3Dred", {}, 400, "colour"),
        ("$export?_typeFilter=Observation%3F_sort%3Ddate", {}, 400, "_sort"),
        ("$export?_type=Patient&_typeFilter=Observation%3Fcode%3Dx", {}, 400, "not in _type"),
        ("$export?_elements=Patient.na me", {}, 400, "_elements"),
        ("Patient/$export?_type=Practitioner", {}, 400, "patient's record"),
        ("Patient/$export?patient=Patient/ann", {}, 400, "POST"),
        ("Group/nobody/$export", {}, 404, "Group/nobody"),
        ("Observation/$export", {}, 404, "no operation"),
        ("_jobs/none", {}, 404, "no such job"),
    ],
)
async def test_what_cannot_be_exported_is_refused_with_the_reason(
    shared: Server, url: str, headers: dict[str, str], status: int, words: str
) -> None:
    reply = await kick_off(shared, url, **headers)
    assert reply.status_code == status, reply.text
    assert reply.json()["resourceType"] == "OperationOutcome"
    assert words in reply.text


async def test_lenient_handling_leaves_out_what_is_not_supported(shared: Server) -> None:
    url = "$export?_type=Patient&colour=red&includeAssociatedData=LatestProvenanceResources"
    found = await manifest(shared, url, prefer="respond-async, handling=lenient")
    assert await exported(shared, found) == {"Patient": {"ann", "bob"}}


async def test_files_come_packed_to_those_who_take_gzip(shared: Server) -> None:
    found = await manifest(shared, "$export?_type=Patient")
    address = found["output"][0]["url"].removeprefix(BASE)
    plain = await shared.http.get(address, headers={"accept-encoding": "identity"})
    packed = await shared.http.get(address, headers={"accept-encoding": "br, gzip"})
    refused = await shared.http.get(address, headers={"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text == refused.text
    assert (await shared.http.get(address + "x")).status_code == 404


async def test_a_deleted_export_is_gone_with_its_files(shared: Server) -> None:
    reply = await kick_off(shared, "$export?_type=Patient")
    found = (await settled(shared, reply)).json()
    gone = await shared.http.delete(place(reply))
    assert gone.status_code == 202
    assert (await shared.http.get(place(reply))).status_code == 404
    assert (await shared.http.get(found["output"][0]["url"].removeprefix(BASE))).status_code == 404
    assert await shared.rows("select 1 from job_part where job = $1", place(reply).rpartition("/")[2]) == []


async def test_deletions_since_a_moment_are_told(server: Server) -> None:
    await server.put(*RECORD)
    before = (await manifest(server, "$export?_type=Patient"))["transactionTime"]
    await asyncio.sleep(0.002)  # so that what follows is after that millisecond
    await server.request("DELETE", "Observation/a1")
    await server.put(observation("a3", "ann"))
    found = await manifest(server, f"Patient/$export?_since={before}")
    assert await exported(server, found) == {"Observation": {"a3"}}
    (bundle,) = await lines(server, found["deleted"][0])
    assert bundle["type"] == "transaction"
    assert [entry["request"] for entry in bundle["entry"]] == [{"method": "DELETE", "url": "Observation/a1"}]


async def test_each_patients_trail_says_once_that_they_were_exported(server: Server) -> None:
    await server.put(*RECORD)
    await manifest(server, "Patient/$export")
    rows = await server.rows(
        "select i.id, count(*) from audit_event a join patient_index i on i.patient = a.patient "
        "where position('bulk export' in convert_from(body, 'UTF8')) > 0 group by i.id order by i.id"
    )
    assert [tuple(row) for row in rows] == [("ann", 1), ("bob", 1)]


def app(client: str, *scopes: str) -> Actor:
    return Actor("app", client, client, "registered app", scopes=frozenset(scopes))


def consent(of: str, client: str, data_class: str | None = None) -> Tree:
    coding = {"class": [{"code": data_class}]} if data_class else {}
    who = {"role": {"text": "app"}, "reference": {"identifier": {"value": client}}}
    return {
        "resourceType": "Consent",
        "id": f"{of}-{client}",
        "status": "active",
        "scope": {"text": "privacy"},
        "category": [{"text": "sharing"}],
        "patient": {"reference": f"Patient/{of}"},
        "policyRule": {"text": "x"},
        "provision": {"type": "permit", "actor": [who], **coding},
    }


async def _register(server: Server, client: str, *, enabled: bool = True) -> None:
    async with server.platform.database.transaction() as tx:
        await tx.execute(
            "insert into oauth_client (client_id, name, jwks, scopes, certified, enabled) "
            "values ($1, $1, '{}', '', false, $2) on conflict (client_id) do update set enabled = $2",
            client,
            enabled,
        )


async def _ended(server: Server, actor: Actor, url: str) -> Any:
    reply = await server.ask(actor, "GET", url, headers={"prefer": "respond-async"})
    assert reply.status == 202, reply.content
    address = reply.headers["Content-Location"].removeprefix(f"{BASE}/fhir/")
    for _ in range(400):
        state = await server.ask(actor, "GET", address)
        if state.status != 202:
            return address, state
        await asyncio.sleep(0.02)
    raise AssertionError("the job does not end")


async def test_an_app_exports_only_what_it_may(tmp_path: Path, database_url: str) -> None:
    async with serving(database_url, tmp_path) as server:
        await server.put(*RECORD, consent("ann", "shared-with"))
        await _register(server, "shared-with")
        await _register(server, "other")
        all_of_it = app("shared-with", "system/*.rs")
        address, state = await _ended(server, all_of_it, "Group/clinic/$export")
        found = state.tree
        assert found["requiresAccessToken"] is True
        assert {file["type"]: file["count"] for file in found["output"]} == {
            "Consent": 1,
            "Observation": 2,
            "Patient": 1,
        }
        # Another, and the same without the scope: nothing to be seen, and no word of it.
        assert (await server.ask(app("other", "system/*.rs"), "GET", address)).status == 404
        assert (await server.ask(app("other", "system/*.rs"), "DELETE", address)).status == 404
        _, nothing = await _ended(server, app("other", "system/*.rs"), "Patient/$export")
        assert nothing.tree["output"] == []
        refused = await server.ask(
            app("shared-with", "system/Patient.rs"),
            "GET",
            "$export?_type=Observation",
            headers={"prefer": "respond-async"},
        )
        assert refused.status == 403
        _, scoped = await _ended(server, app("shared-with", "system/Patient.rs"), "$export")
        assert [file["type"] for file in scoped.tree["output"]] == ["Patient"]


async def test_an_app_that_was_disabled_meanwhile_gets_no_more(tmp_path: Path, database_url: str) -> None:
    async with serving(database_url, tmp_path) as server:
        await server.put(*RECORD, consent("ann", "late"))
        await _register(server, "late", enabled=False)
        _, state = await _ended(server, app("late", "system/*.rs"), "$export")
        assert state.status == 500
        assert "disabled" in state.content.decode()


async def test_what_was_changed_after_the_moment_is_as_it_was(server: Server) -> None:
    """A resource that is updated, deleted or made while the export is at work."""

    await server.put(*RECORD)
    async with server.platform.door.enter(system_job("test"), purpose=TREATMENT) as session:
        updated = await session.tx.fetchval("select max(updated) from resource")
    moment = updated + timedelta(milliseconds=1)
    await asyncio.sleep(0.005)
    await server.put({**patient("ann"), "gender": "male"}, patient("new"))
    await server.request("DELETE", "Patient/bob")
    selection = bulk.Selection("Patient", moment, bulk.row_bound())
    async with server.platform.database.connection() as connection:
        found = await bulk.rows(connection, selection, lambda _arguments, _alias: "true", after=0, count=100)
    assert {item.id: item.version for item in found.items} == {"ann": 1, "bob": 1}
