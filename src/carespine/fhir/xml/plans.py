"""What to write for an object of a type with given members, and in which order: worked out once a shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple

from carespine.fhir import definitions
from carespine.fhir.definitions import Element
from carespine.fhir.xml.names import attributes_of, ranks
from carespine.fhir.xml.narrative import NotXhtml

Tree = dict[str, Any]
Append = Callable[[str], None]
# Types whose values come again and again, and types whose values are not texts.
_REPEATING = frozenset({"code", "uri", "url", "canonical", "oid"})
_NOT_TEXTS = frozenset({"boolean", "integer", "unsignedInt", "positiveInt", "decimal"})


class Form(IntEnum):
    """How a member is written."""

    TEXT = 0
    REPEATING = 1
    VALUE = 2
    OBJECT = 3
    OBJECTS = 4
    VALUES = 5
    NARRATIVE = 6
    RESOURCE = 7
    RESOURCES = 8
    SIBLING = 9
    SIBLINGS = 10


class Row(NamedTuple):
    """A member in its turn: `start` opens a primitive's element up to its value."""

    form: Form
    name: str
    start: str
    type: str


class Plan(NamedTuple):
    """The members of one shape in order; whether some are attributes."""

    attributes: bool
    rows: tuple[Row, ...]


def plan_of(type_name: str, shape: tuple[str, ...]) -> Plan:
    """The plan for these members. Raises KeyError where the type has no such member."""
    order = _order(type_name)
    attributes = attributes_of(type_name)
    told = {"resourceType"} if definitions.is_resource(type_name) else attributes
    with_sibling = {name[1:] for name in shape if name.startswith("_")}
    left = [name for name in shape if name not in told and name not in with_sibling]
    rows = tuple(_row(type_name, name) for name in sorted(left, key=order.__getitem__))
    return Plan(not attributes.isdisjoint(shape), rows)


@cache
def _order(type_name: str) -> Mapping[str, int]:
    order = ranks(type_name)
    return {**order, **{f"_{name}": rank for name, rank in order.items()}}


def _row(type_name: str, name: str) -> Row:
    bare = name.removeprefix("_")
    element, fhir_type = definitions.json_elements(type_name)[bare]
    if bare != name:
        if not definitions.is_primitive(fhir_type):
            raise KeyError(name)
        if fhir_type == "xhtml":
            raise NotXhtml("it has an id or extensions beside it, for which XML has no place")
        return Row(Form.SIBLINGS if element.many else Form.SIBLING, name, "", fhir_type)
    return Row(_form(element, fhir_type), name, f'<{name} value="', fhir_type)


def _form(element: Element, fhir_type: str) -> Form:
    if fhir_type == "xhtml":
        return Form.NARRATIVE
    if not definitions.is_primitive(fhir_type):
        one, several = Form.OBJECT, Form.OBJECTS
        if definitions.is_resource(fhir_type):
            one, several = Form.RESOURCE, Form.RESOURCES
        return several if element.many else one
    if element.many:
        return Form.VALUES
    if fhir_type in _NOT_TEXTS:
        return Form.VALUE
    return Form.REPEATING if fhir_type in _REPEATING else Form.TEXT
