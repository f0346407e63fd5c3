"""The elements of a tree as profiles count them, and the short paths by which slices tell them apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.validation.places import Place, Spot, spot
from carespine.fhir.validation.scope import Scope

_STEP = re.compile(
    r"\s*\.?\s*(?:(?P<call>extension|ofType|resolve|as)\(\s*(?P<argument>[^)]*)\)|\$this|(?P<name>\w+(?:\[x\])?))"
)


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A value met in a tree: its type, where it is, and the `_name` sibling of a primitive."""

    value: Any
    type: str
    place: Place
    sibling: Any = None


def children(item: Item, name: str) -> list[Item]:
    """The elements `name` of an item, in the order of the tree."""
    if definitions.is_primitive(item.type):
        return _of_sibling(item, name)
    if not isinstance(item.value, dict):
        return []
    element = definitions.type_definition(item.type).elements.get(name)
    if element is None:
        return []
    found: list[Item] = []
    for json_name, type_name in zip(element.json_names, element.types, strict=True):
        value, sibling = item.value.get(json_name), item.value.get(f"_{json_name}")
        if value is None and sibling is None:
            continue
        what = spot(item.type, name, type_name, choice=element.choice)
        found.extend(_items(value, sibling, type_name, what, item.place, many=element.many))
    return found


def _of_sibling(item: Item, name: str) -> list[Item]:
    if not isinstance(item.sibling, dict) or name not in item.sibling:
        return []
    return children(Item(item.sibling, "Element", item.place), name)


def _items(
    value: Any, sibling: Any, type_name: str, what: Spot, place: Place, *, many: bool
) -> Iterator[Item]:
    if not many:
        yield _item(value, sibling, type_name, what, place, None)
        return
    values = value if isinstance(value, list) else []
    siblings = sibling if isinstance(sibling, list) else []
    for position in range(max(len(values), len(siblings))):
        own = values[position] if position < len(values) else None
        beside = siblings[position] if position < len(siblings) else None
        yield _item(own, beside, type_name, what, place, position)


def _item(value: Any, sibling: Any, type_name: str, what: Spot, place: Place, position: int | None) -> Item:
    if isinstance(value, dict) and definitions.is_resource(type_name):
        type_name = resource_type(value, type_name)
        what = Spot(what.label, what.name, what.owner, type_name)
    return Item(value, type_name, (place, what, position), sibling)


def resource_type(value: Any, otherwise: str) -> str:
    """The type that a resource says it is, if R4 has it."""
    name = value.get("resourceType")
    return name if isinstance(name, str) and definitions.is_resource(name) else otherwise


def steps(path: str) -> list[tuple[str, str]]:
    """A discriminator's path as (`child`, name), (`extension`, url), (`ofType`, type), (`resolve`, '')."""
    found: list[tuple[str, str]] = []
    for match in _STEP.finditer(path):
        call, name = match["call"], match["name"]
        if call is not None:
            found.append(("ofType" if call == "as" else call, match["argument"].strip("'\" ")))
        elif name is not None:
            found.append(("child", name.removesuffix("[x]")))
    return found


def select(item: Item, path: str, scope: Scope) -> list[Item]:
    """The items that a discriminator's path finds from an item."""
    here = [item]
    for kind, argument in steps(path):
        here = [found for each in here for found in _step(each, kind, argument, scope)]
    return here


def _step(item: Item, kind: str, argument: str, scope: Scope) -> list[Item]:
    match kind:
        case "child":
            return children(item, argument)
        case "extension":
            return [each for each in children(item, "extension") if each.value.get("url") == argument]
        case "ofType":
            return [item] if item.type == argument else []
        case _:
            target = resolved(item, scope)
            return [] if target is None else [target]


def resolved(item: Item, scope: Scope) -> Item | None:
    """The resource that a Reference or canonical points to."""
    text = item.value.get("reference") if isinstance(item.value, dict) else item.value
    found = scope.resolve(text) if isinstance(text, str) else None
    if found is None:
        return None
    return Item(found, resource_type(found, "Resource"), item.place)
