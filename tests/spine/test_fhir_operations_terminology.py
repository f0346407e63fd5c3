"""The terminology service over HTTP: what is stored counts at once, for every worker, under any of its addresses."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from api import Server, fresh_database, serving

from carespine.security.actor import Actor
from carespine.storage.embedded import EmbeddedPostgres

sys.path.insert(0, str(Path(__file__).parents[1] / "fhir"))
from terminology_cases import COLOUR_SYSTEM, COLOURS, MAP, PAINTS, RESOURCES, SET

COLOUR = {"system": COLOURS}


@pytest.fixture(scope="module")
async def painted(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Server, Server]]:
    """Two workers over one database that holds the resources of the spec table."""
    with fresh_database(postgres) as url:
        folder = tmp_path_factory.mktemp("painted")
        async with serving(url, folder, open=True) as one, serving(url, folder, open=True) as two:
            await one.put(*RESOURCES)
            yield one, two


def parameters(**values: Any) -> dict[str, Any]:
    """A Parameters resource; the name carries the type: `url_uri="..."`, `coding_coding={...}`."""
    items = []
    for name, value in values.items():
        key, _, kind = name.rpartition("_")
        items.append({"name": key, f"value{kind[0].upper()}{kind[1:]}": value})
    return {"resourceType": "Parameters", "parameter": items}


def outputs(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        item["name"]: next((item[key] for key in item if key.startswith("value")), item.get("part"))
        for item in tree["parameter"]
    }


def codes(tree: dict[str, Any]) -> list[str]:
    return [item["code"] for item in tree["expansion"].get("contains", [])]


async def test_the_operations_answer_get_and_post_on_the_type_and_on_an_instance(
    painted: tuple[Server, Server],
) -> None:
    server, _ = painted
    by_url = await server.get(f"ValueSet/$expand?url={SET}/picked")
    by_id = await server.get("ValueSet/picked/$expand")
    posted = await server.post("ValueSet/$expand", parameters(url_uri=f"{SET}/picked"))
    alone = await server.post("ValueSet/$expand", next(tree for tree in RESOURCES if tree["id"] == "picked"))
    assert [codes(reply.json()) for reply in (by_url, by_id, posted, alone)] == [["navy", "red"]] * 4


async def test_what_is_sent_with_a_request_counts_for_that_request_alone(
    painted: tuple[Server, Server],
) -> None:
    sent = {
        "resourceType": "ValueSet",
        "url": f"{SET}/picked",
        "status": "active",
        "compose": {"include": [{"system": COLOURS, "concept": [{"code": "blue"}]}]},
    }
    body = parameters(url_uri=f"{SET}/picked")
    with_sent = {**body, "parameter": [*body["parameter"], {"name": "tx-resource", "resource": sent}]}
    server, _ = painted
    answers = [await server.post("ValueSet/$expand", each) for each in (body, with_sent, body)]
    assert [codes(answer.json()) for answer in answers] == [["navy", "red"], ["blue"], ["navy", "red"]]


@pytest.mark.parametrize(
    ("url", "name", "value"),
    [
        (f"ValueSet/reds/$validate-code?system={COLOURS}&code=red", "result", True),
        ("CodeSystem/colours/$validate-code?code=green", "result", False),
        (f"CodeSystem/$lookup?system={COLOURS}&code=red", "display", "Red"),
        ("CodeSystem/colours/$subsumes?codeA=blue&codeB=navy", "outcome", "subsumes"),
        (f"ConceptMap/paint/$translate?system={COLOURS}&code=red", "result", True),
        (f"ConceptMap/$translate?url={MAP}/paint&system={PAINTS}&code=P1&reverse=true", "result", True),
    ],
)
async def test_each_operation_has_its_outputs(
    painted: tuple[Server, Server], url: str, name: str, value: object
) -> None:
    reply = await painted[0].get(url)
    assert reply.status_code == 200, reply.text
    assert outputs(reply.json())[name] == value


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("ValueSet/$expand?url=urn:nowhere", 404),
        ("ValueSet/nowhere/$expand", 404),
        ("ValueSet/$expand?url=urn:x&colour=red", 400),
        ("ValueSet/$expand?url=urn%3Ax%00", 404),
        (f"ValueSet/$expand?url={SET}/loop", 422),
        ("CodeSystem/$lookup?system=urn:nowhere&code=x", 404),
        ("CodeSystem/$lookup", 400),
        ("Patient/$expand", 404),
        ("$closure?name=x", 405),
    ],
)
async def test_what_cannot_be_answered_is_refused_with_an_outcome(
    painted: tuple[Server, Server], url: str, status: int
) -> None:
    reply = await painted[0].get(url)
    assert reply.status_code == status, reply.text
    assert reply.json()["resourceType"] == "OperationOutcome"


async def test_xml_is_read_and_written(painted: tuple[Server, Server]) -> None:
    body = f"""<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="url"/>
        <valueUri value="{SET}/picked"/></parameter></Parameters>"""
    reply = await painted[0].request(
        "POST",
        "ValueSet/$expand",
        body.encode(),
        content_type="application/fhir+xml",
        accept="application/fhir+xml",
    )
    assert reply.status_code == 200, reply.text
    assert '<code value="navy"/>' in reply.text


async def test_a_change_counts_at_once_for_every_worker(painted: tuple[Server, Server]) -> None:
    one, two = painted
    tree = {"resourceType": "ValueSet", "id": "moving", "url": "urn:moving", "status": "active"}
    for system_codes in (["red"], ["red", "blue"], ["navy"]):
        concepts = [{"code": code} for code in system_codes]
        await one.put({**tree, "compose": {"include": [{**COLOUR, "concept": concepts}]}})
        for server in (two, one, two):
            assert codes((await server.get("ValueSet/$expand?url=urn:moving")).json()) == system_codes
    await one.request("DELETE", "ValueSet/moving")
    assert (await two.get("ValueSet/$expand?url=urn:moving")).status_code == 404


async def test_a_change_of_a_code_system_reaches_the_value_sets_that_use_it(
    painted: tuple[Server, Server],
) -> None:
    one, two = painted
    system = {**COLOUR_SYSTEM, "id": "shades", "url": "urn:shades"}
    whole = {
        "include": [
            {"system": "urn:shades", "filter": [{"property": "concept", "op": "is-a", "value": "red"}]}
        ]
    }
    await one.put(
        system,
        {
            "resourceType": "ValueSet",
            "id": "shades",
            "url": "urn:all-shades",
            "status": "active",
            "compose": whole,
        },
    )
    asked = "ValueSet/$expand?url=urn:all-shades&excludeNested=true"
    assert codes((await two.get(asked)).json()) == ["red", "crimson", "scarlet"]
    await one.put({**system, "concept": [{"code": "red", "display": "Red"}]})
    assert codes((await two.get(asked)).json()) == ["red"]


async def test_of_several_versions_the_latest_answers_unless_one_is_named(
    painted: tuple[Server, Server],
) -> None:
    server, _ = painted
    for version, code in (("1.9", "old"), ("1.10", "new")):
        concepts = [{"code": code}]
        await server.put(
            {
                "resourceType": "CodeSystem",
                "id": f"versioned-{code}",
                "url": "urn:versioned",
                "version": version,
                "status": "active",
                "content": "complete",
                "concept": concepts,
            }
        )

    async def result(query: str) -> bool:
        reply = await server.get(f"CodeSystem/$validate-code?url=urn:versioned&{query}")
        return bool(outputs(reply.json())["result"])

    assert await result("code=new")
    assert not await result("code=old")
    assert await result("code=old&version=1.9")


async def test_a_closure_table_grows_and_can_be_replayed(painted: tuple[Server, Server]) -> None:
    server, other = painted

    async def ask(**values: Any) -> dict[str, Any]:
        reply = await server.post("$closure", parameters(**values))
        assert reply.status_code == 200, reply.text
        return reply.json()

    def pairs(tree: dict[str, Any]) -> set[tuple[str, str]]:
        return {
            (element["code"], target["code"])
            for group in tree.get("group", ())
            for element in group["element"]
            for target in element["target"]
        }

    assert pairs(await ask(name_string="mine")) == set()
    assert pairs(await ask(name_string="mine", concept_coding={**COLOUR, "code": "crimson"})) == set()
    grown = await ask(name_string="mine", concept_coding={**COLOUR, "code": "red"})
    assert (grown["version"], pairs(grown)) == ("2", {("crimson", "red")})
    assert pairs(await ask(name_string="mine", version_string="1")) == {("crimson", "red")}
    assert pairs(await ask(name_string="mine", version_string="2")) == set()
    unknown = await other.post("$closure", parameters(name_string="other", version_string="1"))
    assert unknown.status_code == 404


async def test_terminology_is_open_to_those_who_may_read_it_and_on_record(
    painted: tuple[Server, Server],
) -> None:
    server, _ = painted
    nurse = Actor("practitioner", "nurse", "Nia Nurse", "nurse", organisation="A1")
    app = Actor("app", "app", "An app", "app", scopes=frozenset({"system/Observation.rs"}))
    url = f"ValueSet/$expand?url={SET}/picked"
    assert (await server.ask(nurse, "GET", url)).status == 200
    assert (await server.ask(app, "GET", url)).status == 403
    events = await server.events()
    asked = [event for event in events if event["agent"][0]["altId"] in ("nurse", "app")]
    assert [event["outcome"] for event in asked] == ["0", "4"]


async def test_the_capability_statement_names_the_operations(painted: tuple[Server, Server]) -> None:
    rest = (await painted[0].get("metadata")).json()["rest"][0]
    named = {item["definition"] for item in rest["operation"]}
    for resource in rest["resource"]:
        named |= {item["definition"] for item in resource["operation"]}
    wanted = ["ValueSet-expand", "ValueSet-validate-code", "CodeSystem-validate-code", "CodeSystem-lookup"]
    wanted += ["CodeSystem-subsumes", "ConceptMap-translate", "ConceptMap-closure"]
    assert {f"http://hl7.org/fhir/OperationDefinition/{name}" for name in wanted} <= named


async def test_the_terminology_capabilities_name_the_systems_and_the_parameters(
    painted: tuple[Server, Server],
) -> None:
    tree = (await painted[0].get("metadata?mode=terminology")).json()
    systems = {item["uri"] for item in tree["codeSystem"]}
    assert {
        "http://hl7.org/fhir/administrative-gender",
        "http://unitsofmeasure.org",
        "urn:iso:std:iso:4217",
    } <= systems
    assert {"filter", "count", "activeOnly"} <= {item["name"] for item in tree["expansion"]["parameter"]}
