"""$expunge, retention and $space: what an administrator does to the store; $document and $convert."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from api import FakeClock, Server, serving

from carespine.security.actor import Actor
from carespine.spine.retention import Policy, keep_to

Tree = dict[str, Any]
ADMINISTRATOR = Actor("administrator", "admin", "Admin", "administrator")
TABLES = (
    "resource",
    "resource_history",
    "index_string",
    "index_date",
    "index_number",
    "index_quantity",
    "patient_index",
)


def patient(name: str, family: str = "Abel") -> Tree:
    return {"resourceType": "Patient", "id": name, "name": [{"family": family}], "birthDate": "2000-01-01"}


def wanted(**values: Any) -> Tree:
    kinds = {bool: "valueBoolean", int: "valueInteger", str: "valueString"}
    rows = [{"name": name, kinds[type(value)]: value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": rows}


def answered(tree: Tree) -> Tree:
    return {item["name"]: next(v for k, v in item.items() if k != "name") for item in tree["parameter"]}


async def versions(server: Server) -> list[tuple[str, int]]:
    rows = await server.rows(
        "select id, version from resource union all select id, version from resource_history order by 1, 2"
    )
    return [tuple(row) for row in rows]


async def test_an_administrator_removes_for_good_and_says_so_twice(server: Server) -> None:
    for family in ("A", "B", "C"):
        await server.put(patient("ann", family), patient("bob", family))
    await server.request("DELETE", "Patient/bob")
    ask = server.ask
    refused = await ask(ADMINISTRATOR, "POST", "Patient/ann/$expunge", wanted(expungeEverything=True))
    assert refused.status == 400
    assert "confirm" in refused.content.decode()
    nothing = await ask(ADMINISTRATOR, "POST", "Patient/$expunge", wanted(confirm="Patient"))
    assert nothing.status == 400
    old = await ask(
        ADMINISTRATOR,
        "POST",
        "Patient/ann/$expunge",
        wanted(confirm="Patient/ann", expungePreviousVersions=True),
    )
    assert answered(old.tree) == {"count": 2, "more": False}
    assert await versions(server) == [("ann", 3), ("bob", 1), ("bob", 2), ("bob", 3), ("bob", 4)]
    gone = await ask(
        ADMINISTRATOR, "POST", "Patient/$expunge", wanted(confirm="Patient", expungeDeletedResources=True)
    )
    assert answered(gone.tree) == {"count": 4, "more": False}
    assert (await server.get("Patient/bob")).status_code == 404
    assert (await server.get("Patient/ann")).status_code == 200
    await server.put(patient("eve"), patient("eva"))
    some = await ask(
        ADMINISTRATOR, "POST", "$expunge", wanted(confirm="system", expungeEverything=True, limit=2)
    )
    assert answered(some.tree) == {"count": 2, "more": True}
    rest = await ask(ADMINISTRATOR, "POST", "$expunge", wanted(confirm="system", expungeEverything=True))
    assert answered(rest.tree) == {"count": 1, "more": False}
    for table in TABLES:
        assert await server.rows(f"select 1 from {table}") == [], table  # noqa: S608
    subtypes = [event["subtype"][0]["code"] for event in await server.events()]
    assert subtypes.count("expunge") == 5


@pytest.mark.parametrize(
    "actor",
    [
        Actor("app", "a", "A", "registered app", scopes=frozenset({"system/*.cruds"})),
        Actor("practitioner", "d", "D", "general practitioner", organisation="A"),
        Actor("patient", "p", "P", "patient", patient="p"),
    ],
)
async def test_nobody_else_expunges_or_measures(reading: Server, actor: Actor) -> None:
    body = wanted(confirm="Patient/ann", expungeEverything=True)
    assert (await reading.ask(actor, "POST", "Patient/ann/$expunge", body)).status == 403
    assert (await reading.ask(actor, "GET", "$space")).status == 403
    assert (await reading.get("Patient/ann/$expunge")).status_code == 405


async def test_the_space_report_counts_types_and_tables(server: Server) -> None:
    await server.put(patient("ann"))
    await server.put(patient("ann", "B"))
    found = (await server.get("$space")).json()
    (row,) = [item["part"] for item in found["parameter"] if item["name"] == "resource"]
    values = {part["name"]: next(v for k, v in part.items() if k != "name") for part in row}
    assert (values["type"], values["current"], values["versions"]) == ("Patient", 1, 1)
    assert values["current-bytes"] > 100
    assert values["index-bytes"] > 0
    assert answered(found)["total"] > 10_000


async def test_a_policy_removes_what_is_old_and_nothing_else(tmp_path: Path, database_url: str) -> None:
    clock = FakeClock()
    async with serving(database_url, tmp_path, clock=clock, open=True) as server:
        for family in ("A", "B"):
            await server.put(patient("ann", family), patient("bob", family))
            clock.forward(days=10)
        await server.request("DELETE", "Patient/bob")
        clock.forward(days=10)
        await server.put(patient("ann", "C"))
        door = server.platform.door
        # Version 1 was replaced 20 days ago, version 2 now: it is what was shown until today.
        removed = await keep_to(
            door, Policy(history_days=15, deleted_days=None), now=clock() + timedelta(hours=1)
        )
        assert (removed.versions, removed.resources) == (2, 0)
        assert await versions(server) == [("ann", 2), ("ann", 3), ("bob", 2), ("bob", 3)]
        removed = await keep_to(door, Policy(history_days=None, deleted_days=5), now=clock())
        assert (removed.versions, removed.resources) == (0, 1)
        assert await versions(server) == [("ann", 2), ("ann", 3)]
        kept = await keep_to(door, Policy(None, None), now=clock())
        assert (kept.versions, kept.resources) == (0, 0)


def composition(*sections: str) -> Tree:
    entries = [{"reference": name} for name in sections]
    return {
        "resourceType": "Composition",
        "id": "letter",
        "status": "final",
        "type": {"text": "letter"},
        "subject": {"reference": "Patient/ann"},
        "date": "2026-01-01",
        "author": [{"reference": "Practitioner/doctor"}],
        "title": "Letter",
        "section": [{"title": "s", "entry": entries}] if entries else [{"title": "s", "text": TEXT}],
    }


TEXT = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}


async def test_a_document_holds_what_its_composition_names(server: Server) -> None:
    await server.put(
        patient("ann"), {"resourceType": "Practitioner", "id": "doctor"}, composition("Patient/ann")
    )
    made = await server.get("Composition/letter/$document")
    assert made.status_code == 200, made.text
    tree = made.json()
    assert tree["type"] == "document"
    assert tree["identifier"]["value"].startswith("urn:uuid:")
    assert [entry["resource"]["resourceType"] for entry in tree["entry"]] == [
        "Composition",
        "Patient",
        "Practitioner",
    ]
    assert all(entry["fullUrl"].endswith("/" + entry["resource"]["id"]) for entry in tree["entry"])
    assert await server.rows("select 1 from resource where id = $1", tree.get("id", "")) == []
    kept = await server.get("Composition/letter/$document?persist=true")
    assert (await server.get(f"Bundle/{kept.json()['id']}")).json()["type"] == "document"
    await server.put(composition("Observation/none"))
    broken = await server.get("Composition/letter/$document")
    assert broken.status_code == 422
    assert "Observation/none" in broken.text
    assert (await server.get("Composition/none/$document")).status_code == 404
    assert (await server.get("Composition/letter/$document?persist=maybe")).status_code == 400


async def test_a_resource_is_converted_between_json_and_xml(reading: Server) -> None:
    tree = patient("ann")
    as_xml = await reading.post("$convert", tree, accept="application/fhir+xml")
    assert as_xml.status_code == 200
    assert as_xml.headers["content-type"].startswith("application/fhir+xml")
    assert b'<family value="Abel"/>' in as_xml.content
    back = await reading.http.post(
        "/fhir/$convert",
        content=as_xml.content,
        headers={"content-type": "application/fhir+xml", "accept": "application/fhir+json"},
    )
    assert back.json() == tree
    inside = {"resourceType": "Parameters", "parameter": [{"name": "input", "resource": tree}]}
    assert (await reading.post("$convert", inside)).json() == tree
    assert (await reading.post("$convert", {"resourceType": "Patient", "colour": "red"})).status_code in (
        400,
        422,
    )
    assert (await reading.post("$convert", b"")).status_code == 400


async def test_every_operation_that_is_declared_is_there_and_ours_are_defined(reading: Server) -> None:
    statement = (await reading.get("metadata")).json()["rest"][0]
    of_types = [(f"{r['type']}/", each) for r in statement["resource"] for each in r["operation"]]
    ours = set()
    for place, each in [("", each) for each in statement["operation"]] + of_types:
        reply = await reading.request("OPTIONS", f"{place}${each['name']}")
        on_instance = await reading.request("OPTIONS", f"{place}x/${each['name']}")
        assert 204 in (reply.status_code, on_instance.status_code), (place, each)
        if each["definition"].startswith("http://127.0.0.1:8600"):
            ours.add(each["definition"])
    assert len(ours) == 4
    for url in ours:
        read = await reading.http.get(url)
        assert read.status_code == 200
        assert read.json()["url"] == url
        checked = await reading.post("$convert", read.json())
        assert checked.status_code == 200, checked.text
