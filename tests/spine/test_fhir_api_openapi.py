"""What the server says of itself: the CapabilityStatement in its modes, and the OpenAPI document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from api import FHIR, Server, serving

from carespine.fhir import codec, definitions
from carespine.spine.fhir_api.operations.routes import OPERATIONS


async def test_the_modes_of_the_statement_are_those_of_r4(reading: Server) -> None:
    normative = (await reading.get("metadata?mode=normative")).json()
    types = [entry["type"] for entry in normative["rest"][0]["resource"]]
    assert len(types) == 11
    assert {"Patient", "Observation", "ValueSet"} < set(types) < set(definitions.resource_types())
    terminology = (await reading.get("metadata?mode=terminology")).json()
    assert terminology["resourceType"] == "TerminologyCapabilities"
    for tree in (normative, terminology):
        codec.check(tree)
    assert (await reading.get("metadata?mode=all")).status_code == 400
    in_xml = await reading.get("metadata?mode=terminology&_format=xml")
    assert b"<TerminologyCapabilities" in in_xml.content


async def test_the_statement_says_whether_browsers_of_other_origins_are_let_in(
    reading: Server, database_url: str, tmp_path: Path
) -> None:
    async with serving(database_url, tmp_path, cors_origins="https://app.example") as other:
        said = [(await server.get("metadata")).json()["rest"][0]["security"] for server in (reading, other)]
    assert [security["cors"] for security in said] == [False, True]


async def test_the_openapi_document_is_named_by_the_statement_and_lists_what_is_there(
    reading: Server,
) -> None:
    assert f"{FHIR}/openapi.json" in (await reading.get("metadata")).json()["rest"][0]["documentation"]
    reply = await reading.get("openapi.json")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    document = reply.json()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": FHIR}]
    paths = document["paths"]
    for operation in OPERATIONS:
        assert any(path.endswith(f"/${operation.name}") for path in paths)
    assert paths["/{type}/{id}"]["parameters"][0]["schema"]["enum"] == list(definitions.resource_types())


async def test_every_method_of_the_document_is_one_that_the_server_takes(reading: Server) -> None:
    document = (await reading.get("openapi.json")).json()
    for path, item in document["paths"].items():
        kinds = {part["name"]: part["schema"].get("enum", [None])[0] for part in item.get("parameters", ())}
        example = {
            "type": "Observation" if "{compartment}" in path else kinds.get("type"),
            "compartment": "Patient",
        }
        address = re.sub(r"{(\w+)}", lambda found: str(example.get(found[1]) or "1"), path)  # noqa: B023
        allowed = (await reading.request("OPTIONS", address.strip("/"))).headers["allow"].lower().split(", ")
        documented = set(item) - {"parameters"}
        assert documented <= set(allowed), path
        # Searching by GET at _search is R4's older way; the document shows one way each.
        assert set(allowed) - {"head", "options"} - documented <= {"get"}, path


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_document_needs_no_sign_in_and_says_where_tokens_are_had(
    database_url: str, tmp_path: Path, method: str
) -> None:
    async with serving(database_url, tmp_path) as server:
        reply = await server.request(method, "openapi.json", authorization="Bearer nonsense")
    assert reply.status_code == 200
    if method == "GET":
        schemes = reply.json()["components"]["securitySchemes"]
        assert schemes["smart"]["flows"]["clientCredentials"]["tokenUrl"].endswith("/oauth/token")
        assert reply.json()["security"] == [{"smart": []}]
