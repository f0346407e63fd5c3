"""Every R4 resource type with every element filled: it is accepted, survives, and is indexed as FHIRPath says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from carespine.fhir import codec, definitions, fhirpath
from carespine.fhir.definitions import Element
from carespine.fhir.search import index, parse
from carespine.fhir.search.extraction import typed_paths
from carespine.fhir.search.steps import walk
from carespine.fhir.structure import bound_codes

VALUES: dict[str, Any] = {
    "boolean": True,
    "integer": 3,
    "unsignedInt": 4,
    "positiveInt": 5,
    "decimal": Decimal("1.50"),
    "string": "a string",
    "markdown": "*text*",
    "xhtml": "<div>x</div>",
    "code": "a-code",
    "id": "an-id",
    "uri": "http://example.org/uri",
    "url": "http://example.org/url",
    "canonical": "http://example.org/canonical|1",
    "oid": "urn:oid:1.2.3",
    "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    "date": "2024-02-29",
    "dateTime": "2024-02-29T12:00:00Z",
    "instant": "2024-02-29T12:00:00.000Z",
    "time": "12:30:00",
    "base64Binary": "aGVsbG8=",
}
# Deep enough for every search parameter of R4, and small enough to stay quick.
DEPTH = 5
VARIANTS = 4


def filled(type_name: str, variant: int, depth: int = 0) -> dict[str, Any]:
    """A value of the type with all its elements; `variant` picks the type of each choice and the length of lists."""
    tree: dict[str, Any] = {}
    if definitions.is_resource(type_name):
        tree["resourceType"] = type_name
    for element in definitions.type_definition(type_name).elements.values():
        if not element.min and (
            depth >= DEPTH or element.name in {"extension", "modifierExtension", "contained"}
        ):
            continue
        pick = variant % len(element.types)
        if element.min or not _recursive(type_name, element, pick, depth):
            value = _value(element, element.types[pick], variant, depth)
            tree[element.json_names[pick]] = [value] * (1 + variant % 2) if element.many else value
    return tree or {"extension": [{"url": "http://example.org/x", "valueCode": "x"}]}


def _recursive(type_name: str, element: Element, pick: int, depth: int) -> bool:
    return depth > 2 and element.types[pick] in {
        type_name,
        "Reference",
        "Identifier",
        "Extension",
        "Resource",
    }


def _value(element: Element, fhir_type: str, variant: int, depth: int) -> Any:
    if fhir_type == "Resource":
        return {"resourceType": "Basic", "id": "b", "code": {"text": "x"}}
    codes = bound_codes(element, fhir_type)
    if codes:
        return sorted(codes)[variant % len(codes)]
    if definitions.is_primitive(fhir_type):
        return VALUES[fhir_type]
    return filled(fhir_type, variant, depth + 1)


@pytest.mark.parametrize("resource_type", definitions.resource_types())
def test_a_resource_with_every_element_is_accepted_and_survives(resource_type: str) -> None:
    for variant in range(VARIANTS):
        tree = filled(resource_type, variant)
        codec.check(tree)
        assert codec.decode(codec.encode(tree)) == tree


@pytest.mark.parametrize("resource_type", definitions.resource_types())
def test_search_paths_find_what_fhirpath_finds(resource_type: str) -> None:
    parameters = definitions.search_parameters(resource_type).values()
    for variant in range(VARIANTS):
        tree = filled(resource_type, variant)
        for parameter in parameters:
            if (
                not parameter.expression
                or "resolve()" in parameter.expression
                or "extension(" in parameter.expression
            ):
                continue
            paths = typed_paths(parameter, resource_type)
            found = [value for path in paths for value in walk(path.steps, tree, tree)]
            expected = fhirpath.evaluate(tree, parameter.expression)
            # A union drops equal values; both sides are compared as sets of what is different.
            assert _distinct(found) == _distinct(expected), parameter.code


def _distinct(values: list[Any]) -> list[str]:
    return sorted({str(value) for value in values})


@pytest.mark.parametrize("resource_type", definitions.resource_types())
def test_every_parameter_that_finds_a_value_can_be_asked_whether_it_is_missing(resource_type: str) -> None:
    for variant in range(VARIANTS):
        entries = index(filled(resource_type, variant))
        assert entries.keys
        names = {row[0].partition("$")[0] for row in (*entries.strings, *entries.dates, *entries.quantities)}
        for code in {code for name in names for code in name.split(",")}:
            parse(resource_type, [(f"{code}:missing", "true")])
