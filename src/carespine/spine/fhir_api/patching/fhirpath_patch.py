"""FHIRPath Patch: a Parameters resource whose operations name their places by FHIRPath (R4 fhirpatch.html)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from carespine.fhir.definitions import Element
from carespine.kernel.errors import Invalid, Unprocessable
from carespine.spine.fhir_api.patching import values
from carespine.spine.fhir_api.patching.empties import prune
from carespine.spine.fhir_api.patching.places import Place, Places, Tree

# Ours: operations times keys of the resource, since each operation goes over all of it. Some seconds at most.
MOST_WORK = 2_000_000
_PARTS = frozenset({"type", "path", "name", "value", "index", "source", "destination"})


@dataclass(frozen=True, slots=True)
class _Operation:
    """The parts of an operation by name."""

    parts: dict[str, Tree]

    def text(self, name: str, *keys: str) -> str:
        """The text of a part; raises Invalid where it is missing."""
        part = self.parts.get(name, {})
        found = next((part[key] for key in (*keys, "valueString", "valueCode") if key in part), None)
        if not isinstance(found, str):
            raise Invalid(f"The operation needs a part {name!r} with a valueString.")
        return found

    def number(self, name: str) -> int:
        """The whole number of a part; raises Invalid where it is missing."""
        part = self.parts.get(name, {})
        keys = ("valueInteger", "valueUnsignedInt", "valuePositiveInt")
        found = next((part[key] for key in keys if key in part), None)
        if not isinstance(found, int):
            raise Invalid(f"The operation needs a part {name!r} with a valueInteger.")
        return found

    @property
    def value(self) -> Tree:
        if "value" not in self.parts:
            raise Invalid("The operation needs a part 'value'.")
        return copy.deepcopy(self.parts["value"])


def apply(tree: Tree, parameters: Tree) -> Tree:
    """The resource after all operations of a checked Parameters resource; the given one is left as it is.

    Raises Invalid where an operation is malformed, Unprocessable where it cannot be done to this resource; the
    expression names the operation by its place in the Parameters.
    """
    changed = copy.deepcopy(tree)
    given = parameters.get("parameter", [])
    if len(given) * _keys(changed) > MOST_WORK:
        raise Invalid("These are too many operations for a resource of this size; send several patches.")
    for position, parameter in enumerate(given):
        try:
            operation = _read(parameter)
            _demand_known(operation)(Places(changed), operation)
        except Invalid as error:
            place = f"Parameters.parameter[{position}]"
            raise _placed(error, place) from error
        prune(changed)
    return changed


def _placed(error: Invalid, place: str) -> Invalid:
    kind = Unprocessable if isinstance(error, Unprocessable) else Invalid
    return kind(error.message, expression=place)


def _read(parameter: Tree) -> _Operation:
    if parameter.get("name") != "operation":
        raise Invalid("Each parameter of a FHIRPath Patch is called 'operation'.")
    parts: dict[str, Tree] = {}
    for part in parameter.get("part", ()):
        if part["name"] not in _PARTS or part["name"] in parts:
            raise Invalid(f"The part {part['name'][:60]!r} is not known here, or stands twice.")
        parts[part["name"]] = part
    return _Operation(parts)


def _demand_known(operation: _Operation) -> Callable[[Places, _Operation], None]:
    name = operation.text("type")
    if name not in _OPERATIONS:
        raise Invalid(f"The type is one of {', '.join(_OPERATIONS)}; not {name[:40]!r}.")
    return _OPERATIONS[name]


def _add(places: Places, operation: _Operation) -> None:
    place = places.one(operation.text("path"))
    element = values.element_of(place.type, operation.text("name"))
    if place.is_primitive and element.name not in ("id", "extension"):
        raise Unprocessable("A primitive has an id and extensions; nothing else can be added to it.")
    values.add(place.tree, element, values.value(operation.value, element))


def _insert(places: Places, operation: _Operation) -> None:
    place = places.whole_list(operation.text("path"))
    index, length = operation.number("index"), len(place.owner[place.name])
    if not 0 <= index <= length:
        raise Unprocessable(f"The index is {index}; the list has {length} elements.")
    values.insert(place.owner, values.value(operation.value, _element(place)), index)


def _delete(places: Places, operation: _Operation) -> None:
    path = operation.text("path")
    if not places.find(path):
        return  # "the element to delete (if found)"
    place = places.one(path)
    _element(place)
    for name in (place.name, f"_{place.name}"):
        if place.index is None:
            place.owner.pop(name, None)
        elif name in place.owner:
            del place.owner[name][place.index]


def _replace(places: Places, operation: _Operation) -> None:
    place = places.one(operation.text("path"))
    new = values.value(operation.value, _element(place))
    if place.index is None:
        for name in (place.name, f"_{place.name}"):
            place.owner.pop(name, None)
        values.put(place.owner, new)
        return
    place.owner[place.name][place.index] = new.content
    if new.is_primitive:
        place.owner[f"_{place.name}"][place.index] = new.sibling or {}


def _move(places: Places, operation: _Operation) -> None:
    place = places.whole_list(operation.text("path"))
    source, destination = operation.number("source"), operation.number("destination")
    length = len(place.owner[place.name])
    if not (0 <= source < length and 0 <= destination < length):
        raise Unprocessable(f"The move is from {source} to {destination}; the list has {length} elements.")
    for name in (place.name, f"_{place.name}"):
        if name in place.owner:
            place.owner[name].insert(destination, place.owner[name].pop(source))


def _element(place: Place) -> Element:
    if place.element is None:
        raise Unprocessable("A patch cannot delete or replace the whole resource.")
    return place.element


def _keys(value: Any) -> int:
    """How many keys all objects in a value hold."""
    if isinstance(value, dict):
        return len(value) + sum(map(_keys, value.values()))
    return sum(map(_keys, value)) if isinstance(value, list) else 0


_OPERATIONS: dict[str, Callable[[Places, _Operation], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}
