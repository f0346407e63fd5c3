"""What a resource is found by: index and query together."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from carespine.fhir import codec, definitions
from carespine.fhir.search import Criterion, filed, index, keys_for, must_be_missing, parse
from carespine.fhir.search.extraction import extractor, value_types

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
BASE = "https://carespine.example/fhir"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {
        "profile": ["http://example.org/p|1"],
        "tag": [{"system": "http://t", "code": "demo"}],
        "source": "http://src",
    },
    "identifier": [
        {
            "system": "https://fhir.nhs.uk/Id/nhs-number",
            "value": "9990000018",
            "type": {"coding": [{"system": "http://types", "code": "NH"}], "text": "NHS number"},
        },
        {"value": "A|1"},
    ],
    "active": True,
    "name": [
        {
            "use": "official",
            "family": "O'Brien",
            "given": ["Zoë", None],
            "_given": [None, {"extension": [{"url": "u", "valueCode": "x"}]}],
        }
    ],
    "telecom": [
        {"system": "phone", "use": "home", "value": "0113 496 0000"},
        {"system": "email", "value": "Zoe@Example.org"},
    ],
    "gender": "female",
    "birthDate": "1970-06",
    "address": [{"line": ["1 High Street"], "city": "Leeds", "postalCode": "LS1 4AP", "use": "home"}],
    "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en-GB"}]}}],
    "generalPractitioner": [
        {"reference": "Practitioner/g1/_history/3"},
        {"identifier": {"system": "http://gmc", "value": "77"}},
    ],
    "managingOrganization": {"reference": f"{BASE}/Organization/o1", "display": "Park Surgery"},
    "link": [{"other": {"reference": "http://elsewhere.example/fhir/Patient/9"}, "type": "seealso"}],
}
PRESSURE: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "bp",
    "status": "final",
    "code": {
        "coding": [{"system": LOINC, "code": "85354-9", "display": "Blood pressure panel"}],
        "text": "BP",
    },
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2024-06-01T08:00:00+01:00",
    "component": [
        {
            "code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
            "valueQuantity": {"value": 142, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
        },
        {
            "code": {"coding": [{"system": LOINC, "code": "8462-4"}]},
            "valueQuantity": {"value": 88, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
        },
        {
            "code": {"coding": [{"system": LOINC, "code": "8361-8"}]},
            "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "33586001"}]},
        },
    ],
}


def criterion(resource_type: str, name: str, value: str) -> Criterion:
    (found,) = parse(resource_type, [(name, value)], base_url=BASE).clauses
    assert isinstance(found, Criterion)
    return found


def matches(tree: dict[str, Any], name: str, value: str) -> bool:
    asked = criterion(tree["resourceType"], name, value)
    keys = keys_for(asked)
    assert keys is not None
    found = bool(keys & index(tree, base_url=BASE).keys)
    return found != must_be_missing(asked)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("_tag", "http://t|demo", True),
        ("_tag", "http://t|", True),
        ("_tag", "|demo", False),
        ("_profile", "http://example.org/p", True),
        ("_profile", "http://example.org/p|1", True),
        ("_profile", "http://example.org/p|2", False),
        ("_source", "http://src", True),
        ("identifier", "9990000018", True),
        ("identifier", "https://fhir.nhs.uk/Id/nhs-number|9990000018", True),
        ("identifier", "https://fhir.nhs.uk/Id/nhs-number|", True),
        ("identifier", "|9990000018", False),
        ("identifier", "http://other|9990000018", False),
        ("identifier", "|A\\|1", True),
        ("identifier:of-type", "http://types|NH|9990000018", True),
        ("identifier:of-type", "http://types|MR|9990000018", False),
        ("active", "true", True),
        ("active", "false", False),
        ("gender", "female", True),
        ("gender", "http://hl7.org/fhir/administrative-gender|female", True),
        ("gender", "http://other|female", False),
        ("deceased", "false", True),
        ("deceased", "true", False),
        ("family:exact", "O'Brien", True),
        ("family:exact", "o'brien", False),
        ("phonetic", "Obryan", True),
        ("phonetic", "Smith", False),
        ("phone", "(0113) 496-0000", True),
        ("telecom", "home|01134960000", True),
        ("email", "zoe@example.org", True),
        ("phone", "zoe@example.org", False),
        ("language", "en-GB", True),
        ("address-use", "home", True),
        ("general-practitioner", "Practitioner/g1", True),
        ("general-practitioner", "g1", True),
        ("general-practitioner:Practitioner", "g1", True),
        ("general-practitioner:Organization", "g1", False),
        ("general-practitioner:identifier", "http://gmc|77", True),
        ("general-practitioner:identifier", "77", True),
        ("general-practitioner", "77", False),
        ("organization", "Organization/o1", True),
        ("organization", f"{BASE}/Organization/o1", True),
        ("link", "http://elsewhere.example/fhir/Patient/9", True),
        ("link", "Patient/9", False),
        ("birthdate:missing", "false", True),
        ("birthdate:missing", "true", False),
        ("death-date:missing", "true", True),
        ("death-date:missing", "false", False),
        ("general-practitioner:missing", "false", True),
    ],
)
def test_a_patient_is_found_by_equality(name: str, value: str, expected: bool) -> None:
    assert matches(PATIENT, name, value) is expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("code", f"{LOINC}|85354-9", True),
        ("code", "8480-6", False),
        ("combo-code", "8480-6", True),
        ("component-code", "85354-9", False),
        ("status", "final", True),
        ("status:not", "final", True),
        ("patient", "p1", True),
        ("subject", "Patient/p1", True),
        ("component-code-value-concept", "8361-8$http://snomed.info/sct|33586001", True),
        ("component-code-value-concept", f"{LOINC}|8361-8$33586001", True),
        ("component-code-value-concept", "8480-6$33586001", False),
        ("component-code-value-concept:missing", "true", False),
    ],
)
def test_an_observation_is_found_by_equality(name: str, value: str, expected: bool) -> None:
    assert matches(PRESSURE, name, value) is expected


def test_names_and_addresses_are_filed_by_all_their_parts() -> None:
    strings = index(PATIENT).strings
    assert ("name", "obrien") in strings
    assert ("name", "zoe") in strings
    assert ("given", "zoe") in strings
    assert ("address", "1 high street") in strings
    assert ("address-postalcode", "ls1 4ap") in strings
    assert ("phonetic", "O165") in strings


def test_texts_of_codes_and_references_are_filed_for_the_text_modifier() -> None:
    (name,) = filed("Observation", "code").names
    assert (name, "blood pressure panel") in index(PRESSURE).texts
    assert (name, "bp") in index(PRESSURE).texts
    assert ("organization", "park surgery") in index(PATIENT).texts
    assert ("identifier", "nhs number") in index(PATIENT).texts


def test_local_references_are_listed_with_their_parameter() -> None:
    assert set(index(PRESSURE).references) == {("patient", "Patient", "p1"), ("subject", "Patient", "p1")}
    assert ("organization", "Organization", "o1") in index(PATIENT, base_url=BASE).references
    assert not [row for row in index(PATIENT).references if row[0] in {"organization", "link"}]


def test_dates_are_filed_as_intervals() -> None:
    assert index(PRESSURE).dates == [("date", 1717225200000000, 1717225201000000)]
    (birth,) = index(PATIENT).dates
    assert birth[0] == "birthdate"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("component-code-value-quantity", f"{LOINC}|8480-6$gt140"),
        ("component-code-value-quantity", "8480-6$gt140"),
    ],
)
def test_a_component_is_found_by_its_code_and_its_quantity_together(name: str, value: str) -> None:
    row = criterion("Observation", name, value).row
    assert [(low, high) for filed, _, _, low, high, _ in index(PRESSURE).quantities if filed == row] == [
        (Decimal(142), Decimal(142))
    ]


def test_the_row_of_one_component_never_holds_the_value_of_another() -> None:
    row = criterion("Observation", "component-code-value-quantity", "8462-4$gt140").row
    assert [low for filed, _, _, low, _, _ in index(PRESSURE).quantities if filed == row] == [Decimal(88)]


def test_quantities_keep_system_code_and_unit() -> None:
    (name,) = filed("Observation", "component-value-quantity").names
    assert (name, UCUM, "mm[Hg]", Decimal(142), Decimal(142), "mmHg") in index(PRESSURE).quantities


def test_parameters_that_find_the_same_values_share_what_is_filed() -> None:
    (plain,), (component,) = (filed("Observation", code).names for code in ("code", "component-code"))
    assert set(filed("Observation", "combo-code").names) == {plain, component}
    assert filed("Observation", "patient").local == ((filed("Observation", "subject").names[0], "Patient"),)
    keys = index(PRESSURE).keys
    assert len(keys & (keys_for(criterion("Observation", "subject", "p1")) or set())) == 1
    assert keys_for(criterion("Observation", "patient", "Group/p1")) == frozenset()


def test_what_a_column_answers_is_not_indexed_again() -> None:
    tree = {"resourceType": "Patient", "id": "p1", "meta": {"lastUpdated": "2026-01-01T00:00:00Z"}}
    assert index(tree) == index({"resourceType": "Patient"})


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ({"reference": "Patient/1"}, True),
        ({"reference": "http://elsewhere.example/Patient/1"}, True),
        ({"reference": "Group/1"}, False),
        ({"reference": "#c"}, True),
        ({"reference": "#d"}, False),
        ({"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "type": "Patient"}, True),
        ({"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}, False),
        ({"type": "Patient", "identifier": {"value": "1"}}, True),
    ],
)
def test_the_patient_parameter_takes_only_references_to_patients(
    subject: dict[str, Any], found: bool
) -> None:
    contained = [
        {"resourceType": "Patient", "id": "c"},
        {"resourceType": "Group", "id": "d", "type": "person", "actual": True},
    ]
    tree = {**PRESSURE, "subject": subject, "contained": contained}
    codec.check(tree)
    assert matches(tree, "patient:missing", "false") is found


def test_a_location_is_filed_by_its_position() -> None:
    tree = {
        "resourceType": "Location",
        "position": {"latitude": Decimal("53.8"), "longitude": Decimal("-1.55")},
    }
    assert index(tree).positions == [(53.8, -1.55)]


def test_a_document_is_found_by_its_composition() -> None:
    composition = {"resourceType": "Composition", "id": "c1"}
    tree = {
        "resourceType": "Bundle",
        "type": "document",
        "entry": [{"resource": composition}, {"resource": PATIENT}],
    }
    assert matches(tree, "composition", "c1")
    assert not matches(tree, "composition", "p1")


def test_an_extension_parameter_finds_what_the_extension_holds() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/patient-extensions-Patient-mothersMaidenName"
    tree = {
        "resourceType": "Patient",
        "extension": [{"url": url, "valueString": "Hill"}, {"url": "u", "valueString": "X"}],
    }
    assert index(tree).strings == [("mothersMaidenName", "hill")]


def test_a_resource_with_nothing_in_it_is_indexed_by_nothing() -> None:
    assert not index({"resourceType": "Observation"}).keys


@pytest.mark.parametrize("resource_type", definitions.resource_types())
def test_every_type_has_an_index_function_and_every_parameter_a_type_of_value(resource_type: str) -> None:
    extractor(resource_type)
    for code, parameter in definitions.search_parameters(resource_type).items():
        assert value_types(resource_type, code) or not parameter.expression
