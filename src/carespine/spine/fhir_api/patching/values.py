"""The values of a FHIRPath Patch: from the parts of a Parameters resource to what stands in a resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.definitions import Element
from carespine.kernel.errors import Invalid, Unprocessable
from carespine.spine.fhir_api.patching.places import Tree, side_by_side

_PART = "Parameters.parameter"


@dataclass(frozen=True, slots=True)
class Value:
    """What stands under a JSON name: a complex value; or a primitive, its `_name` sibling beside it."""

    name: str
    content: Any
    sibling: Tree | None
    is_primitive: bool


def element_of(type_name: str, name: str) -> Element:
    """The element of a type by its name (`value`) or one of its JSON names (`valueQuantity`)."""
    found = definitions.type_definition(type_name).elements.get(name)
    if found is None:
        found = definitions.json_elements(type_name).get(name, (None, ""))[0]
    if found is None:
        raise Unprocessable(f"{type_name} has no element {name[:60]!r}.")
    return found


def value(part: Tree, element: Element) -> Value:
    """The value that `part` gives an element; raises Unprocessable where its type is another."""
    if "part" in part:
        return _built(part["part"], element)
    if "resource" in part:
        kind = part["resource"]["resourceType"]
        _demand(any(definitions.is_a(kind, known) for known in element.types), kind, element)
        return Value(element.name, part["resource"], None, is_primitive=False)
    key = next((name.removeprefix("_") for name in part if name.removeprefix("_").startswith("value")), None)
    if key is None:
        raise Invalid("The part 'value' holds neither a value nor parts.")
    kind = definitions.json_elements(_PART)[key][1]
    name = _json_name(kind, element)
    return Value(name, part.get(key), part.get(f"_{key}"), definitions.is_primitive(kind))


def add(owner: Tree, element: Element, new: Value) -> None:
    """Give `owner` the value: at the end of a list, else where there is none yet."""
    if element.many:
        insert(owner, new, len(owner.get(new.name, ())))
        return
    if any(name in owner or owner.get(f"_{name}") for name in element.json_names):
        raise Unprocessable(f"There is {element.name!r} already; replace it.")
    put(owner, new)


def insert(owner: Tree, new: Value, index: int) -> None:
    """Insert the value into a list of `owner`."""
    if new.is_primitive:
        values, siblings = side_by_side(owner, new.name)
        siblings.insert(index, new.sibling or {})
        values.insert(index, new.content)
    else:
        owner.setdefault(new.name, []).insert(index, new.content)


def put(owner: Tree, new: Value) -> None:
    """Set an element of `owner` that is not a list."""
    if new.content is not None:
        owner[new.name] = new.content
    if new.sibling:
        owner[f"_{new.name}"] = new.sibling


def _built(parts: list[Tree], element: Element) -> Value:
    """A value of a type that `value[x]` cannot be: one such as Patient.contact, which has no name of its own, or an
    Extension. It has one part for each element."""
    type_name = element.types[0]
    nameless = definitions.type_definition(type_name).kind == "backbone" or type_name == "Extension"
    _demand(nameless and not element.choice, "a list of parts", element)
    tree: Tree = {}
    for part in parts:
        inner = element_of(type_name, part["name"])
        add(tree, inner, value(part, inner))
    return Value(element.name, tree, None, is_primitive=False)


def _json_name(kind: str, element: Element) -> str:
    """The JSON name under which a value of this type stands. A primitive may come as another primitive, such as a
    code as a string: its form is checked with the whole resource."""
    if element.choice:
        _demand(kind in element.types, kind, element)
        return element.json_names[element.types.index(kind)]
    wanted = element.types[0]
    alike = definitions.is_primitive(kind) and definitions.is_primitive(wanted)
    _demand(alike or definitions.is_a(kind, wanted), kind, element)
    return element.name


def _demand(right: bool, kind: str, element: Element) -> None:
    if not right:
        raise Unprocessable(
            f"The element {element.name!r} cannot be {kind}; expected {' or '.join(element.types)[:200]}."
        )
