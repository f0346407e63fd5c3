"""Every single fault is found: by its rule, at its place, in words that say what to do."""

from __future__ import annotations

import pytest
from validation_cases import Mutant, all_generated, minimal
from validation_faults import BASES, INVARIANTS, RULES, UNBREAKABLE

from carespine.fhir import conformance, definitions
from carespine.fhir.validation import validate

GENERATED = all_generated()


def test_the_pack_is_as_large_as_it_says() -> None:
    assert len(GENERATED) >= 500
    assert len(INVARIANTS) >= 150
    assert len(RULES) >= 50


def test_every_constraint_of_r4_is_broken_by_a_fault_or_cannot_be() -> None:
    keys = set()
    for url in conformance.urls("StructureDefinition"):
        tree = conformance.read("StructureDefinition", url) or {}
        if tree.get("derivation") != "constraint":
            rows = tree["snapshot"]["element"]
            keys |= {each["key"] for row in rows for each in row.get("constraint", ())}
    assert len(keys) > 230
    assert keys - {mutant.rule for mutant in [*INVARIANTS, *RULES, *GENERATED]} == set(UNBREAKABLE)


@pytest.mark.parametrize("name", definitions.resource_types())
def test_generated_faults_of_a_type_are_found(name: str) -> None:
    for mutant in GENERATED:
        if mutant.tree["resourceType"] == name:
            assert mutant.is_found(validate(mutant.tree)), f"{mutant.name}: {validate(mutant.tree)}"


@pytest.mark.parametrize("name", sorted(BASES))
def test_the_resources_that_are_broken_below_are_valid_as_they_are(name: str) -> None:
    assert [issue for issue in validate(BASES[name]) if issue.severity != "information"] == []


@pytest.mark.parametrize("mutant", [*INVARIANTS, *RULES], ids=lambda mutant: mutant.name)
def test_one_fault_is_found_where_it_is(mutant: Mutant) -> None:
    issues = validate(mutant.tree)
    assert mutant.is_found(issues), [(i.severity, i.rule or i.code, i.diagnostics) for i in issues]


def test_a_finding_says_what_rule_what_was_found_and_what_is_expected() -> None:
    tree = minimal("Patient") | {"contact": [{"gender": "male"}]}
    (issue,) = (each for each in validate(tree) if each.rule == "pat-1")
    assert issue.diagnostics == (
        "Patient.contact[0] breaks the rule pat-1: SHALL at least contain a contact's details or a reference to an "
        "organization. It must hold that `name.exists() or telecom.exists() or address.exists() or "
        "organization.exists()`."
    )
    assert (issue.severity, issue.code, issue.expression) == ("error", "invariant", "Patient.contact[0]")
