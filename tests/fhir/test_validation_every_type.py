"""Validation never fails on what R4's structure permits: every type with every element, and elements without values."""

from __future__ import annotations

from typing import Any

import pytest
from test_fhir_every_type import VARIANTS, filled

from carespine.fhir import codec, definitions
from carespine.fhir.validation import validate


@pytest.mark.parametrize("resource_type", definitions.resource_types())
def test_every_element_can_be_validated(resource_type: str) -> None:
    for variant in range(VARIANTS):
        for issue in validate(filled(resource_type, variant)):
            assert issue.severity in ("error", "warning", "information")
            assert issue.expression is not None
            assert issue.diagnostics.startswith(issue.expression)


def without_values(tree: Any) -> Any:
    """The tree with every primitive replaced by an extension that says why it is absent, required ids kept."""
    absent = {
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
        ]
    }
    if not isinstance(tree, dict):
        return tree
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if name in ("resourceType", "id", "url", "div", "reference") or isinstance(value, dict):
            found[name] = without_values(value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            found[name] = [without_values(each) for each in value]
        elif isinstance(value, list):
            found[f"_{name}"] = [absent for _ in value]
        else:
            found[f"_{name}"] = absent
    return found


@pytest.mark.parametrize("resource_type", definitions.resource_types()[::4])
def test_elements_without_values_can_be_validated(resource_type: str) -> None:
    tree = without_values(filled(resource_type, 0))
    codec.check(tree)
    validate(tree)
