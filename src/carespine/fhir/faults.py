"""What is wrong with the structure of a tree: the slow answer, every fault with its place, finding and
expectation.

Only called after `carespine.fhir.structure` has refused a tree; the two agree on what is a fault.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.definitions import Element
from carespine.fhir.primitives import PRIMITIVES
from carespine.fhir.structure import MAX_DEPTH, bound_codes, choice_names, required_names
from carespine.kernel.errors import Issue

# Enough to repair a resource with; a wholly wrong one would otherwise give thousands.
MAX_FAULTS = 50
_SHOWN_CODES = 12
_SHOWN_LENGTH = 60
_JSON_KINDS = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "true or false",
    type(None): "null",
}


def find_faults(tree: Any) -> list[Issue]:
    """The structural faults of a resource, at most MAX_FAULTS, in the order of the document."""
    finder = _Finder()
    name = tree.get("resourceType") if isinstance(tree, dict) else None
    finder.resource(tree, name if isinstance(name, str) else "Resource", 0)
    return finder.issues[:MAX_FAULTS]


def shown(value: Any) -> str:
    """A value as a message shows it: short, and never a whole object."""
    if isinstance(value, dict | list) or value is None:
        return _JSON_KINDS[type(value)]
    text = repr(value) if isinstance(value, str) else str(value)
    if isinstance(value, bool):
        text = text.lower()
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}..."


@dataclass(frozen=True, slots=True)
class _Spot:
    """A member of an object: its JSON name without underscore, what it is, where the object is."""

    name: str
    element: Element
    type: str
    parent_path: str
    depth: int

    @property
    def path(self) -> str:
        choice = f".ofType({self.type})" if self.element.choice else ""
        return f"{self.parent_path}.{self.element.name}{choice}"


@dataclass(slots=True)
class _Finder:
    issues: list[Issue] = field(default_factory=list)

    def add(self, code: str, path: str, message: str) -> None:
        self.issues.append(Issue(code, message, path))

    def resource(self, value: Any, path: str, depth: int) -> None:
        if not isinstance(value, dict):
            self.add("structure", path, f"{path} is {shown(value)}; expected a resource (an object).")
            return
        name = value.get("resourceType")
        if name is None:
            self.add(
                "structure", path, f"{path} has no resourceType; expected the name of an R4 resource type."
            )
        elif name not in definitions.resource_types():
            self.add(
                "structure", path, f"{path} has the resourceType {shown(name)}; R4 has no such resource type."
            )
        else:
            self.object(value, name, path, depth)

    def object(self, value: Any, type_name: str, path: str, depth: int) -> None:
        if len(self.issues) >= MAX_FAULTS or not self._is_object(value, type_name, path, depth):
            return
        elements = definitions.json_elements(type_name)
        for name, item in value.items():
            base = name.removeprefix("_")
            if name == "resourceType" and definitions.is_resource(type_name):
                continue
            if base not in elements or (base != name and not definitions.is_primitive(elements[base][1])):
                self._unknown(name, type_name, path)
                continue
            spot = _Spot(base, *elements[base], path, depth)
            if base == name:
                self._element(item, value, spot)
            else:
                self._sibling(item, value, spot)
        self._finish(value, type_name, path)

    def _is_object(self, value: Any, type_name: str, path: str, depth: int) -> bool:
        if not isinstance(value, dict):
            self.add("structure", path, f"{path} is {shown(value)}; expected an object of type {type_name}.")
        elif not value:
            self.add("structure", path, f"{path} is an empty object; leave it out or give it content.")
        elif depth > MAX_DEPTH:
            self.add(
                "too-long", path, f"{path} is nested too deeply; at most {MAX_DEPTH} levels are accepted."
            )
        elif value.keys() == {"id"} and not definitions.is_resource(type_name):
            self.add("structure", path, f"{path} has an id and nothing else; expected a value or children.")
        else:
            return True
        return False

    def _unknown(self, name: str, type_name: str, path: str) -> None:
        close = difflib.get_close_matches(name, definitions.json_elements(type_name), n=1)
        element = definitions.type_definition(type_name).elements.get(name)
        if element is not None and element.choice:
            hint = f" Write its type behind it, for example {element.json_names[0]}."
        else:
            hint = f" Did you mean {close[0]}?" if close else ""
        self.add(
            "structure",
            path,
            f"{path} has an element {shown(name)}; {type_name} has none of that name.{hint}",
        )

    def _element(self, item: Any, parent: dict[str, Any], spot: _Spot) -> None:
        if not spot.element.many:
            self._value(item, spot, spot.path)
            return
        if not self._is_list(item, spot.path, spot.element.max):
            return
        for position, part in enumerate(item):
            place = f"{spot.path}[{position}]"
            if part is not None or not definitions.is_primitive(spot.type):
                self._value(part, spot, place)
            elif f"_{spot.name}" not in parent:
                self.add("structure", place, f"{place} is null; only what has extensions may be.")

    def _is_list(self, item: Any, path: str, most: int | None) -> bool:
        if not isinstance(item, list):
            self.add("structure", path, f"{path} is {shown(item)}; it repeats, so expected an array.")
        elif not item:
            self.add("structure", path, f"{path} is an empty array; leave it out or give it content.")
        elif most is not None and len(item) > most:
            self.add("structure", path, f"{path} has {len(item)} items; expected at most {most}.")
        else:
            return True
        return False

    def _value(self, item: Any, spot: _Spot, path: str) -> None:
        codes = bound_codes(spot.element, spot.type)
        if not definitions.is_primitive(spot.type):
            self._object(item, spot, path)
        elif codes is not None:
            if not isinstance(item, str) or item not in codes:
                self.add("code-invalid", path, f"{path} is {shown(item)}; expected {_one_of(codes)}.")
        elif not PRIMITIVES[spot.type].accepts(item):
            self.add("value", path, f"{path} is {shown(item)}; expected {PRIMITIVES[spot.type].expected}.")

    def _object(self, item: Any, spot: _Spot, path: str) -> None:
        if isinstance(item, list):
            self.add("structure", path, f"{path} is an array; it does not repeat, so expected an object.")
        elif definitions.is_resource(spot.type):
            self.resource(item, path, spot.depth + 1)
        else:
            self.object(item, spot.type, path, spot.depth + 1)

    def _sibling(self, item: Any, parent: dict[str, Any], spot: _Spot) -> None:
        path = spot.path
        if not spot.element.many:
            self.object(item, "Element", path, spot.depth + 1)
            return
        if not self._is_list(item, path, None):
            return
        values = parent.get(spot.name, [None] * len(item))
        if not isinstance(values, list) or len(values) != len(item):
            self.add("structure", path, f"{path} and _{spot.name} differ in length; expected equal lengths.")
            return
        for position, (own, part) in enumerate(zip(values, item, strict=True)):
            place = f"{path}[{position}]"
            if part is not None:
                self.object(part, "Element", place, spot.depth + 1)
            elif own is None:
                self.add("structure", place, f"{place} has neither a value nor extensions.")

    def _finish(self, value: dict[str, Any], type_name: str, path: str) -> None:
        for names in required_names(type_name):
            if not any(name in value for name in names):
                wanted = " or ".join(name for name in names if not name.startswith("_"))
                self.add("required", path, f"{path} lacks {wanted}, which {type_name} requires.")
        for allowed in choice_names(type_name):
            chosen = sorted({name.removeprefix("_") for name in allowed.intersection(value)})
            if len(chosen) > 1:
                self.add("structure", path, f"{path} has {' and '.join(chosen)}; expected only one of them.")


def _one_of(codes: frozenset[str]) -> str:
    names = sorted(codes)
    if len(names) <= _SHOWN_CODES:
        return f"one of {', '.join(names)}"
    return f"one of {len(names)} codes ({', '.join(names[:_SHOWN_CODES])}, ...)"
