"""Checks an expression against the types of R4 before it meets any data.

Finds what evaluation quietly answers with nothing: elements that a type does not have, a choice element by
its JSON name, type names that do not fit, order where there is none. Where a type is not known, it lets the
expression pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.fhirpath.errors import FhirPathTypeError
from carespine.fhir.fhirpath.model import is_type
from carespine.fhir.fhirpath.registry import FUNCTIONS, OF_ARGUMENT, SAME
from carespine.fhir.fhirpath.syntax import (
    Binary,
    Call,
    Empty,
    Expression,
    External,
    Index,
    Literal,
    Member,
    TypeName,
    TypeTest,
    Unary,
    Variable,
    as_type_name,
)
from carespine.fhir.fhirpath.types import test_of
from carespine.fhir.fhirpath.values import SYSTEM_TYPES, system_name

_BOOLEAN = frozenset({"System.Boolean", "boolean"})
# Members of System types. Source: FHIRPath N1, sections 2.7 (Quantity) and 10 (Types and Reflection).
_SYSTEM_MEMBERS = {
    "System.Quantity": {"value": "System.Decimal", "unit": "System.String", "code": "System.String"},
    "System.ClassInfo": {
        "namespace": "System.String", "name": "System.String", "baseType": "System.String",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Static:
    """What is known of a collection beforehand: `types` (None: nothing; System types with their prefix)."""

    types: frozenset[str] | None
    many: bool = False
    ordered: bool = True


_UNKNOWN = Static(None, many=True)


def result_types(tree: Expression, type_name: str) -> frozenset[str] | None:
    """The types an expression can answer for a resource or element of `type_name`; None where that is open.

    FhirPathTypeError where the expression cannot mean anything.
    """
    root = Static(frozenset({type_name}))
    return _Checker(root).check(tree, root).types


def _system(name: str) -> Static:
    return Static(frozenset({f"System.{name}"}))


def _either(parts: Iterable[Static]) -> Static:
    found = list(parts)
    known = [each.types for each in found if each.types is not None]
    types = frozenset().union(*known) if len(known) == len(found) else None
    return Static(types, many=any(each.many for each in found), ordered=all(each.ordered for each in found))


class _Checker:
    def __init__(self, root: Static) -> None:
        self.root = root
        self._checks: dict[type, Callable[[Any, Static], Static]] = {
            Member: self._member,
            Call: self._call,
            Binary: self._operator,
            Unary: self._operator,
            TypeTest: self._type_test,
            Index: self._index,
        }

    def check(self, node: Expression, focus: Static) -> Static:
        """The static type of `node`, where `focus` is what is at hand."""
        check: Callable[[Any, Static], Static] = self._checks.get(type(node), self._term)
        return check(node, focus)

    def _type_test(self, node: TypeTest, focus: Static) -> Static:
        source = self.check(node.operand, focus)
        return _named(node.type, source) if node.operator == "as" else _tested(node.type)

    def _term(self, node: Expression, focus: Static) -> Static:
        match node:
            case Literal(value=value):
                return _system(system_name(value))
            case Empty():
                return Static(frozenset())
            case Variable(name="this"):
                return focus
            case Variable(name="index"):
                return _system("Integer")
            case External(name="context"):
                return self.root
            case _:
                return _UNKNOWN

    def _operator(self, node: Binary | Unary, focus: Static) -> Static:
        if isinstance(node, Unary):
            return self.check(node.operand, focus)
        left, right = self.check(node.left, focus), self.check(node.right, focus)
        match node.operator:
            case "|":
                return replace(_either((left, right)), many=True)
            case "&":
                return _system("String")
            case "+" | "-" | "*" | "/" | "div" | "mod":
                return Static(None)
            case _:
                return _system("Boolean")

    def _index(self, node: Index, focus: Static) -> Static:
        source = self.check(node.source, focus)
        self.check(node.index, focus)
        _require_order(source, "[]", node.position)
        return replace(source, many=False)

    # --- elements ------------------------------------------------------------------------------

    def _member(self, node: Member, focus: Static) -> Static:
        if node.source is None:
            if node.name[0].isupper() and is_type(node.name):
                return _type_at_root(node, focus)
            return _element(node, focus)
        return _element(node, self.check(node.source, focus))

    # --- functions -----------------------------------------------------------------------------

    def _call(self, node: Call, focus: Static) -> Static:
        source = focus if node.source is None else self.check(node.source, focus)
        function = FUNCTIONS[node.name]
        if function.ordered:
            _require_order(source, f"{node.name}()", node.position)
        if node.name in ("ofType", "as", "is"):
            return _type_function(node, source)
        if node.name == "repeat":
            return self._repeat(node, source)
        inner = replace(source, many=False, ordered=True) if function.by_item else focus
        arguments = [self.check(each, inner) for each in node.arguments]
        if node.name == "iif":
            return _choice(node, arguments)
        return self._result(node, source, arguments)

    def _result(self, node: Call, source: Static, arguments: list[Static]) -> Static:
        returns = FUNCTIONS[node.name].returns
        if node.name in ("union", "combine", "coalesce"):
            return replace(_either((source, *arguments) if node.name != "coalesce" else arguments), many=True)
        if node.name in ("children", "descendants"):
            return Static(None, many=True, ordered=False)
        if returns == SAME:
            return replace(source, many=source.many and node.name not in ("first", "last", "single"))
        if returns == OF_ARGUMENT:
            return replace(arguments[0], many=True, ordered=source.ordered)
        if returns is None:
            return replace(_UNKNOWN, many=source.many)
        return _system(returns) if returns in SYSTEM_TYPES else Static(frozenset({returns}), many=True)

    def _repeat(self, node: Call, source: Static) -> Static:
        """The argument must fit the input; what it answers may, but need not, fit it again."""
        found = self.check(node.arguments[0], replace(source, many=False))
        try:
            again = self.check(node.arguments[0], replace(found, many=False))
        except FhirPathTypeError:
            again = found
        return replace(_either((found, again)), many=True)


def _require_order(source: Static, name: str, position: int) -> None:
    if not source.ordered:
        raise FhirPathTypeError(
            f"{name} needs an order, and children() and descendants() have none", position
        )


def _type_at_root(node: Member, focus: Static) -> Static:
    """A type name at the start: the type at hand, one it derives from, or one it may turn out to be."""
    if focus.types is None:
        return Static(frozenset({node.name}))
    fitting = set()
    for name in focus.types:
        if is_type(name) and definitions.is_a(name, node.name):
            fitting.add(name)
        elif is_type(name) and definitions.is_a(node.name, name):
            fitting.add(node.name)
    if not fitting:
        at_hand = " or ".join(sorted(focus.types)) or "nothing"
        raise FhirPathTypeError(f"the expression is about {node.name}, at hand is {at_hand}", node.position)
    return replace(focus, types=frozenset(fitting))


def _element(node: Member, source: Static) -> Static:
    if source.types is None:
        return replace(_UNKNOWN, ordered=source.ordered)
    if not source.types:
        return source
    found = [_element_of(name, node.name) for name in source.types]
    known = [each for each in found if each is not None]
    if not known:
        raise FhirPathTypeError(_complaint(source.types, node.name), node.position)
    result = _either(known)
    return replace(result, many=result.many or source.many, ordered=source.ordered)


def _element_of(type_name: str, name: str) -> Static | None:
    """The element of a type, or None if it has none; open for the types that stand for any resource."""
    if type_name.startswith("System."):
        member = _SYSTEM_MEMBERS.get(type_name, {}).get(name)
        return None if member is None else Static(frozenset({member}))
    definition = definitions.type_definition(type_name)
    element = definition.elements.get(name)
    if element is None:
        return _UNKNOWN if definition.abstract or definitions.is_primitive(type_name) else None
    return Static(frozenset(element.types), many=element.many)


def _complaint(types: frozenset[str], name: str) -> str:
    owners = " or ".join(sorted(types))
    for owner in types:
        if not owner.startswith("System."):
            choice = definitions.choice(owner, name)
            if choice is not None:
                return f"{owner} has no element {name}; write {choice[0]}.ofType({choice[1]})"
    names = {
        each for owner in types if is_type(owner) for each in definitions.type_definition(owner).elements
    }
    near = get_close_matches(name, names, 1)
    return f"{owners} has no element {name}" + (f"; {near[0]}?" if near else "")


def _type_function(node: Call, source: Static) -> Static:
    name = as_type_name(node.arguments[0])
    if name is None:
        raise FhirPathTypeError(f"{node.name}() takes the name of a type", node.position)
    if node.name == "is":
        return _tested(name)
    if node.name == "as" and source.many:
        raise FhirPathTypeError(
            "as() takes one item, and here there can be more; use ofType()", node.position
        )
    return _named(name, source)


def _tested(name: TypeName) -> Static:
    test_of(name)
    return _system("Boolean")


def _named(name: TypeName, source: Static) -> Static:
    test_of(name)
    in_fhir = name.namespace != "System" and is_type(name.name)
    return replace(source, types=frozenset({name.name if in_fhir else f"System.{name.name}"}))


def _choice(node: Call, arguments: list[Static]) -> Static:
    criterion, *branches = arguments
    if criterion.types and not criterion.types & _BOOLEAN:
        raise FhirPathTypeError("the criterion of iif() must be a Boolean", node.arguments[0].position)
    return _either(branches)
