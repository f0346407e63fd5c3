"""R4's own conformance resources are found by their URL, whole, and cost nothing until asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from carespine.fhir import codec, conformance

FHIR = "http://hl7.org/fhir"


@pytest.mark.parametrize(
    ("kind", "count"),
    [("CodeSystem", 1062), ("ConceptMap", 80), ("StructureDefinition", 655), ("ValueSet", 1316)],
)
def test_everything_of_the_official_package_is_there(kind: str, count: int) -> None:
    assert len(conformance.urls(kind)) == count


@pytest.mark.parametrize(
    ("kind", "url", "name"),
    [
        ("CodeSystem", f"{FHIR}/administrative-gender", "AdministrativeGender"),
        ("CodeSystem", "http://terminology.hl7.org/CodeSystem/v2-0203", "v2.0203"),
        ("CodeSystem", "http://terminology.hl7.org/CodeSystem/v2-0360|2.7", "v2.0360.2.7"),
        ("ValueSet", f"{FHIR}/ValueSet/administrative-gender|4.0.1", "AdministrativeGender"),
        ("ConceptMap", f"{FHIR}/ConceptMap/101", "FHIR-v3-Address-Use"),
        ("StructureDefinition", f"{FHIR}/StructureDefinition/bp", "observation-bp"),
    ],
)
def test_a_resource_is_found_by_its_url(kind: str, url: str, name: str) -> None:
    tree = conformance.read(kind, url)
    assert tree is not None
    assert (tree["resourceType"], tree["name"]) == (kind, name)
    found = conformance.facts(kind, url)
    assert found is not None
    assert found["name"] == name


@pytest.mark.parametrize("url", [f"{FHIR}/ValueSet/nonsense", f"{FHIR}/ValueSet/administrative-gender|3.0"])
def test_what_r4_does_not_have_is_not_found(url: str) -> None:
    assert conformance.read("ValueSet", url) is None
    assert conformance.facts("ValueSet", url) is None


def test_a_resource_belongs_to_the_caller() -> None:
    url = f"{FHIR}/ValueSet/administrative-gender"
    first = conformance.read("ValueSet", url)
    assert first is not None
    first.clear()
    assert conformance.read("ValueSet", url)


def test_the_trees_are_structurally_r4() -> None:
    for kind in ("CodeSystem", "ConceptMap", "ValueSet"):
        for url in conformance.urls(kind)[::40]:
            codec.check(conformance.read(kind, url))


def test_importing_reads_nothing() -> None:
    code = "from carespine.fhir import conformance as c; print(c._file.cache_info().currsize)"
    asked = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert asked.stdout.strip() == "0"
