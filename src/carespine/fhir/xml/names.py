"""What XML calls things: the namespaces, and for each type the elements it may hold, in their order.

Source: FHIR R4, xml.html (XML representation of resources).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple

from carespine.fhir import definitions
from carespine.fhir.definitions import Element
from carespine.fhir.xml.primitives import CONVERSIONS

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"
# The parser joins namespace, local name and, where one is written, prefix by this.
SEPARATOR = " "
_ID = frozenset({"id"})
_EXTENSION = frozenset({"id", "url"})
_NONE: frozenset[str] = frozenset()


class Kind(IntEnum):
    """How an element of XML becomes a member of the tree."""

    PRIMITIVE = 0
    COMPLEX = 1
    WRAPPER = 2  # contained, Bundle.entry.resource: one element around a resource
    RESOURCE = 3
    NARRATIVE = 4


class Slot(NamedTuple):
    """An element where it may stand. `rank` is its place in the order, the same for all types of a choice."""

    kind: Kind
    key: str
    many: bool
    rank: int
    type: str
    attributes: frozenset[str]
    convert: Callable[[str], Any] | None
    element: Element | None


Slots = Mapping[str, Slot]


class _ByType(dict[str, Slots]):
    """Type -> its slots by expanded name; made when first asked for."""

    def __missing__(self, type_name: str) -> Slots:
        slots = self[type_name] = _slots(type_name)
        return slots


SLOTS = _ByType()


def attributes_of(type_name: str) -> frozenset[str]:
    """The members of a type that XML writes as attributes."""
    if definitions.is_resource(type_name):
        return _NONE
    return _EXTENSION if type_name == "Extension" else _ID


@cache
def resources() -> Slots:
    """What may stand where a resource belongs."""
    return {
        _expanded(name): Slot(Kind.RESOURCE, name, False, 0, name, _NONE, None, None)
        for name in definitions.resource_types()
    }


@cache
def beside_values() -> Slots:
    """What may stand within a primitive: its value is an attribute, so only extensions."""
    return {name: slot for name, slot in SLOTS["Element"].items() if slot.key == "extension"}


def ranks(type_name: str) -> Mapping[str, int]:
    """JSON name -> place in the order of XML; attributes are not listed."""
    own = attributes_of(type_name)
    elements = definitions.type_definition(type_name).elements.values()
    return {
        json_name: rank
        for rank, element in enumerate(elements)
        if element.name not in own
        for json_name in element.json_names
    }


def _slots(type_name: str) -> Slots:
    order = ranks(type_name)
    return {
        (f"{XHTML}{SEPARATOR}{name}" if fhir_type == "xhtml" else _expanded(name)): _slot(
            element, name, fhir_type, order[name]
        )
        for name, (element, fhir_type) in definitions.json_elements(type_name).items()
        if name in order
    }


def _slot(element: Element, name: str, fhir_type: str, rank: int) -> Slot:
    convert = None
    if fhir_type == "xhtml":
        kind, attributes = Kind.NARRATIVE, _NONE
    elif definitions.is_primitive(fhir_type):
        kind, attributes, convert = Kind.PRIMITIVE, _ID, CONVERSIONS.get(fhir_type)
    elif definitions.is_resource(fhir_type):
        kind, attributes = Kind.WRAPPER, _NONE
    else:
        kind, attributes = Kind.COMPLEX, attributes_of(fhir_type)
    return Slot(kind, name, element.many, rank, fhir_type, attributes, convert, element)


def _expanded(name: str) -> str:
    return f"{FHIR}{SEPARATOR}{name}"
