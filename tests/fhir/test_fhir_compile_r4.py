"""The compiler of the definitions, on a package small enough to read."""

from __future__ import annotations

import importlib.util
import json
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOOL = Path(__file__).parents[2] / "tools/compile_r4.py"
FHIR = "http://hl7.org/fhir"


@pytest.fixture(scope="module")
def compiler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compile_r4", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["compile_r4"] = module
    spec.loader.exec_module(module)
    return module


def element(path: str, *types: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "min": 0, "max": "1", "type": [{"code": name} for name in types], **more}


PACKAGE: list[dict[str, Any]] = [
    {
        "resourceType": "StructureDefinition",
        "id": "Tree",
        "kind": "resource",
        "abstract": False,
        "baseDefinition": f"{FHIR}/StructureDefinition/Resource",
        "snapshot": {
            "element": [
                {"path": "Tree", "min": 0, "max": "*"},
                element("Tree.id", "http://hl7.org/fhirpath/System.String"),
                element(
                    "Tree.kind",
                    "code",
                    min=1,
                    isSummary=True,
                    isModifier=True,
                    binding={"strength": "required", "valueSet": f"{FHIR}/ValueSet/kinds|4.0.1"},
                ),
                element("Tree.age[x]", "integer", "Period"),
                element("Tree.branch", "BackboneElement", max="*"),
                element("Tree.branch.leaf", "string"),
                {
                    "path": "Tree.branch.branch",
                    "min": 0,
                    "max": "*",
                    "contentReference": "#Tree.branch",
                },
            ]
        },
    },
    {
        "resourceType": "StructureDefinition",
        "id": "small-tree",
        "kind": "resource",
        "abstract": False,
        "derivation": "constraint",
    },
    {
        "resourceType": "SearchParameter",
        "id": "Tree-kind",
        "code": "kind",
        "type": "token",
        "base": ["Tree"],
        "url": f"{FHIR}/SearchParameter/Tree-kind",
        "expression": "Tree.kind",
    },
    {
        "resourceType": "SearchParameter",
        "id": "void",
        "code": "void",
        "type": "token",
        "base": ["Tree"],
        "url": "v",
    },
    {
        "resourceType": "ValueSet",
        "id": "kinds",
        "url": f"{FHIR}/ValueSet/kinds",
        "compose": {
            "include": [
                {
                    "system": "http://kinds",
                    "filter": [{"property": "concept", "op": "is-a", "value": "leafy"}],
                }
            ],
            "exclude": [{"system": "http://kinds", "concept": [{"code": "elm"}]}],
        },
    },
    {
        "resourceType": "CodeSystem",
        "id": "kinds",
        "url": "http://kinds",
        "concept": [
            {"code": "leafy", "concept": [{"code": "oak"}, {"code": "elm"}]},
            {"code": "fir"},
            {"code": "ash", "property": [{"code": "subsumedBy", "valueCode": "leafy"}]},
        ],
    },
    {
        "resourceType": "CompartmentDefinition",
        "id": "wood",
        "code": "Wood",
        "resource": [{"code": "Tree", "param": ["kind"]}, {"code": "Rock"}],
    },
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("r4") / "package"
    path.mkdir()
    for resource in PACKAGE:
        (path / f"{resource['resourceType']}-{resource['id']}.json").write_text(json.dumps(resource))
    return path


def test_types_elements_and_backbones_are_compiled_and_profiles_left_out(
    compiler: ModuleType, folder: Path
) -> None:
    types = compiler.compile_all(folder)["types"]
    assert list(types) == ["Tree", "Tree.branch"]
    assert types["Tree"] == [
        "resource",
        "Resource",
        False,
        [
            ["id", ["id"], 0, 1, 0, [], "", ""],
            ["kind", ["code"], 1, 1, 3, [], "required", f"{FHIR}/ValueSet/kinds"],
            ["age", ["integer", "Period"], 0, 1, 4, [], "", ""],
            ["branch", ["Tree.branch"], 0, -1, 0, [], "", ""],
        ],
    ]
    assert [row[:2] for row in types["Tree.branch"][3]] == [["leaf", ["string"]], ["branch", ["Tree.branch"]]]


def test_required_value_sets_are_expanded_with_filters_and_exclusions(
    compiler: ModuleType, folder: Path
) -> None:
    expected = {f"{FHIR}/ValueSet/kinds": {"http://kinds": ["ash", "leafy", "oak"]}}
    assert compiler.compile_all(folder)["valueSets"] == expected


def test_only_parameters_that_can_be_searched_are_kept(compiler: ModuleType, folder: Path) -> None:
    assert [row[0] for row in compiler.compile_all(folder)["parameters"]] == ["kind"]


def test_compartments_keep_the_types_that_are_in_them(compiler: ModuleType, folder: Path) -> None:
    assert compiler.compile_all(folder)["compartments"] == {"Wood": {"Tree": ["kind"]}}


def test_an_archive_and_a_folder_give_the_same(compiler: ModuleType, folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "package.tgz"
    with tarfile.open(archive, "w:gz") as writer:
        writer.add(folder, "package")
    assert compiler.compile_all(archive) == compiler.compile_all(folder)
