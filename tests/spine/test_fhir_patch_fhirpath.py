"""FHIRPath Patch: the official cases, and tables of what each operation does and refuses."""

from __future__ import annotations

import copy
import html
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from carespine.fhir import codec, xml
from carespine.kernel.errors import Invalid, Unprocessable
from carespine.spine.fhir_api.patching import fhirpath_patch

Tree = dict[str, Any]
SECOND: Tree = {"extension": [{"url": "http://e", "valueCode": "second"}]}
BASIC: Tree = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}}
PERSON: Tree = {
    "resourceType": "Patient",
    "id": "ann",
    "gender": "female",
    "birthDate": "1980-05-17",
    "_birthDate": {"extension": [{"url": "http://e", "valueString": "t"}]},
    "name": [
        {
            "use": "official",
            "family": "Abel",
            "given": ["A", "A", "C"],
            "_given": [None, SECOND, None],
        },
        {"use": "usual", "given": ["A"]},
    ],
    "telecom": [{"system": "phone", "value": "1"}, {"system": "phone", "value": "1"}],
    "contact": [{"gender": "male"}],
    "deceasedBoolean": False,
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Elm"}],
    "managingOrganization": {"reference": "#o"},
}


def operation(kind: str, path: str, name: str | None = None, **parts: Any) -> Tree:
    """A parameter `operation`; a part is an integer or the inner tree of the part."""
    made: list[Tree] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    if name is not None:
        made.append({"name": "name", "valueString": name})
    for key, value in parts.items():
        made.append({"name": key, **({"valueInteger": value} if isinstance(value, int) else value)})
    return {"name": "operation", "part": made}


def change(tree: Tree, *operations: Tree) -> Tree:
    parameters = {"resourceType": "Parameters", **({"parameter": list(operations)} if operations else {})}
    codec.check(parameters)
    return fhirpath_patch.apply(tree, parameters)


def _resource(case: ET.Element, name: str) -> Tree | None:
    found = case.find(name)
    return xml.decode(ET.tostring(found[0])) if found is not None and len(found) else None


def _comparable(tree: Tree) -> Tree:
    """The official case brings its narrative as a text, in which quotes are written in another way."""
    if "text" in tree:
        tree["text"]["div"] = html.unescape(tree["text"]["div"])
    return tree


def test_every_official_case_comes_out_as_it_says(shared_material: Path) -> None:
    """All 33 apply. `mode` (both, forwards) says whether a server that makes patches could make this one, too."""
    suite = ET.parse(shared_material / "suites/patch/fhir-patch-tests.xml")  # noqa: S314 -- a file of our own
    cases = list(suite.getroot().iter("case"))
    assert len(cases) == 33
    for case in cases:
        before, diff, after = (_resource(case, name) for name in ("input", "diff", "output"))
        assert before is not None
        assert diff is not None
        if case.find("error") is not None:
            with pytest.raises(Unprocessable):
                fhirpath_patch.apply(before, diff)
        else:
            assert after is not None
            changed = fhirpath_patch.apply(before, diff)
            codec.check(changed)
            assert _comparable(changed) == _comparable(after), case.get("name")


@pytest.mark.parametrize(
    ("given", "path", "expected"),
    [
        (operation("add", "Patient", "active", value={"valueBoolean": True}), "active", True),
        (operation("add", "Patient.name[1]", "family", value={"valueString": "B"}), "name[1].family", "B"),
        (
            operation("add", "Patient.name.first()", "given", value={"valueString": "D"}),
            "name[0].given[3]",
            "D",
        ),
        (operation("add", "Patient", "multipleBirth", value={"valueInteger": 2}), "multipleBirthInteger", 2),
        (
            operation("replace", "Patient.deceased", value={"valueDateTime": "2020"}),
            "deceasedDateTime",
            "2020",
        ),
        (operation("replace", "Patient.gender", value={"valueString": "male"}), "gender", "male"),
        (operation("replace", "Patient.birthDate", value={"valueDate": "1981"}), "_birthDate", None),
        (operation("replace", "gender", value={"valueCode": "other"}), "gender", "other"),
        (
            operation("replace", "Patient.name[0].given[1]", value={"valueString": "B"}),
            "name[0].given",
            ["A", "B", "C"],
        ),
        (
            operation("replace", "Patient.name[0].given[1]", value={"valueString": "B"}),
            "name[0]._given",
            None,
        ),
        (
            operation("replace", "name.where(use='usual').given", value={"valueString": "B"}),
            "name[1].given",
            ["B"],
        ),
        (
            operation("replace", "Patient.telecom[1].value", value={"valueString": "2"}),
            "telecom[1].value",
            "2",
        ),
        (
            operation("replace", "Patient.telecom[1].value", value={"valueString": "2"}),
            "telecom[0].value",
            "1",
        ),
        (operation("delete", "Patient.name[0].given[0]"), "name[0].given", ["A", "C"]),
        (operation("delete", "Patient.name[0].given[0]"), "name[0]._given", [SECOND, None]),
        (operation("delete", "Patient.name.given.where($this = 'C')"), "name[0].given", ["A", "A"]),
        (operation("delete", "Patient.contact[0].gender"), "contact", None),
        (operation("delete", "Patient.deceased"), "deceasedBoolean", None),
        (operation("delete", "Patient.photo"), "photo", None),
        (operation("delete", "Patient.birthDate"), "_birthDate", None),
        (operation("delete", "Patient.birthDate.extension('http://e')"), "_birthDate", None),
        (operation("delete", "Patient.birthDate.extension('http://e')"), "birthDate", "1980-05-17"),
        (
            operation("insert", "Patient.name[0].given", index=1, value={"valueString": "B"}),
            "name[0].given",
            ["A", "B", "A", "C"],
        ),
        (
            operation("insert", "Patient.name[0].given", index=1, value={"valueString": "B"}),
            "name[0]._given",
            [None, None, SECOND, None],
        ),
        (
            operation("insert", "Patient.telecom", index=2, value={"valueContactPoint": {"value": "9"}}),
            "telecom[2]",
            {"value": "9"},
        ),
        (
            operation("move", "Patient.name[0].given", source=2, destination=0),
            "name[0].given",
            ["C", "A", "A"],
        ),
        (
            operation("move", "Patient.name[0].given", source=1, destination=0),
            "name[0]._given",
            [SECOND, None, None],
        ),
        (
            operation("replace", "Patient.managingOrganization.resolve().name", value={"valueString": "Oak"}),
            "contained[0].name",
            "Oak",
        ),
        (
            operation(
                "add",
                "Patient",
                "contained",
                value={"resource": BASIC},
            ),
            "contained[1].id",
            "b",
        ),
        (
            operation(
                "add",
                "Patient.gender",
                "extension",
                value={"part": [{"name": "url", "valueUri": "x"}, {"name": "value", "valueCode": "y"}]},
            ),
            "_gender.extension[0].valueCode",
            "y",
        ),
        (
            operation(
                "add",
                "Patient",
                "language",
                value={"_valueCode": {"extension": [{"url": "u", "valueCode": "x"}]}},
            ),
            "_language.extension[0].url",
            "u",
        ),
        (
            operation(
                "add",
                "Patient",
                "contact",
                value={
                    "part": [
                        {"name": "name", "valueHumanName": {"text": "n"}},
                        {"name": "relationship", "valueCodeableConcept": {"text": "r"}},
                        {"name": "relationship", "valueCodeableConcept": {"text": "s"}},
                    ]
                },
            ),
            "contact[1]",
            {"name": {"text": "n"}, "relationship": [{"text": "r"}, {"text": "s"}]},
        ),
    ],
)
def test_an_operation_changes_what_its_path_names(given: Tree, path: str, expected: Any) -> None:
    before = copy.deepcopy(PERSON)
    changed = change(PERSON, given)
    codec.check(changed)
    assert _at(changed, path) == expected
    assert before == PERSON


def _at(tree: Any, path: str) -> Any:
    """The value at a path of JSON names and indexes; None where there is none."""
    for step in path.replace("[", ".[").split("."):
        if step.startswith("["):
            position = int(step[1:-1])
            tree = tree[position] if position < len(tree) else None
        else:
            tree = tree.get(step)
        if tree is None:
            return None
    return tree


@pytest.mark.parametrize(
    "given",
    [
        operation("add", "Patient", "gender", value={"valueCode": "male"}),
        operation("add", "Patient", "deceased", value={"valueDateTime": "2020"}),
        operation("add", "Patient", "colour", value={"valueCode": "red"}),
        operation("add", "Patient.name", "family", value={"valueString": "x"}),
        operation("add", "Patient.photo", "title", value={"valueString": "x"}),
        operation("add", "Patient.gender", "value", value={"valueString": "x"}),
        operation("add", "Patient", "multipleBirth", value={"valueString": "two"}),
        operation("add", "Patient", "maritalStatus", value={"valueString": "single"}),
        operation("add", "Patient", "maritalStatus", value={"valueCoding": {"code": "S"}}),
        operation("add", "Patient", "active", value={"valueCodeableConcept": {"text": "x"}}),
        operation("add", "Patient", "maritalStatus", value={"part": [{"name": "text", "valueString": "x"}]}),
        operation("add", "Patient", "contact", value={"part": [{"name": "colour", "valueString": "x"}]}),
        operation("add", "Patient", "maritalStatus", value={"resource": BASIC}),
        operation("replace", "Patient", value={"valueString": "x"}),
        operation("replace", "Patient.photo", value={"valueString": "x"}),
        operation("replace", "Patient.telecom.value", value={"valueString": "x"}),
        operation("replace", "Patient.gender.upper()", value={"valueString": "x"}),
        operation("replace", "'text'", value={"valueString": "x"}),
        operation("delete", "Patient"),
        operation("delete", "Patient.telecom"),
        operation("delete", "Patient.telecom.count()"),
        operation("insert", "Patient.telecom", index=3, value={"valueContactPoint": {"value": "x"}}),
        operation("insert", "Patient.telecom", index=-1, value={"valueContactPoint": {"value": "x"}}),
        operation("insert", "Patient.telecom[0]", index=0, value={"valueContactPoint": {"value": "x"}}),
        operation("insert", "Patient.name.given", index=0, value={"valueString": "x"}),
        operation("insert", "Patient.gender", index=0, value={"valueCode": "x"}),
        operation("insert", "Patient.photo", index=0, value={"valueAttachment": {"title": "x"}}),
        operation("move", "Patient.telecom", source=0, destination=2),
        operation("move", "Patient.telecom", source=2, destination=0),
        operation("move", "Patient.telecom", source=-1, destination=0),
    ],
)
def test_what_cannot_be_done_to_this_resource_is_unprocessable(given: Tree) -> None:
    with pytest.raises(Unprocessable) as refused:
        change(PERSON, operation("delete", "Patient.photo"), given)
    assert refused.value.issues[0].expression == "Parameters.parameter[1]"


@pytest.mark.parametrize(
    "given",
    [
        operation("append", "Patient"),
        operation("replace", "Patient..gender", value={"valueCode": "x"}),
        operation("replace", "Patient.gender"),
        operation("replace", "Patient.nosuchfunction()", value={"valueCode": "x"}),
        operation("replace", "Patient.descendants()", value={"valueCode": "x"}),
        operation("replace", "Patient.name.repeat(given)", value={"valueCode": "x"}),
        operation("replace", "gender" + " " * 1_000, value={"valueCode": "x"}),
        operation("add", "Patient", value={"valueCode": "x"}),
        operation("add", "Patient", "active", value={}),
        operation("insert", "Patient.telecom", value={"valueContactPoint": {"value": "x"}}),
        operation("move", "Patient.telecom", source=0),
        operation("delete", "Patient.gender", other=1),
        {"name": "operation", "part": [{"name": "path", "valueString": "Patient"}]},
        {"name": "operation", "part": [{"name": "type", "valueCode": "delete"}]},
        {"name": "operation"},
        {"name": "other"},
    ],
)
def test_what_is_no_operation_is_invalid(given: Tree) -> None:
    with pytest.raises(Invalid) as refused:
        change(PERSON, given)
    assert refused.value.status == 400
    assert refused.value.issues[0].expression == "Parameters.parameter[0]"


def test_decimals_keep_their_digits() -> None:
    weight = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "w"},
        "valueQuantity": {"value": Decimal("70.50")},
        "component": [{"code": {"text": "c"}, "valueQuantity": {"value": Decimal("70.50")}}],
    }
    changed = change(
        weight,
        operation(
            "replace", "Observation.component[0].value.value", value={"valueDecimal": Decimal("1.000")}
        ),
        operation("replace", "Observation.status", value={"valueCode": "amended"}),
    )
    assert b'"valueQuantity":{"value":70.50}' in codec.encode(changed)
    assert b'"valueQuantity":{"value":1.000}' in codec.encode(changed)


def test_too_many_operations_for_a_large_resource_are_refused() -> None:
    large = {**PERSON, "telecom": [{"value": str(number)} for number in range(3_000)]}
    with pytest.raises(Invalid, match="several patches"):
        change(large, *[operation("delete", "Patient.photo")] * 1_000)
