"""What can be known of an expression before it meets data."""

from __future__ import annotations

import pytest

from carespine.fhir import fhirpath


@pytest.mark.parametrize(
    ("type_name", "expression", "types"),
    [
        ("Patient", "name.given", {"string"}),
        ("Patient", "Patient.deceased", {"boolean", "dateTime"}),
        ("Patient", "contact", {"Patient.contact"}),
        ("Patient", "contact.name.family", {"string"}),
        ("Observation", "value.ofType(Quantity).value", {"decimal"}),
        ("Observation", "(value as Quantity) | component.value.ofType(Quantity)", {"Quantity"}),
        ("Patient", "name.where(use = 'official').given.first()", {"string"}),
        ("Patient", "name.select(given | family)", {"string"}),
        ("Patient", "name.exists() and active", {"System.Boolean"}),
        ("Patient", "name.count()", {"System.Integer"}),
        ("Patient", "iif(active, name, contact.name)", {"HumanName"}),
        ("Patient", "birthDate.extension('http://x').value.ofType(dateTime)", {"dateTime"}),
        ("Questionnaire", "repeat(item).linkId", {"string"}),
        ("Patient", "1.type().name", {"System.String"}),
        ("Period", "start <= end", {"System.Boolean"}),
        ("Patient", "{}.name", set()),
        ("Bundle", "entry.resource.name", None),
        ("Patient", "children()", None),
        ("Patient", "managingOrganization.resolve().name", None),
        ("Resource", "Patient.name", {"HumanName"}),
        ("Patient", "Resource.id", {"id"}),
    ],
)
def test_the_types_of_the_results_are_known(type_name: str, expression: str, types: set[str] | None) -> None:
    assert fhirpath.compile(expression).check(type_name) == types


@pytest.mark.parametrize(
    ("type_name", "expression", "column", "words"),
    [
        ("Patient", "name.givn", 6, "HumanName has no element givn; given?"),
        ("Patient", "Encounter.status", 1, "the expression is about Encounter, at hand is Patient"),
        ("Observation", "valueQuantity.unit", 1, "write value.ofType(Quantity)"),
        ("Observation", "(value as Period).unit", 19, "Period has no element unit"),
        ("Patient", "name.where(usage = 'x')", 12, "HumanName has no element usage; use?"),
        ("Patient", "children().first()", 12, "needs an order"),
        ("Patient", "descendants()[0]", 14, "needs an order"),
        ("Patient", "name.as(HumanName)", 6, "use ofType()"),
        ("Patient", "iif('a', 1, 2)", 5, "must be a Boolean"),
        ("Patient", "'a'.given", 5, "System.String has no element given"),
        ("Patient", "contact.name.foo", 14, "HumanName has no element foo"),
        ("Patient", "active is Nonsense", 11, "no type Nonsense"),
    ],
)
def test_what_could_only_find_nothing_is_refused(
    type_name: str, expression: str, column: int, words: str
) -> None:
    with pytest.raises(fhirpath.FhirPathTypeError) as caught:
        fhirpath.compile(expression).check(type_name)
    assert caught.value.column == column
    assert words in caught.value.message
