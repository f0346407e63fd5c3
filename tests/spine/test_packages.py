"""FHIR packages in the record: added whole, replaced, listed, removed."""

from __future__ import annotations

from typing import Any

import pytest
from api import SYSTEM, Server

from carespine.fhir.packages import Package
from carespine.kernel.errors import Invalid, NotFound
from carespine.spine import packages

Tree = dict[str, Any]
URL = "http://example.org/fhir"


def profile(name: str, **members: Any) -> Tree:
    return {
        "resourceType": "StructureDefinition", "id": name, "url": f"{URL}/StructureDefinition/{name}", "name": "Name",
        "status": "active", "kind": "resource", "abstract": False, "type": "Patient", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "differential": {"element": [{"id": "Patient", "path": "Patient"},
                                     {"id": "Patient.birthDate", "path": "Patient.birthDate", "min": 1}]},
        **members,
    }  # fmt: skip


def package(*trees: Tree, name: str = "example", version: str = "1.0.0", **dependencies: str) -> Package:
    resources = {(tree["resourceType"], tree["url"]): tree for tree in trees}
    return Package(name, version, dependencies, resources)


async def test_what_a_package_brings_is_found_read_and_validated_with(server: Server) -> None:
    done = await packages.add(server.platform.door, SYSTEM, package(profile("a"), profile("b")))
    assert (done.stored, done.unchanged, done.removed, done.notes) == (2, 0, 0, ())
    url = f"{URL}/StructureDefinition/a"
    found = (await server.request("GET", f"StructureDefinition?url={url}")).json()
    assert [entry["resource"]["url"] for entry in found["entry"]] == [url]
    patient = {"resourceType": "Patient", "active": True, "meta": {"profile": [url]}}
    assert "has no birthDate" in (await server.request("POST", "Patient/$validate", patient)).text


async def test_another_version_takes_the_place_and_the_same_changes_nothing(server: Server) -> None:
    door = server.platform.door
    await packages.add(door, SYSTEM, package(profile("a"), profile("b")))
    again = await packages.add(door, SYSTEM, package(profile("a"), profile("b")))
    assert (again.stored, again.unchanged, again.removed) == (0, 2, 0)
    newer = await packages.add(
        door, SYSTEM, package(profile("b", version="2"), profile("c"), version="2.0.0")
    )
    assert (newer.stored, newer.unchanged, newer.removed) == (2, 0, 1)
    (listed,) = await packages.listed(door, SYSTEM)
    assert (listed.name, listed.version, len(listed.resources)) == ("example", "2.0.0", 2)


async def test_two_packages_may_use_one_id(server: Server) -> None:
    other = profile("a", url="http://other.org/StructureDefinition/a")
    await packages.add(server.platform.door, SYSTEM, package(profile("a")))
    await packages.add(server.platform.door, SYSTEM, package(other, name="other"))
    assert (await server.request("GET", "StructureDefinition?_summary=count")).json()["total"] == 2


async def test_what_is_removed_is_gone_and_only_that(server: Server) -> None:
    door = server.platform.door
    await packages.add(door, SYSTEM, package(profile("a"), name="one"))
    await packages.add(door, SYSTEM, package(profile("b"), name="two"))
    assert await packages.remove(door, SYSTEM, "one") == 1
    assert [each.name for each in await packages.listed(door, SYSTEM)] == ["two"]
    found = (await server.request("GET", "StructureDefinition")).json()
    assert [entry["resource"]["url"] for entry in found["entry"]] == [f"{URL}/StructureDefinition/b"]
    with pytest.raises(NotFound, match="no package one"):
        await packages.remove(door, SYSTEM, "one")


async def test_absent_packages_and_broken_definitions_are_named_and_the_rest_is_stored(
    server: Server,
) -> None:
    broken = {"resourceType": "ValueSet", "url": f"{URL}/ValueSet/x"}
    done = await packages.add(
        server.platform.door, SYSTEM, package(profile("a"), broken, **{"uk.core": "2.0.0"})
    )
    assert done.stored == 1
    assert done.notes[0] == "A package is absent: uk.core 2.0.0 (needed by example)."
    assert "ValueSet http://example.org/fhir/ValueSet/x was left out" in done.notes[1]


async def test_r4_itself_is_not_taken_in(server: Server) -> None:
    with pytest.raises(Invalid, match="always there"):
        await packages.add(server.platform.door, SYSTEM, package(profile("a"), name="hl7.fhir.r4.core"))
