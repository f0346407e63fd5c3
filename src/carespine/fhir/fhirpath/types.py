"""The type operators: which items are of a type that an expression names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from carespine.fhir.fhirpath.errors import FhirPathTypeError
from carespine.fhir.fhirpath.model import UNTYPED, FhirType, Item, is_type
from carespine.fhir.fhirpath.syntax import TypeName
from carespine.fhir.fhirpath.values import SYSTEM_TYPES, TypeInfo, system_name

Test: TypeAlias = Callable[[Item], bool]


def test_of(name: TypeName) -> Test:
    """The test of `is` for a type as written: of that type or of one derived from it."""
    return _test(name, lambda kind: name.name in kind.ancestors)


def filter_of(name: TypeName) -> Test:
    """The test of `as` and `ofType` for a type as written.

    A primitive counts only as its own type here, so that `value.ofType(uri)` does not take a canonical: R4's own
    invariants (dom-3 lists canonical, uri and url one by one) and the official suite read it so.
    """
    return _test(name, lambda kind: kind.name == name.name if kind.primitive else name.name in kind.ancestors)


def _test(name: TypeName, accepts: Callable[[FhirType], bool]) -> Test:
    """FhirPathTypeError if there is no such type.

    Without a namespace FHIR's types come first; `Quantity`, which both have, accepts both.
    """
    in_fhir = name.namespace in (None, "FHIR") and is_type(name.name)
    in_system = name.namespace in (None, "System") and (name.name in SYSTEM_TYPES or name.name == "Any")
    if name.namespace == "System" and not in_system and is_type(name.name):
        return lambda item: False
    if not in_fhir and not in_system:
        written = f"{name.namespace}.{name.name}" if name.namespace else name.name
        raise FhirPathTypeError(f"there is no type {written}", name.position)
    if name.name == "Any":
        return lambda item: True

    def test(item: Item) -> bool:
        if type(item) is tuple:
            return in_fhir and accepts(item[1])
        return in_system and system_name(item) == name.name

    return test


def type_info(item: Item) -> TypeInfo:
    """What `type()` answers for an item."""
    if type(item) is not tuple:
        return TypeInfo("System", system_name(item), "System.Any")
    kind = item[1]
    if kind is UNTYPED:
        return TypeInfo("FHIR", "Element")
    return TypeInfo("FHIR", kind.name, f"FHIR.{kind.base}" if kind.base else "System.Any")
