"""The official R4 definitions as values: types, elements, search parameters, value sets, compartments.

Read from one compiled data file on first use; every answer is cached and must not be changed by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import msgspec
import zstandard

RELEASE = "4.0.1"
# Parameters without an expression: full text and filters, which search itself gives a meaning.
UNINDEXED_PARAMETERS = frozenset({"_text", "_content", "_filter", "_list"})
_SUMMARY, _MODIFIER, _CHOICE = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type. `max` None stands for `*`; `name` is `value` for `value[x]`.

    `types` holds a backbone element's own path (`Patient.contact`); `targets` are the types that a Reference
    or canonical may point to (empty: any); `binding` is (strength, value set URL without version).
    """

    name: str
    types: tuple[str, ...]
    min: int
    max: int | None
    choice: bool
    json_names: tuple[str, ...]
    targets: tuple[str, ...]
    binding: tuple[str, str] | None
    summary: bool
    modifier: bool

    @property
    def many(self) -> bool:
        """Whether the element is a list in JSON."""
        return self.max != 1


@dataclass(frozen=True, slots=True)
class TypeDefinition:
    """A type and its elements, inherited ones included, in the order of the specification."""

    name: str
    kind: str
    base: str | None
    abstract: bool
    elements: Mapping[str, Element]


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A search parameter as it applies to one resource type.

    `expression` holds only the alternatives for that type (empty for `_text`, `_content`, `_filter`);
    `components` are (URL of the component's parameter, expression relative to each result of `expression`).
    """

    code: str
    type: str
    expression: str
    targets: tuple[str, ...]
    components: tuple[tuple[str, str], ...]
    url: str


@cache
def _data() -> dict[str, Any]:
    packed = (resources.files("carespine.fhir.data") / "r4.msgpack.zst").read_bytes()
    content: dict[str, Any] = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed))
    return content


@cache
def resource_types() -> tuple[str, ...]:
    """The names of the concrete resource types, sorted."""
    rows = _data()["types"].items()
    return tuple(sorted(name for name, row in rows if row[0] == "resource" and not row[2]))


@cache
def type_names() -> tuple[str, ...]:
    """All type names, backbone paths and abstract types included, sorted."""
    return tuple(sorted(_data()["types"]))


@cache
def type_definition(name: str) -> TypeDefinition:
    """The definition of `Patient`, `Patient.contact`, `HumanName`, `dateTime`, ...; else KeyError."""
    kind, base, abstract, rows = _data()["types"][name]
    elements = {row[0]: _element(row) for row in rows}
    return TypeDefinition(name, kind, base, abstract, MappingProxyType(elements))


def _element(row: list[Any]) -> Element:
    name, types, least, most, flags, targets, strength, value_set = row
    choice = bool(flags & _CHOICE)
    return Element(
        name=name,
        types=tuple(types),
        min=least,
        max=None if most < 0 else most,
        choice=choice,
        json_names=tuple(name + code[0].upper() + code[1:] for code in types) if choice else (name,),
        targets=tuple(targets),
        binding=(strength, value_set) if strength else None,
        summary=bool(flags & _SUMMARY),
        modifier=bool(flags & _MODIFIER),
    )


@cache
def json_elements(type_name: str) -> Mapping[str, tuple[Element, str]]:
    """Every JSON name of a type -> (element, FHIR type): `valueQuantity` -> (value, `Quantity`).

    The `_name` siblings of primitives are not listed; see `is_primitive`.
    """
    elements = type_definition(type_name).elements.values()
    return MappingProxyType(
        {
            json_name: (element, fhir_type)
            for element in elements
            for json_name, fhir_type in zip(element.json_names, element.types, strict=True)
        }
    )


def choice(type_name: str, json_name: str) -> tuple[str, str] | None:
    """Of a choice element's JSON name (base, FHIR type): Observation, valueQuantity -> value, Quantity."""
    element, fhir_type = json_elements(type_name).get(json_name, (None, ""))
    return (element.name, fhir_type) if element is not None and element.choice else None


@cache
def is_primitive(type_name: str) -> bool:
    """Whether values of the type are JSON strings, numbers or booleans, with a `_name` sibling."""
    return bool(_data()["types"][type_name][0] == "primitive-type")


@cache
def is_resource(type_name: str) -> bool:
    """Whether the name is that of a resource type, abstract ones included."""
    row = _data()["types"].get(type_name)
    return row is not None and row[0] == "resource"


@cache
def ancestors(type_name: str) -> tuple[str, ...]:
    """The type itself and the types it derives from, nearest first: code, string, Element."""
    base = type_definition(type_name).base
    return (type_name, *ancestors(base)) if base else (type_name,)


def is_a(type_name: str, ancestor: str) -> bool:
    """Whether `type_name` is `ancestor` or derives from it."""
    return ancestor in ancestors(type_name)


def primitive_pattern(type_name: str) -> str | None:
    """The regular expression that R4 publishes for a primitive type's JSON text; None where it gives none."""
    pattern: str | None = _data()["patterns"].get(type_name)
    return pattern


@cache
def code_systems(value_set: str) -> Mapping[str, frozenset[str]] | None:
    """System -> codes of a value set that R4 binds as required; None where its members are not listed."""
    members = _data()["valueSets"].get(value_set)
    if members is None:
        return None
    return MappingProxyType({system: frozenset(codes) for system, codes in members.items()})


@cache
def codes(value_set: str) -> frozenset[str] | None:
    """The codes of a value set that R4 binds as required, of all systems; None where they are not listed."""
    systems = code_systems(value_set)
    return None if systems is None else frozenset().union(*systems.values())


@cache
def compartment(name: str) -> Mapping[str, tuple[str, ...]]:
    """Compartment (`Patient`, `Encounter`, ...) -> resource type -> search parameters that place it there."""
    return MappingProxyType({key: tuple(value) for key, value in _data()["compartments"][name].items()})


@cache
def search_parameters(resource_type: str) -> Mapping[str, SearchParameter]:
    """Code -> search parameter of a resource type, with those of Resource and DomainResource (`_id`, ...), and those
    that were added at run time."""
    return MappingProxyType({**official_parameters(resource_type), **_added.get(resource_type, {})})


@cache
def official_parameters(resource_type: str) -> Mapping[str, SearchParameter]:
    """The same, of R4 alone."""
    bases = ancestors(resource_type)
    found = {}
    for code, kind, url, declared, expression, targets, components in _data()["parameters"]:
        if not any(base in declared for base in bases):
            continue
        own = alternatives_for(expression, resource_type)
        parts = tuple((part[0], part[1]) for part in components)
        found[code] = SearchParameter(code, kind, own, tuple(targets), parts, url)
    return MappingProxyType(found)


# Added at run time, by type and code; and the (type, code) by which not everything is indexed yet.
_added: Mapping[str, Mapping[str, SearchParameter]] = MappingProxyType({})
_unready: frozenset[tuple[str, str]] = frozenset()
_on_change: list[Callable[[], None]] = []


def add_parameters(
    added: Mapping[str, Mapping[str, SearchParameter]], *, unready: frozenset[tuple[str, str]]
) -> None:
    """Replace the parameters that were added to R4's own, for this process. All that was derived is forgotten."""
    global _added, _unready
    _added, _unready = added, unready
    search_parameters.cache_clear()
    search_parameter_by_url.cache_clear()
    for forget in _on_change:
        forget()


def forget_on_change(*forget: Callable[[], None]) -> None:
    """Have caches that were derived from search parameters emptied when parameters are added or go."""
    _on_change.extend(forget)


def is_ready(resource_type: str, code: str) -> bool:
    """Whether everything stored is indexed by a parameter."""
    return (resource_type, code) not in _unready


def alternatives_for(expression: str, resource_type: str) -> str:
    """Those alternatives of an expression that are about a type."""
    bases = ancestors(resource_type)
    return " | ".join(part for part in split_alternatives(expression) if _applies(part, bases))


@cache
def search_parameter_by_url(url: str, resource_type: str) -> SearchParameter:
    """The search parameter of a canonical URL as it applies to a resource type; KeyError if there is none."""
    for parameter in search_parameters(resource_type).values():
        if parameter.url == url:
            return parameter
    raise KeyError(url)


def split_alternatives(expression: str) -> list[str]:
    """The `|` alternatives of an expression, brackets respected."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if character == "|" and depth == 0:
            parts.append(expression[start:position].strip())
            start = position + 1
    return [*parts, expression[start:].strip()] if expression else []


_FIRST_NAME = re.compile(r"[( ]*(\w+)")


def _applies(alternative: str, bases: tuple[str, ...]) -> bool:
    match = _FIRST_NAME.match(alternative)
    first = match.group(1) if match else ""
    return first in bases or not first[:1].isupper()
