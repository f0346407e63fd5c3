"""Walking FHIR trees: choice elements, primitives with extensions, variables, hooks, references."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from carespine.fhir import definitions, fhirpath
from carespine.fhir.fhirpath import Environment, evaluate

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    "subject": {"reference": "Patient/p1"},
    "performer": [
        {"reference": "#pr"},
        {"reference": "https://example.org/fhir/Organization/o1"},
        {"reference": "urn:uuid:1", "type": "Practitioner"},
    ],
    "valueQuantity": {
        "value": Decimal("81.40"),
        "unit": "kilograms",
        "system": "http://unitsofmeasure.org",
        "code": "kg",
    },
    "contained": [{"resourceType": "Practitioner", "id": "pr", "name": [{"family": "Hart"}]}],
}

NAMED: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [
        {"given": [None, "Ann"], "_given": [{"extension": [{"url": "http://x", "valueString": "?"}]}, None]}
    ],
    "_birthDate": {"extension": [{"url": "http://absent", "valueCode": "unknown"}]},
    "deceasedBoolean": False,
    "_deceasedBoolean": {"id": "d"},
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("value", [OBSERVATION["valueQuantity"]]),
        ("Observation.value.unit", ["kilograms"]),
        ("Resource.status", ["final"]),
        ("Patient.name", []),
        ("valueQuantity", []),
        ("value.ofType(Quantity).value", [Decimal("81.40")]),
        ("(value as CodeableConcept).coding", []),
        ("value > 80 'kg'", [True]),
        ("value = 81400 'g'", [True]),
        ("value.value", [Decimal("81.40")]),
        ("contained.name.family", ["Hart"]),
        ("contained.ofType(Practitioner).id", ["pr"]),
        ("code.coding.where(system = %loinc).code", ["29463-7"]),
        ("%resource.status = %context.status", [True]),
        ("code.coding.select(%resource.status)", ["final"]),
        ("performer[0].resolve().name.family", ["Hart"]),
        ("performer.where(resolve() is Practitioner).count()", [2]),
        (
            "performer.where(resolve().is(Organization)).reference",
            ["https://example.org/fhir/Organization/o1"],
        ),
        ("subject.where(resolve() is Patient).exists()", [True]),
        ("subject.resolve()", []),
    ],
)
def test_paths_follow_the_types_of_r4(expression: str, expected: list[Any]) -> None:
    assert evaluate(OBSERVATION, expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("name.given", ["Ann"]),
        ("name.given.count()", [2]),
        ("name.given.select(hasValue())", [False, True]),
        ("name.given.getValue()", []),
        ("name.given[1].getValue()", ["Ann"]),
        ("name.given.extension('http://x').value", ["?"]),
        ("name.given.where(extension('http://x').exists()).exists()", [True]),
        ("name.given.first() = 'Ann'", []),
        ("birthDate.exists()", [True]),
        ("birthDate.hasValue()", [False]),
        ("birthDate", []),
        ("birthDate.extension.value", ["unknown"]),
        ("birthDate.hasExtension('http://absent')", [True]),
        ("deceased", [False]),
        ("deceased.id", ["d"]),
        ("deceased.value is System.Boolean", [True]),
        ("deceased.exists() and deceased != false", [False]),
    ],
)
def test_primitives_keep_their_extensions_and_may_lack_a_value(expression: str, expected: list[Any]) -> None:
    assert evaluate(NAMED, expression) == expected


def test_typed_results_carry_type_value_and_sibling() -> None:
    [result] = fhirpath.compile("birthDate").typed(NAMED)
    assert result == ("FHIR.date", None, NAMED["_birthDate"])
    assert [each.type for each in fhirpath.compile("1 | value").typed(OBSERVATION)] == [
        "System.Integer",
        "FHIR.Quantity",
    ]


def test_results_are_the_nodes_of_the_tree_themselves() -> None:
    assert evaluate(OBSERVATION, "code")[0] is OBSERVATION["code"]


@pytest.mark.parametrize(
    ("expression", "type_name", "tree", "expected"),
    [
        ("start <= end", "Period", {"start": "2020-01-01", "end": "2020"}, None),
        ("start <= end", "Period", {"start": "2020-01-01", "end": "2021"}, True),
        ("start <= end", "Period", {"start": "2022", "end": "2021"}, False),
        ("name.exists() or telecom.exists()", "Patient.contact", {"gender": "male"}, False),
        ("%resource.status = 'final'", "Coding", {"code": "a"}, True),
        ("hasValue() or (children().count() > id.count())", "Coding", {"id": "a"}, False),
        ("photo", "Patient", {}, None),
    ],
)
def test_an_invariant_is_asked_of_an_element(
    expression: str, type_name: str, tree: dict[str, Any], expected: bool | None
) -> None:
    environment = Environment(resource=OBSERVATION)
    assert fhirpath.compile(expression).holds(tree, environment, type_name=type_name) is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a.b", [1, 2]),
        ("value", ["x"]),
        ("a.where(b = 2).c", [Decimal("0.5")]),
        ("flag", [True]),
        ("nothing", []),
        ("children().count()", [4]),
    ],
)
def test_a_tree_without_a_type_is_walked_by_its_names(expression: str, expected: list[Any]) -> None:
    tree = {"a": [{"b": 1}, {"b": 2, "c": Decimal("0.5")}], "valueString": "x", "flag": True}
    assert evaluate(tree, expression) == expected


@pytest.mark.parametrize(
    "tree", [None, 5, "text", [], {"resourceType": "Patient", "name": "Ann", "contact": [3]}]
)
def test_a_tree_of_the_wrong_shape_holds_nothing(tree: Any) -> None:
    assert evaluate(tree, "name.given | contact.name.family | descendants().ofType(HumanName).given") == []


def test_variables_of_the_caller() -> None:
    variables = {
        "limit": 80,
        "names": ["a", "b"],
        "half": 0.5,
        "other": {"resourceType": "Patient", "id": "x"},
    }
    assert evaluate(OBSERVATION, "value.value > %limit", variables) == [True]
    assert evaluate(OBSERVATION, "%names", variables) == ["a", "b"]
    assert evaluate(OBSERVATION, "%half", variables) == [Decimal("0.5")]
    assert evaluate(OBSERVATION, "%other is Patient", variables) == [True]


def test_resolve_asks_the_environment() -> None:
    asked: list[str] = []

    def resolve(reference: str) -> dict[str, Any] | None:
        asked.append(reference)
        return {"resourceType": "Patient", "id": "p1"} if reference == "Patient/p1" else None

    environment = Environment(resolve=resolve)
    assert evaluate(OBSERVATION, "subject.resolve().id", environment) == ["p1"]
    assert evaluate(OBSERVATION, "performer.resolve().count()", environment) == [1]
    assert asked == ["Patient/p1", "https://example.org/fhir/Organization/o1", "urn:uuid:1"]


def test_references_within_a_bundle_resolve_by_full_url() -> None:
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "a"}},
            {"resource": {"resourceType": "Encounter", "subject": {"reference": "urn:uuid:1"}}},
            {
                "fullUrl": "https://example.org/fhir/Group/g",
                "resource": {"resourceType": "Group", "id": "g", "managingEntity": {"reference": "Group/g"}},
            },
        ],
    }
    assert evaluate(bundle, "entry.resource.subject.resolve().id") == ["a"]
    assert evaluate(bundle, "entry.resource.managingEntity.resolve().id") == ["g"]
    assert evaluate(bundle, "entry.resource.subject.where(resolve() is Patient).count()") == [1]


def test_terminology_is_asked_of_the_environment() -> None:
    environment = Environment(
        member_of=lambda value, url: value["code"] == "29463-7" if url == "http://vs" else None,
        subsumes=lambda broad, narrow: broad == "a" and narrow == "b",
    )
    assert evaluate(OBSERVATION, "code.coding.memberOf('http://vs')", environment) == [True]
    assert evaluate(OBSERVATION, "code.coding.memberOf('http://unknown')", environment) == []
    assert evaluate(OBSERVATION, "'a'.subsumes('b')", environment) == [True]
    assert evaluate(OBSERVATION, "'a'.subsumedBy('b')", environment) == [False]
    for expression in ("code.coding.memberOf('http://vs')", "'a'.subsumes('b')"):
        with pytest.raises(fhirpath.FhirPathEvaluationError, match="needs a terminology"):
            evaluate(OBSERVATION, expression)


def test_profiles_are_asked_of_the_environment_and_base_types_are_known() -> None:
    base = "http://hl7.org/fhir/StructureDefinition/"
    assert evaluate(OBSERVATION, f"conformsTo('{base}DomainResource')") == [True]
    assert evaluate(OBSERVATION, f"conformsTo('{base}Patient')") == [False]
    with pytest.raises(fhirpath.FhirPathEvaluationError, match="does not know this profile"):
        evaluate(OBSERVATION, "conformsTo('http://unknown')")
    environment = Environment(conforms_to=lambda tree, url: tree["status"] == "final")
    assert evaluate(OBSERVATION, "conformsTo('http://profile')", environment) == [True]


def test_trace_is_heard_by_the_environment_only(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[tuple[str, list[Any]]] = []
    environment = Environment(trace=lambda name, values: heard.append((name, values)))
    assert evaluate(OBSERVATION, "code.trace('code', coding.code).exists()", environment) == [True]
    assert heard == [("code", ["29463-7"])]
    evaluate(OBSERVATION, "code.trace('code')")
    assert capsys.readouterr() == ("", "")


def test_an_error_never_tells_values_of_the_resource() -> None:
    with pytest.raises(fhirpath.FhirPathEvaluationError) as caught:
        evaluate(OBSERVATION, "status + 1")
    assert "final" not in caught.value.message


def test_unknown_modifier_extensions_stop_check_modifiers() -> None:
    tree = {**OBSERVATION, "modifierExtension": [{"url": "http://m", "valueBoolean": True}]}
    assert evaluate(tree, "checkModifiers('http://m').status") == ["final"]
    with pytest.raises(fhirpath.FhirPathEvaluationError, match="modifier extension"):
        evaluate(tree, "checkModifiers('http://other').status")


def test_every_search_parameter_of_r4_compiles_and_fits_its_type() -> None:
    expressions = {
        (resource_type, parameter.expression)
        for resource_type in definitions.resource_types()
        for parameter in definitions.search_parameters(resource_type).values()
        if parameter.expression
    }
    assert len(expressions) > 1000
    for resource_type, expression in expressions:
        fhirpath.compile(expression).check(resource_type)


@pytest.mark.parametrize("expression", ["value > 1 'g'", "value.value.lowBoundary()", "value.value ~ 1.5"])
def test_a_number_beyond_all_measure_is_refused(expression: str) -> None:
    tree = {**OBSERVATION, "valueQuantity": {**OBSERVATION["valueQuantity"], "value": Decimal("9E+999999")}}
    with pytest.raises(fhirpath.FhirPathEvaluationError, match="too large"):
        evaluate(tree, expression)
    assert evaluate(tree, "value.value * 10") == []
