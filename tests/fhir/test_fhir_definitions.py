"""The compiled definitions say what the R4 specification says."""

from __future__ import annotations

import pytest

from carespine.fhir import definitions


def test_there_are_146_concrete_resource_types() -> None:
    names = definitions.resource_types()
    assert len(names) == 146
    assert {"Patient", "Observation", "Bundle", "Parameters", "Binary"} <= set(names)
    assert not {"Resource", "DomainResource", "Element"} & set(names)


def test_every_type_that_an_element_has_is_defined() -> None:
    known = set(definitions.type_names())
    named = {
        name
        for owner in known
        for element in definitions.type_definition(owner).elements.values()
        for name in element.types
    }
    assert {name for name in named - known if not name.startswith("System.")} == set()


@pytest.mark.parametrize(
    ("owner", "name", "types", "least", "most"),
    [
        ("Patient", "name", ("HumanName",), 0, None),
        ("Patient", "id", ("id",), 0, 1),
        ("Patient", "contact", ("Patient.contact",), 0, None),
        ("Patient.contact", "name", ("HumanName",), 0, 1),
        ("Patient", "deceased", ("boolean", "dateTime"), 0, 1),
        ("Observation", "status", ("code",), 1, 1),
        ("Observation.component", "referenceRange", ("Observation.referenceRange",), 0, None),
        ("Bundle.entry", "resource", ("Resource",), 0, 1),
        ("Extension", "url", ("uri",), 1, 1),
        ("Narrative", "div", ("xhtml",), 1, 1),
        ("Timing", "repeat", ("Timing.repeat",), 0, 1),
        ("Questionnaire.item", "item", ("Questionnaire.item",), 0, None),
    ],
)
def test_elements_have_their_types_and_cardinality(
    owner: str, name: str, types: tuple[str, ...], least: int, most: int | None
) -> None:
    element = definitions.type_definition(owner).elements[name]
    assert (element.types, element.min, element.max) == (types, least, most)


def test_a_choice_is_one_element_with_several_json_names() -> None:
    element = definitions.type_definition("Patient").elements["multipleBirth"]
    assert element.choice
    assert element.json_names == ("multipleBirthBoolean", "multipleBirthInteger")
    assert definitions.choice("Observation", "valueQuantity") == ("value", "Quantity")
    assert definitions.choice("Observation", "status") is None
    assert definitions.choice("Observation", "valueAddress") is None


def test_flags_targets_and_bindings_are_kept() -> None:
    patient = definitions.type_definition("Patient").elements
    assert patient["active"].modifier
    assert patient["active"].summary
    assert not patient["contact"].summary
    assert patient["gender"].binding == ("required", "http://hl7.org/fhir/ValueSet/administrative-gender")
    assert patient["managingOrganization"].targets == ("Organization",)


def test_required_value_sets_know_their_codes_and_systems() -> None:
    value_set = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert definitions.codes(value_set) == {"male", "female", "other", "unknown"}
    systems = definitions.code_systems(value_set)
    assert systems is not None
    assert list(systems) == ["http://hl7.org/fhir/administrative-gender"]
    assert definitions.codes("http://hl7.org/fhir/ValueSet/mimetypes") is None


def test_types_know_what_they_derive_from() -> None:
    assert definitions.ancestors("code") == ("code", "string", "Element")
    assert definitions.is_a("Age", "Quantity")
    assert definitions.is_a("Patient", "Resource")
    assert not definitions.is_a("Patient", "Element")


def test_search_parameters_hold_only_the_alternatives_of_their_type() -> None:
    assert (
        definitions.search_parameters("Observation")["patient"].expression
        == "Observation.subject.where(resolve() is Patient)"
    )
    assert definitions.search_parameters("InsurancePlan")["name"].expression == "name | alias"


@pytest.mark.parametrize("resource_type", definitions.resource_types())
def test_every_type_has_the_common_search_parameters(resource_type: str) -> None:
    common = {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_content", "_filter"}
    found = definitions.search_parameters(resource_type)
    assert common <= set(found)
    assert all(code == parameter.code for code, parameter in found.items())


def test_the_patient_compartment_names_the_linking_parameters() -> None:
    compartment = definitions.compartment("Patient")
    assert compartment["Observation"] == ("subject", "performer")
    for resource_type, codes in compartment.items():
        assert set(codes) <= set(definitions.search_parameters(resource_type))
