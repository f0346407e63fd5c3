"""Small valid resources, ways of breaking them, and what validation must say of each."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.definitions import Element
from carespine.fhir.structure import bound_codes
from carespine.kernel.errors import Issue

Tree = dict[str, Any]
GOOD: dict[str, Any] = {
    "boolean": True,
    "integer": 3,
    "unsignedInt": 4,
    "positiveInt": 5,
    "decimal": Decimal("1.50"),
    "string": "a string",
    "markdown": "*text*",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
    "code": "a-code",
    "id": "an-id",
    "uri": "http://example.org/uri",
    "url": "http://example.org/url",
    "canonical": "http://example.org/canonical",
    "oid": "urn:oid:1.2.3",
    "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    "date": "2024-02-29",
    "dateTime": "2024-02-29T12:00:00Z",
    "instant": "2024-02-29T12:00:00.000Z",
    "time": "12:30:00",
    "base64Binary": "aGVsbG8=",
}


@dataclass(frozen=True)
class Mutant:
    """A resource with one fault: what the finding must say. `rule` is its rule or, without one, its code."""

    name: str
    tree: Tree
    rule: str
    path: str
    words: str = ""
    severity: str = "error"

    def is_found(self, issues: list[Issue]) -> bool:
        """Whether one of the issues names the rule, the place and the words."""
        return any(
            issue.severity == self.severity
            and self.rule in (issue.rule, issue.code)
            and issue.expression == self.path
            and self.words in issue.diagnostics
            for issue in issues
        )


def minimal(type_name: str) -> Tree:
    """A value of a type with its required elements only."""
    tree: Tree = {"resourceType": type_name} if definitions.is_resource(type_name) else {}
    for element in definitions.type_definition(type_name).elements.values():
        if element.min:
            value = _value(element)
            tree[element.json_names[0]] = [value] * element.min if element.many else value
    return tree or {"extension": [{"url": "http://example.org/x", "valueCode": "x"}]}


def _value(element: Element) -> Any:
    fhir_type = element.types[0]
    codes = bound_codes(element, fhir_type)
    if codes:
        return sorted(codes)[0]
    if fhir_type == "Reference":
        targets = sorted(element.targets)
        return {"reference": f"{targets[0] if targets and targets[0] != 'Resource' else 'Patient'}/1"}
    return GOOD[fhir_type] if definitions.is_primitive(fhir_type) else minimal(fhir_type)


def elements_of(resource_type: str) -> Iterator[Element]:
    """The elements that are the type's own: not those of every resource."""
    shared = definitions.type_definition("DomainResource").elements
    for element in definitions.type_definition(resource_type).elements.values():
        if element.name not in shared:
            yield element


def label(element: Element) -> str:
    return f"{element.name}.ofType({element.types[0]})" if element.choice else element.name


def missing() -> Iterator[Mutant]:
    """Every resource type without its required elements, one at a time."""
    for name in definitions.resource_types():
        for element in elements_of(name):
            if element.min:
                tree = minimal(name)
                del tree[element.json_names[0]]
                yield Mutant(f"{name} without {element.name}", tree, "required", name, element.json_names[0])


def wrong_codes() -> Iterator[Mutant]:
    """Every required binding of a code on the first level of a resource, with a code that it does not have."""
    for name in definitions.resource_types():
        for element in elements_of(name):
            if bound_codes(element, element.types[0]):
                tree = minimal(name)
                tree[element.name] = ["no-such-code"] if element.many else "no-such-code"
                path = f"{name}.{element.name}" + ("[0]" if element.many else "")
                yield Mutant(f"{name}.{element.name} is no such code", tree, "code-invalid", path, "expected")


def wrong_targets() -> Iterator[Mutant]:
    """Every restricted reference on the first level of a resource, pointing to a type it may not point to."""
    for name in definitions.resource_types():
        for element in elements_of(name):
            if element.types[0] != "Reference" or not element.targets or "Resource" in element.targets:
                continue
            wrong = next(each for each in ("Binary", "Basic") if each not in element.targets)
            tree = minimal(name)
            reference = {"reference": f"{wrong}/1"}
            tree[element.json_names[0]] = [reference] if element.many else reference
            path = f"{name}.{label(element)}" + ("[0]" if element.many else "")
            yield Mutant(
                f"{name}.{element.name} to {wrong}", tree, "reference-target", path, f"points to {wrong}"
            )


def one_too_many() -> Iterator[Mutant]:
    """Every single element on the first level of a resource, given as a list."""
    for name in definitions.resource_types():
        for element in elements_of(name):
            if not element.many and not element.choice:
                tree = minimal(name)
                tree[element.name] = [_value(element)] * 2
                path = f"{name}.{element.name}"
                code = "code-invalid" if bound_codes(element, element.types[0]) else ""
                yield Mutant(f"{path} twice", tree, code or _shape(element), path)
                break


def _shape(element: Element) -> str:
    return "value" if definitions.is_primitive(element.types[0]) else "structure"


BAD_PRIMITIVES: list[tuple[str, Any]] = [
    ("boolean", "true"), ("boolean", 1), ("integer", "3"), ("integer", 2**31), ("integer", Decimal("1.0")),
    ("unsignedInt", -1), ("positiveInt", 0), ("decimal", "1.5"), ("string", ""), ("string", "a\x00b"), ("string", 5),
    ("markdown", ""), ("code", " a"), ("code", "a  b"), ("code", ""), ("id", "a_b"), ("id", "x" * 65), ("uri", "a b"),
    ("url", "http://a b"), ("canonical", "a b"), ("oid", "1.2.3"), ("oid", "urn:oid:3.2"), ("uuid", "urn:uuid:C757"),
    ("date", "2023-02-29"), ("date", "2023-13"), ("date", "23-01-01"), ("date", "2023-01-01T00:00:00Z"),
    ("dateTime", "2023-01-01T12:00"), ("dateTime", "2023-01-01T12:00:00"), ("dateTime", "2023-01-01 12:00:00Z"),
    ("instant", "2023-01-01"), ("instant", "2023-01-01T25:00:00Z"), ("time", "12:30"), ("time", "24:00:00"),
    ("base64Binary", "a"), ("base64Binary", "***"),
]  # fmt: skip


def bad_primitives() -> Iterator[Mutant]:
    """Every primitive type with values that its format does not have."""
    for fhir_type, value in BAD_PRIMITIVES:
        name = f"value{fhir_type[0].upper()}{fhir_type[1:]}"
        tree = {"resourceType": "Parameters", "parameter": [{"name": "p", name: value}]}
        path = f"Parameters.parameter[0].value.ofType({fhir_type})"
        yield Mutant(f"{fhir_type} {value!r}"[:60], tree, "value", path, "expected")


def all_generated() -> list[Mutant]:
    return [*missing(), *wrong_codes(), *wrong_targets(), *one_too_many(), *bad_primitives()]


def changed(base: Tree, **changes: Any) -> Tree:
    """A copy with members replaced; None removes."""
    tree = copy.deepcopy(base)
    for name, value in changes.items():
        if value is None:
            tree.pop(name, None)
        else:
            tree[name] = value
    return tree


def parsed(text: str) -> Tree:
    """A tree from JSON, decimals kept."""
    tree: Tree = json.loads(text, parse_float=Decimal)
    return tree
