"""Profiles: a package that uses every feature, with instances that keep and that break each of its rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from profile_package import CASES, PROFILES, Case, archive_of, url, write_archive, write_folder

from carespine.fhir import packages
from carespine.fhir.validation import Context, validate, with_definitions
from carespine.kernel.errors import Invalid


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("profiles"))


@pytest.fixture(scope="module")
def context(folder: Path) -> Context:
    return with_definitions(packages.joined([packages.read(folder)]))


def test_the_package_has_profiles_enough() -> None:
    assert len(PROFILES) >= 25
    assert {case.profile for case in CASES if not case.words} >= {
        each["id"] for each in PROFILES if each["type"] not in ("Extension", "HumanName")
    }


@pytest.mark.parametrize("definition", PROFILES, ids=lambda each: each["id"])
def test_the_profiles_are_themselves_valid(definition: dict[str, object]) -> None:
    assert [issue for issue in validate(definition) if issue.severity == "error"] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.profile}: {case.label}")
def test_an_instance_is_judged_by_its_profile(case: Case, context: Context) -> None:
    issues = validate(case.tree, [url(case.profile)], context)
    errors = [issue for issue in issues if issue.severity == "error"]
    if not case.words:
        assert errors == []
        return
    assert any(
        issue.severity == case.severity and issue.expression == case.path and case.words in issue.diagnostics
        for issue in issues
    ), [(issue.severity, issue.diagnostics) for issue in issues]
    if case.severity != "error":
        assert errors == []


def test_a_profile_that_a_resource_claims_is_checked(context: Context) -> None:
    tree = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "meta": {"profile": [url("fixed")]},
    }
    assert any("has no subject" in issue.diagnostics for issue in validate(tree, (), context))


def test_a_profile_that_is_not_known_is_an_error_when_asked_for_and_a_warning_when_claimed() -> None:
    tree = {"resourceType": "Patient", "active": True, "meta": {"profile": ["http://x.org/p"]}}
    found = {
        issue.severity for issue in validate(tree, ["http://x.org/q"]) if "profile http" in issue.diagnostics
    }
    assert found == {"error", "warning"}


def pressure(systolic: str = "8480-6", unit: str = "mm[Hg]") -> dict[str, Any]:
    """An Observation as R4's own profile of blood pressure wants it."""
    loinc, ucum = "http://loinc.org", "http://unitsofmeasure.org"

    def part(code: str, unit: str, value: int) -> dict[str, Any]:
        quantity = {"value": value, "unit": "mmHg", "system": ucum, "code": unit}
        return {"code": {"coding": [{"system": loinc, "code": code}]}, "valueQuantity": quantity}

    category = "http://terminology.hl7.org/CodeSystem/observation-category"
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": category, "code": "vital-signs"}]}],
        "code": {"coding": [{"system": loinc, "code": "85354-9"}]},
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2026-11-01",
        "component": [part(systolic, unit, 120), part("8462-4", "mm[Hg]", 80)],
    }


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (pressure(), ""),
        (pressure(systolic="8867-4"), "has no component (slice SystolicBP)"),
        (pressure(unit="kPa"), "fixes it to 'mm[Hg]'"),
    ],
)
def test_r4s_own_profile_of_blood_pressure_tells_its_components_apart(
    tree: dict[str, Any], words: str
) -> None:
    issues = validate(tree, ["http://hl7.org/fhir/StructureDefinition/bp"])
    errors = [issue.diagnostics for issue in issues if issue.severity == "error"]
    assert errors == [] if not words else any(words in each for each in errors), errors
    assert not any("cannot be put" in issue.diagnostics for issue in issues)


def test_must_support_is_reported_where_asked_for(folder: Path) -> None:
    reporting = with_definitions(packages.joined([packages.read(folder)]), must_support=True)
    tree = {
        "resourceType": "Patient",
        "identifier": [{"system": "http://example.org/fhir/nhs", "value": "1"}],
    }
    said = [
        issue for issue in validate(tree, [url("derived")], reporting) if "must-support" in issue.diagnostics
    ]
    assert [(issue.severity, issue.expression) for issue in said] == [("information", "Patient")]


def test_a_base_that_is_not_at_hand_is_named() -> None:
    orphan = {**PROFILES[0], "url": "http://x.org/orphan", "baseDefinition": "http://x.org/base"}
    context = with_definitions({("StructureDefinition", "http://x.org/orphan"): orphan})
    tree = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    assert any(
        "its base http://x.org/base is not known" in issue.diagnostics
        for issue in validate(tree, ["http://x.org/orphan"], context)
    )


def test_profiles_in_a_circle_come_to_an_end() -> None:
    circle = {**PROFILES[0], "url": "http://x.org/a", "baseDefinition": "http://x.org/a"}
    context = with_definitions({("StructureDefinition", "http://x.org/a"): circle})
    tree = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    assert any("circle" in issue.diagnostics for issue in validate(tree, ["http://x.org/a"], context))


# --- packages ------------------------------------------------------------------------------------


def test_a_package_is_the_same_as_folder_and_as_archive(folder: Path, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "p.tgz", folder)
    read = packages.read(archive)
    assert read == packages.read(folder)
    assert (read.name, read.version, len(read.resources)) == ("example.profiles", "1.0.0", len(PROFILES) + 3)


def test_a_plain_folder_and_a_single_file_are_read_too(folder: Path) -> None:
    one = folder / "package" / "StructureDefinition-fixed.json"
    assert list(packages.read(one).resources) == [("StructureDefinition", url("fixed"))]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"package/package.json": b"{}"}, "has no StructureDefinition"),
        ({"package/package.json": b'{"fhirVersions": ["5.0.0"]}'}, "for FHIR 5.0.0"),
    ],
)
def test_what_is_no_package_for_r4_is_refused_in_words(
    files: dict[str, bytes], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.tgz"
    path.write_bytes(archive_of(files))
    with pytest.raises(Invalid, match=words):
        packages.read(path)


def test_a_file_that_is_no_archive_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "p.tgz"
    path.write_bytes(b"not an archive")
    with pytest.raises(Invalid, match=r"p\.tgz is no package that can be read"):
        packages.read(path)


def test_dependencies_that_are_absent_are_named(tmp_path: Path) -> None:
    path = tmp_path / "p.tgz"
    manifest = b'{"name": "a", "dependencies": {"hl7.fhir.r4.core": "4.0.1", "uk.core": "2.0.0"}}'
    value_set = b'{"resourceType": "ValueSet", "url": "http://x"}'
    path.write_bytes(archive_of({"package/package.json": manifest, "package/ValueSet-x.json": value_set}))
    assert packages.missing_dependencies([packages.read(path)]) == ["uk.core 2.0.0 (needed by a)"]
