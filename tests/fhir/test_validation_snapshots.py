"""Snapshots made from the official differentials are the official snapshots, but for a few whose reasons are given.

Compared is what is computed with: ids, paths, cardinalities, types, constraints, bindings, fixed values, slicing; not
the prose. FHIR_R4_PACKAGE names the unpacked npm package `hl7.fhir.r4.examples`; every tenth is made, all with
CARESPINE_LONG=1.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from carespine.fhir import json_text
from carespine.fhir.validation.profiles.snapshots import NoSnapshot, snapshot

Tree = dict[str, Any]
PROSE = {
    "alias", "code", "comment", "condition", "definition", "example", "extension", "isModifierReason", "label",
    "mapping", "meaningWhenMissing", "orderMeaning", "requirements", "short",
}  # fmt: skip
DIFFERENT = {
    "bp": "officially `valueQuantity` below a slice is written on the choice itself; here as its slice",
    "catalog": "officially the slice of `date`, which may not be sliced, takes the place of the element",
    "elementdefinition-de": "officially the parts of its extensions are written out though nothing is said of them",
    "MetadataResource": "officially the constraints of DomainResource are left out",
    "cholesterol": "officially the constraints of SimpleQuantity are repeated",
    "hdlcholesterol": "officially the constraints of SimpleQuantity are repeated",
    "ldlcholesterol": "officially the constraints of SimpleQuantity are repeated",
    "code": "officially the length of the base, string, is dropped",
    "id": "officially the length of the base, string, is dropped",
    "markdown": "officially the length of the base, string, is dropped",
    "positiveInt": "officially the limits of the base, integer, are dropped",
    "unsignedInt": "officially the limits of the base, integer, are dropped",
    "provenance-relevant-history": "officially a slice does not take over the binding of the unsliced element",
    "familymemberhistory-genetic": "officially slices without a slicing take the place of their element",
}
LONG = os.environ.get("CARESPINE_LONG") == "1"


def compared(elements: list[Tree]) -> list[Tree]:
    """Only what is computed with, an absent flag being false."""
    return [_compared(element) for element in elements]


def _compared(element: Tree) -> Tree:
    kept = {name: value for name, value in element.items() if name not in PROSE and value is not False}
    if "constraint" in kept:
        rows = [(each["key"], each["severity"], each.get("expression")) for each in kept["constraint"]]
        kept["constraint"] = sorted(rows, key=str)
    if "binding" in kept:
        kept["binding"] = (kept["binding"]["strength"], kept["binding"].get("valueSet"))
    if "type" in kept:
        kept["type"] = [{k: v for k, v in each.items() if k != "extension"} for each in kept["type"]]
    return kept


@pytest.fixture(scope="module")
def official() -> dict[str, Tree]:
    folder = os.environ.get("FHIR_R4_PACKAGE", "")
    if not folder:
        pytest.skip(
            "FHIR_R4_PACKAGE is not set: the official definitions (npm hl7.fhir.r4.examples) are not at hand"
        )
    trees = (
        json_text.read(path.read_bytes()) for path in sorted(Path(folder).glob("StructureDefinition-*.json"))
    )
    return {tree["url"]: tree for tree in trees}


@pytest.mark.slow
def test_snapshots_are_the_official_ones(official: dict[str, Tree]) -> None:
    whole = [tree for tree in official.values() if "snapshot" in tree and "differential" in tree]
    assert len(whole) == 649
    chosen = whole if LONG else whole[::10]
    different = {tree["id"] for tree in chosen if not _is_made(tree, official)}
    assert different == {tree["id"] for tree in chosen} & set(DIFFERENT)


def _is_made(tree: Tree, official: dict[str, Tree]) -> bool:
    try:
        made = snapshot(tree, lambda _kind, url: official.get(url.partition("|")[0]))
    except NoSnapshot as problem:
        pytest.fail(f"{tree['id']}: {problem}")
    return compared(made) == compared(tree["snapshot"]["element"])
