"""SearchParameters that come at run time: refused with a reason, known everywhere, searchable after $reindex."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from api import Server, fresh_database, serving
from jobs_client import kick_off, settled

from carespine.security.actor import Actor
from carespine.spine.reindexing import reindex_job
from carespine.storage.embedded import EmbeddedPostgres

Tree = dict[str, Any]
URL = "http://example.org/religion"


def parameter(name: str = "religion", **other: Any) -> Tree:
    return {
        "resourceType": "SearchParameter",
        "id": name,
        "url": f"http://example.org/fhir/SearchParameter/{name}",
        "name": "X",
        "status": "active",
        "description": "x",
        "code": name,
        "base": ["Patient"],
        "type": "token",
        "expression": f"Patient.extension.where(url='{URL}').value",
        **other,
    }


def patient(name: str, religion: str) -> Tree:
    coded = {"coding": [{"system": "http://r", "code": religion}]}
    return {"resourceType": "Patient", "id": name, "extension": [{"url": URL, "valueCodeableConcept": coded}]}


async def reindexed(server: Server, **headers: str) -> Tree:
    state = await settled(
        server, await kick_off(server, "$reindex", {"resourceType": "Parameters"}, **headers)
    )
    assert state.status_code == 200, state.text
    found: Tree = state.json()
    return found


async def known(server: Server, url: str, status: int) -> Any:
    """The answer once this process has learnt of a change."""
    for _ in range(200):
        reply = await server.get(url)
        if reply.status_code == status:
            return reply
        await asyncio.sleep(0.02)
    raise AssertionError(f"{reply.status_code} {reply.text}")


async def listed(server: Server) -> list[str]:
    resources = (await server.get("metadata")).json()["rest"][0]["resource"]
    (of_patient,) = [each for each in resources if each["type"] == "Patient"]
    return [each["name"] for each in of_patient["searchParam"]]


async def test_a_parameter_is_searchable_after_reindexing_and_gone_when_deleted(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex_job, "PAGE", 2)
    await server.put(*(patient(f"p{number}", "a" if number % 2 else "b") for number in range(5)))
    assert (await server.get("Patient?religion=a")).status_code == 400
    made = await server.write("SearchParameter/religion", parameter())
    assert made.status_code == 201, made.text
    for _ in range(100):  # until this process has learnt of it
        refused = await server.get("Patient?religion=a")
        if "$reindex" in refused.text:
            break
        await asyncio.sleep(0.02)
    assert refused.status_code == 400
    assert "Run $reindex first" in refused.text
    assert "religion" not in await listed(server)
    done = await reindexed(server)
    values = [next(iter(v for k, v in item.items() if k != "name")) for item in done["parameter"]]
    assert values == [5, "Patient", "religion"]
    assert await server.found("Patient?religion=a") == ["p1", "p3"]
    assert await server.found("Patient?religion=http://r|b") == ["p0", "p2", "p4"]
    assert await server.found("Patient?religion:missing=true") == []
    assert "religion" in await listed(server)
    # What is written from now on is indexed at once, and versions and dates stayed.
    await server.put(patient("new", "a"))
    assert await server.found("Patient?religion=a") == ["p1", "p3", "new"]
    assert (await server.get("Patient/p1")).headers["etag"] == 'W/"1"'
    # A change takes effect after reindexing, a deletion at once.
    changed = parameter(expression="Patient.gender")
    await server.write("SearchParameter/religion", changed)
    await known(server, "Patient?religion=a", 400)
    await reindexed(server)
    assert await server.found("Patient?religion=a") == []
    await server.request("DELETE", "SearchParameter/religion")
    gone = await known(server, "Patient?religion=a", 400)
    assert "has no search parameter" in gone.text


async def test_every_kind_of_parameter_can_be_added(server: Server) -> None:
    await server.put(
        {
            "resourceType": "Encounter",
            "id": "e",
            "status": "finished",
            "class": {"code": "AMB"},
            "statusHistory": [{"status": "planned", "period": {"start": "2020-03-01", "end": "2020-03-02"}}],
            "hospitalization": {
                "origin": {"reference": "Location/l"},
                "preAdmissionIdentifier": {"value": "pre-1"},
            },
            "length": {"value": 5, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"},
            "classHistory": [{"class": {"code": "IMP"}, "period": {"start": "2020"}}],
            "diagnosis": [{"condition": {"reference": "Condition/c"}, "rank": 3}],
            "priority": {"text": "quite urgent"},
            "implicitRules": "http://rules",
        }
    )
    kinds = {
        "planned": ("date", "Encounter.statusHistory.where(status='planned').period", "ge2020-03-01"),
        "origin": ("reference", "Encounter.hospitalization.origin", "Location/l"),
        "pre": ("token", "Encounter.hospitalization.preAdmissionIdentifier", "pre-1"),
        "how-long": ("quantity", "Encounter.length", "ge4||d"),
        "was-class": ("token", "Encounter.classHistory.class", "IMP"),
        "rank": ("number", "Encounter.diagnosis.rank", "3"),
        "urgency": ("string", "Encounter.priority.text", "quite"),
        "rules": ("uri", "Encounter.implicitRules", "http://rules"),
    }
    for code, (kind, expression, _) in kinds.items():
        tree = parameter(code, type=kind, expression=expression, base=["Encounter"])
        reply = await server.write(f"SearchParameter/{code}", tree)
        assert reply.status_code == 201, reply.text
    await reindexed(server)
    for code, (_, _, value) in kinds.items():
        assert await server.found(f"Encounter?{code}={value}") == ["e"], code
    assert await server.found("Encounter?_sort=planned&rank=gt2") == ["e"]


@pytest.fixture(scope="module")
async def shared(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    with fresh_database(postgres) as url:
        async with serving(url, tmp_path_factory.mktemp("parameters"), open=True) as running:
            yield running


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"expression": "Patient.name."}, "expression"),
        ({"expression": "Patient.nonsense"}, "nonsense"),
        ({"expression": "Observation.code"}, "says nothing about Patient"),
        ({"expression": "Patient.name.given.first()"}, "cannot be indexed"),
        ({"expression": "Patient.birthDate"}, "which a token parameter cannot hold"),
        ({"code": "birthdate"}, "already"),
        ({"code": "_x"}, "parameter's name"),
        ({"code": "a:b"}, "parameter's name"),
        ({"type": "composite"}, "cannot be added"),
        ({"base": ["Nothing"]}, "Nothing"),
        ({"expression": None}, "expression"),
    ],
)
async def test_a_parameter_that_cannot_be_is_refused_with_the_reason(
    shared: Server, change: Tree, words: str
) -> None:
    tree = {key: value for key, value in parameter(**change).items() if value is not None}
    reply = await shared.post("SearchParameter", {k: v for k, v in tree.items() if k != "id"})
    assert reply.status_code in (400, 422), reply.text
    assert words in reply.text
    assert await shared.rows("select 1 from search_parameter") == []


async def test_r4s_own_parameters_and_drafts_are_stored_without_effect(shared: Server) -> None:
    for tree in (
        parameter("draft", status="draft", expression="Patient.nonsense"),
        parameter(
            "official", url="http://hl7.org/fhir/SearchParameter/individual-birthdate", code="birthdate"
        ),
        parameter("same", code="birthdate", type="date", expression="Patient.birthDate"),
    ):
        reply = await shared.write(f"SearchParameter/{tree['id']}", tree)
        assert reply.status_code == 201, reply.text
    assert await shared.rows("select 1 from search_parameter") == []


async def test_two_parameters_of_one_name_for_one_type_are_refused(server: Server) -> None:
    assert (await server.write("SearchParameter/religion", parameter())).status_code == 201
    other = {**parameter(), "id": "other", "url": "http://example.org/other"}
    assert (await server.write("SearchParameter/other", other)).status_code == 422


async def test_only_those_who_may_change_parameters_reindex(shared: Server) -> None:
    body = {"resourceType": "Parameters"}
    reader = Actor("app", "r", "R", "registered app", scopes=frozenset({"system/*.rs"}))
    assert (await shared.ask(reader, "POST", "$reindex", body)).status == 403
    wrong = {"resourceType": "Parameters", "parameter": [{"name": "type", "valueCode": "Nothing"}]}
    assert (await shared.post("$reindex", wrong)).status_code == 400
    assert (await shared.get("$reindex")).status_code == 405


async def test_another_process_learns_of_a_parameter_without_a_restart(
    database_url: str, tmp_path: Path
) -> None:
    """Two platforms stand for two processes; the job waits until both index by it what they write."""
    async with serving(database_url, tmp_path / "a", open=True) as one:
        async with serving(database_url, tmp_path / "b", open=True) as two:
            await one.put(patient("before", "a"))
            await one.write("SearchParameter/religion", parameter())
            await reindexed(one)
            rows = await two.rows("select known from worker")
            assert len({row["known"] for row in rows}) == 1
            await two.put(patient("after", "a"))
            assert await two.found("Patient?religion=a") == ["before", "after"]
        assert len(await one.rows("select 1 from worker")) == 1
