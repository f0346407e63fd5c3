"""Where the results of a FHIRPath stand in a tree, so that they can be changed there.

FHIRPath gives nodes, not places; an object is known again by its identity, but a string or a number is not. So
each primitive gets a `_name` sibling of its own for as long as a patch is at work, an empty one where it had none:
FHIRPath hands the sibling out with the value. `empties.prune` takes the empty ones out again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from carespine.fhir import definitions, fhirpath
from carespine.fhir.definitions import Element
from carespine.fhir.fhirpath import syntax
from carespine.fhir.fhirpath.parser import parse
from carespine.kernel.errors import Invalid, Unprocessable

# Ours: what is needed to point at an element. Others can cost much time, or lead out of the resource.
_FUNCTIONS = frozenset(
    (
        "all",
        "as",
        "contains",
        "count",
        "empty",
        "endsWith",
        "exists",
        "extension",
        "first",
        "hasValue",
        "is",
        "last",
        "lower",
        "not",
        "ofType",
        "resolve",
        "single",
        "skip",
        "startsWith",
        "tail",
        "take",
        "toString",
        "trim",
        "upper",
        "where",
    )
)
_LONGEST_PATH = 1_000
# `div` is an operator of FHIRPath, so that Narrative.div would have to be written with backticks. Patches write
# it plainly, the official ones too; texts are passed over.
_DIV = re.compile(r"'(?:[^'\\]|\\.)*'|\.div\b")

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A value's place: `owner[name]`, or `owner[name][index]` in a list. `tree` is its object: of a complex value
    itself, of a primitive its sibling. The whole resource has no owner."""

    tree: Tree
    type: str
    owner: Tree
    name: str
    element: Element | None
    index: int | None

    @property
    def is_primitive(self) -> bool:
        return definitions.is_primitive(self.type)


class Places:
    """The places of all values of a resource, as it stands now."""

    def __init__(self, resource: Tree) -> None:
        self._resource = resource
        self._known: dict[int, Place] = {}
        name = resource["resourceType"]
        self._add(Place(resource, name, {}, "", None, None))

    def find(self, path: str) -> list[Place]:
        """The places that a path names; raises Invalid for a path that is wrong or names no element."""
        results = _compiled(path).typed(self._resource)
        places = []
        for result in results:
            tree = result.value if isinstance(result.value, dict) else result.sibling
            place = self._known.get(id(tree))
            if place is None:
                raise Unprocessable(f"The path {path[:200]!r} computes a value; it must name an element.")
            places.append(place)
        return places

    def one(self, path: str) -> Place:
        """The one place that a path names; raises Unprocessable where it names none or several."""
        found = self.find(path)
        if len(found) != 1:
            count = "nothing" if not found else f"{len(found)} elements"
            raise Unprocessable(f"The path {path[:200]!r} finds {count}; it must find one element.")
        return found[0]

    def whole_list(self, path: str) -> Place:
        """The first place of a list that a path names as a whole; raises Unprocessable for anything else."""
        found = self.find(path)
        if not found:
            raise Unprocessable(f"The path {path[:200]!r} finds nothing; it must name a list.")
        first = found[0]
        same = all(place.owner is first.owner and place.name == first.name for place in found)
        if first.index is None or not same or len(found) != len(first.owner[first.name]):
            raise Unprocessable(f"The path {path[:200]!r} must name one list, and the whole of it.")
        return first

    def _add(self, place: Place) -> None:
        self._known[id(place.tree)] = place
        elements = definitions.json_elements(place.type)
        for name in dict.fromkeys(key.removeprefix("_") for key in place.tree):
            element, type_name = elements.get(name, (None, ""))
            if element is None:
                continue
            if definitions.is_primitive(type_name):
                self._add_primitive(place.tree, name, element, type_name)
            else:
                self._add_complex(place.tree, name, element, type_name)

    def _add_complex(self, owner: Tree, name: str, element: Element, type_name: str) -> None:
        found = owner[name]
        many = isinstance(found, list)
        for index, tree in enumerate(found if many else [found]):
            if isinstance(tree, dict):
                kind = (
                    tree.get("resourceType", type_name) if definitions.is_resource(type_name) else type_name
                )
                self._add(Place(tree, kind, owner, name, element, index if many else None))

    def _add_primitive(self, owner: Tree, name: str, element: Element, type_name: str) -> None:
        if not element.many:
            sibling = owner.setdefault(f"_{name}", {})
            self._add(Place(sibling, type_name, owner, name, element, None))
            return
        _, siblings = side_by_side(owner, name)
        for index, sibling in enumerate(siblings):
            self._add(Place(sibling, type_name, owner, name, element, index))


def side_by_side(owner: Tree, name: str) -> tuple[list[Any], list[Any]]:
    """A primitive's list and that of its siblings, both of one length; they are made where there are none."""
    values, siblings = owner.setdefault(name, []), owner.setdefault(f"_{name}", [])
    for position in range(max(len(values), len(siblings))):
        if position >= len(values):
            values.append(None)
        if position >= len(siblings):
            siblings.append({})
        elif siblings[position] is None:
            siblings[position] = {}
    return values, siblings


def _compiled(path: str) -> fhirpath.Compiled:
    if len(path) > _LONGEST_PATH:
        raise Invalid(f"A path has at most {_LONGEST_PATH} characters.")
    expression = _DIV.sub(lambda found: ".`div`" if found[0] == ".div" else found[0], path)
    compiled = fhirpath.compile(expression)
    open_nodes: list[syntax.Expression] = [parse(expression)]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, syntax.Call) and node.name not in _FUNCTIONS:
            raise Invalid(f"The function {node.name}() has no place in the path of a patch.")
        open_nodes += syntax.children(node)
    return compiled
