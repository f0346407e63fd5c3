"""Whether a tree keeps the structure of R4: the fast answer, yes or no, with one pass over the tree.

A checker per type is built from the definitions on first use. It stops at the first fault without saying what
it is; `carespine.fhir.faults` then finds and names all of them. Values of types that repeat (codes, URIs,
dates) are remembered once accepted, which saves most of the pattern matching.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.definitions import Element
from carespine.fhir.primitives import PRIMITIVES, Primitive

# Ours: objects inside one another. The deepest official example has 12.
MAX_DEPTH = 60
# Ours: accepted values remembered per primitive type, some hundred kilobytes each at most.
_REMEMBERED = 4096
_REMEMBERED_LENGTH = 200

Tree = dict[str, Any]
# (value, the object it is in, depth) -> how many keys the objects below hold.
Rule = Callable[[Any, Tree, int], int]
_NOTHING: frozenset[str] = frozenset()


class Broken(Exception):
    """The structure is broken somewhere."""


def count_keys(tree: Any) -> int:
    """Check a resource; the number of keys in all its objects. Raises Broken."""
    try:
        return _any_resource(tree, {}, 0)
    except (KeyError, TypeError) as error:
        raise Broken from error


def _any_resource(value: Any, _parent: Tree, depth: int) -> int:
    name = value["resourceType"]
    if name not in _concrete():
        raise Broken
    return _checker(name)(value, _parent, depth)


@cache
def _concrete() -> frozenset[str]:
    return frozenset(definitions.resource_types())


@cache
def _checker(type_name: str) -> Rule:
    """The checker of a resource, complex or backbone type; its rules are built when it is first called."""
    if definitions.is_resource(type_name) and type_name not in _concrete():
        return _any_resource
    rules: dict[str, tuple[frozenset[str] | set[str], Rule]] = {}
    finish = _finish(type_name)
    is_element = not definitions.is_resource(type_name)

    def check(value: Any, _parent: Tree, depth: int) -> int:
        if value.__class__ is not dict or not value or depth > MAX_DEPTH:
            raise Broken
        if not rules:
            rules.update(_rules(type_name))
        depth += 1
        keys = len(value)
        if is_element and keys == 1 and "id" in value:
            raise Broken
        for name, item in value.items():
            remembered, rule = rules[name]
            if item.__class__ is not str or item not in remembered:
                keys += rule(item, value, depth)
        if finish is not None:
            finish(value)
        return keys

    return check


def _rules(type_name: str) -> Mapping[str, tuple[frozenset[str] | set[str], Rule]]:
    """JSON name -> (values accepted without further ado, rule)."""
    rules: dict[str, tuple[frozenset[str] | set[str], Rule]] = {}
    if type_name in _concrete():
        rules["resourceType"] = (frozenset({type_name}), _never)
    for json_name, (element, fhir_type) in definitions.json_elements(type_name).items():
        remembered, rule = _value_rule(element, fhir_type)
        if definitions.is_primitive(fhir_type):
            rules[f"_{json_name}"] = (_NOTHING, _sibling_list(json_name) if element.many else _sibling)
            rules[json_name] = (
                (_NOTHING, _primitive_list(rule, f"_{json_name}")) if element.many else (remembered, rule)
            )
        else:
            rules[json_name] = (_NOTHING, _list_of(rule, element.max) if element.many else rule)
    return rules


def _value_rule(element: Element, fhir_type: str) -> tuple[frozenset[str] | set[str], Rule]:
    """The rule for one value of an element, and the values it may be skipped for."""
    if not definitions.is_primitive(fhir_type):
        return _NOTHING, _checker(fhir_type)
    codes = bound_codes(element, fhir_type)
    if codes is not None:
        return codes, _member_of(codes)
    return _primitive_rule(PRIMITIVES[fhir_type])


def bound_codes(element: Element, fhir_type: str) -> frozenset[str] | None:
    """The codes an element is limited to; None where R4 does not bind it, or does not list them."""
    if fhir_type != "code" or element.binding is None or element.binding[0] != "required":
        return None
    return definitions.codes(element.binding[1])


@cache
def _primitive_rule(primitive: Primitive) -> tuple[frozenset[str] | set[str], Rule]:
    accepts = primitive.accepts
    if not primitive.repeats:

        def plain(value: Any, _parent: Tree, _depth: int) -> int:
            if not accepts(value):
                raise Broken
            return 0

        return _NOTHING, plain
    remembered: set[str] = set()

    def remember(value: Any, _parent: Tree, _depth: int) -> int:
        if not accepts(value):
            raise Broken
        if len(remembered) >= _REMEMBERED:
            remembered.clear()
        if len(value) <= _REMEMBERED_LENGTH:
            remembered.add(value)
        return 0

    return remembered, remember


def _never(_value: Any, _parent: Tree, _depth: int) -> int:
    raise Broken


def _member_of(codes: frozenset[str]) -> Rule:
    def rule(value: Any, _parent: Tree, _depth: int) -> int:
        if value not in codes:
            raise Broken
        return 0

    return rule


def _list_of(rule: Rule, most: int | None) -> Rule:
    def check(value: Any, parent: Tree, depth: int) -> int:
        if value.__class__ is not list or not value or (most is not None and len(value) > most):
            raise Broken
        keys = 0
        for item in value:
            keys += rule(item, parent, depth)
        return keys

    return check


def _primitive_list(rule: Rule, sibling_name: str) -> Rule:
    def check(value: Any, parent: Tree, depth: int) -> int:
        if value.__class__ is not list or not value:
            raise Broken
        for item in value:
            if item is not None:
                rule(item, parent, depth)
            elif sibling_name not in parent:
                raise Broken
        return 0

    return check


def _sibling(value: Any, _parent: Tree, depth: int) -> int:
    return _checker("Element")(value, _parent, depth)


def _sibling_list(name: str) -> Rule:
    """`_given`: null or extensions for each `given`; at every position at least one of the two."""

    def check(value: Any, parent: Tree, depth: int) -> int:
        if value.__class__ is not list or not value:
            raise Broken
        values = parent.get(name, [None] * len(value))
        if len(values) != len(value):
            raise Broken
        keys = 0
        for own, item in zip(values, value, strict=True):
            if item is not None:
                keys += _sibling(item, parent, depth)
            elif own is None:
                raise Broken
        return keys

    return check


def _finish(type_name: str) -> Callable[[Tree], None] | None:
    """What is checked after the single elements: none required is missing, choices have one value."""
    required = required_names(type_name)
    choices = choice_names(type_name)
    if not required and not choices:
        return None

    def finish(value: Tree) -> None:
        for names in required:
            if names[0] not in value and not any(name in value for name in names):
                raise Broken
        for allowed in choices:
            chosen = allowed.intersection(value)
            if len(chosen) > 1 and len({name.removeprefix("_") for name in chosen}) > 1:
                raise Broken

    return finish


def required_names(type_name: str) -> tuple[tuple[str, ...], ...]:
    """For each required element the JSON names of which one must be present."""
    elements = definitions.type_definition(type_name).elements.values()
    return tuple(_with_siblings(element) for element in elements if element.min)


def choice_names(type_name: str) -> tuple[frozenset[str], ...]:
    """For each choice element its JSON names, siblings included."""
    elements = definitions.type_definition(type_name).elements.values()
    return tuple(frozenset(_with_siblings(element)) for element in elements if element.choice)


def _with_siblings(element: Element) -> tuple[str, ...]:
    named = zip(element.json_names, element.types, strict=True)
    siblings = [f"_{name}" for name, fhir_type in named if definitions.is_primitive(fhir_type)]
    return (*element.json_names, *siblings)
