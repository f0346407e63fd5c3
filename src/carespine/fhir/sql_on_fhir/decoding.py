"""Reading no more of a resource's JSON than a view looks at: elements that no expression names are passed over."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypedDict

import msgspec

from carespine.fhir import definitions
from carespine.fhir.fhirpath.parser import parse
from carespine.fhir.fhirpath.syntax import Call, Expression, External, Member, Variable, children
from carespine.fhir.sql_on_fhir.definition import View

Decode = Callable[[bytes], dict[str, Any]]
# Functions and variables that can reach any element, or another resource within this one.
_ANYWHERE = frozenset(
    {
        *("children", "descendants", "repeat", "repeatAll", "resolve", "conformsTo", "checkModifiers"),
        *("htmlChecks", "trace", "elementDefinition", "slice", "type"),
    }
)
_EXTENSIONS = frozenset({"extension", "hasExtension"})


def decoder(view: View) -> Decode:
    """From the JSON of a stored resource to a tree that has all that the view looks at."""
    names = needed(view)
    if names is None:
        return msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
    # A TypedDict of names that are known only now: what the type checker cannot follow.
    shape: Any = TypedDict("Shape", dict.fromkeys(sorted(names), Any), total=False)  # type: ignore[misc]
    made: Any = msgspec.json.Decoder(shape, float_hook=Decimal)
    decode: Decode = made.decode
    return decode


def needed(view: View) -> frozenset[str] | None:
    """The top-level JSON names that the view's expressions can touch; None where that may be all of them."""
    elements = definitions.type_definition(view.resource).elements
    found = {"resourceType", "id"}
    for path in view.paths():
        names = _names(parse(path))
        if names is None or view.resource in names:
            return None
        for name in names & elements.keys():
            found.update(elements[name].json_names)
    return frozenset(found | {f"_{name}" for name in found})


def _names(tree: Expression) -> set[str] | None:
    """Every name in an expression that may be an element of the resource; None where anything may be."""
    found: set[str] = set()
    if isinstance(tree, External) and tree.name in ("resource", "rootResource", "context"):
        return None
    if isinstance(tree, Variable) and tree.name == "this":
        return found
    if isinstance(tree, Member):
        found.add(tree.name)
    if isinstance(tree, Call):
        if tree.name in _ANYWHERE:
            return None
        if tree.name in _EXTENSIONS:
            found.add("extension")
    for child in children(tree):
        names = _names(child)
        if names is None:
            return None
        found |= names
    return found
