"""FHIR's types as FHIRPath walks them: which elements a node has, and what its System value is.

A node of a resource is the tuple (JSON value, FhirType, JSON of the `_name` sibling or None); every other
item of a collection is a System value. Tuples, because a walk makes one per element it meets and must not
cost more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias

from carespine.fhir import definitions
from carespine.fhir.fhirpath.conversions import Converter, converter

Item: TypeAlias = Any
Items: TypeAlias = list[Any]
Node: TypeAlias = "tuple[Any, FhirType, Any]"
Reader: TypeAlias = Callable[[Node], Items]


class FhirType:
    """One FHIR type; `readers` gives by element name the function from a node to those children."""

    __slots__ = ("_children", "ancestors", "base", "convert", "name", "primitive", "readers")

    def __init__(self, name: str, ancestors: tuple[str, ...], *, primitive: bool) -> None:
        self.name = name
        self.base = ancestors[1] if len(ancestors) > 1 else None
        self.ancestors = frozenset(ancestors)
        self.primitive = primitive
        self.readers: dict[str, Reader | None] = _Readers(self)
        self.convert: Converter | None = converter(ancestors)
        self._children: dict[str, Reader] | None = None

    def __repr__(self) -> str:
        return f"FhirType({self.name})"

    @property
    def children(self) -> dict[str, Reader]:
        """By JSON name (`valueQuantity`), the readers of all elements."""
        if self._children is None:
            self._children = _json_readers(self)
        return self._children


class _Readers(dict[str, "Reader | None"]):
    """Readers made when first asked for; names of no element are not remembered: they could pile up."""

    def __init__(self, owner: FhirType) -> None:
        super().__init__()
        self.owner = owner

    def __missing__(self, name: str) -> Reader | None:
        reader = _reader(self.owner, name)
        if reader is not None:
            self[name] = reader
        return reader


class _UntypedReaders(dict[str, "Reader | None"]):
    """Readers of a tree without a type: by JSON name alone, `value` also finding `valueQuantity`."""

    def __missing__(self, name: str) -> Reader | None:
        return lambda node: _read_untyped(node, name)


@cache
def fhir_type(name: str) -> FhirType:
    """The type of that name; KeyError if R4 has none."""
    return FhirType(name, definitions.ancestors(name), primitive=definitions.is_primitive(name))


def is_type(name: str) -> bool:
    """Whether R4 has a type of that name, abstract types and backbone paths included."""
    return name in _type_names()


@cache
def _type_names() -> frozenset[str]:
    return frozenset(definitions.type_names())


@cache
def _resource_types() -> dict[str, FhirType]:
    return {name: fhir_type(name) for name in definitions.resource_types()}


def root(tree: Any, type_name: str | None = None) -> Node:
    """The node of a whole tree: of `type_name`, else of its `resourceType`, else without a type."""
    if type_name is not None:
        return (tree, fhir_type(type_name), None)
    return (tree, _type_of_resource(tree), None)


def _type_of_resource(tree: Any) -> FhirType:
    if type(tree) is dict:
        return _resource_types().get(tree.get("resourceType", ""), UNTYPED)
    return _untyped_primitive(tree)


def system(item: Item) -> Any:
    """The System value of an item; complex nodes stay themselves, a primitive without a value is None."""
    if type(item) is not tuple:
        return item
    convert = item[1].convert
    return item[0] if convert is None else convert(item)


# --- reading elements --------------------------------------------------------------------------


def _reader(owner: FhirType, name: str) -> Reader | None:
    element = definitions.type_definition(owner.name).elements.get(name)
    if element is None:
        return None
    if owner.primitive:
        return _value_reader() if name == "value" else _sibling_reader(name)
    if element.choice:
        return _choice_reader(dict(zip(element.json_names, element.types, strict=True)))
    return _plain_reader(name, element.types[0])


def _json_readers(owner: FhirType) -> dict[str, Reader]:
    if owner.primitive:
        return {name: _sibling_reader(name) for name in ("id", "extension")}
    rows = definitions.json_elements(owner.name).items()
    return {name: _plain_reader(name, type_name) for name, (_, type_name) in rows}


def _plain_reader(key: str, type_name: str) -> Reader:
    if definitions.is_resource(type_name):
        return _resource_reader(key)
    if definitions.is_primitive(type_name):
        return _primitive_reader(key, fhir_type(type_name))
    return _complex_reader(key, fhir_type(type_name))


def _complex_reader(key: str, kind: FhirType) -> Reader:
    def read(node: Node) -> Items:
        tree = node[0]
        found = tree.get(key) if type(tree) is dict else None
        if found is None:
            return []
        if type(found) is list:
            return [(each, kind, None) for each in found]
        return [(found, kind, None)]

    return read


def _resource_reader(key: str) -> Reader:
    def read(node: Node) -> Items:
        tree = node[0]
        found = tree.get(key) if type(tree) is dict else None
        if found is None:
            return []
        return [(each, _type_of_resource(each), None) for each in (found if type(found) is list else [found])]

    return read


def _primitive_reader(key: str, kind: FhirType) -> Reader:
    sibling_key = "_" + key

    def read(node: Node) -> Items:
        tree = node[0]
        if type(tree) is not dict:
            return []
        found = tree.get(key)
        if sibling_key in tree:
            return _with_sibling(found, tree[sibling_key], kind)
        if found is None:
            return []
        if type(found) is list:
            return [(each, kind, None) for each in found if each is not None]
        return [(found, kind, None)]

    return read


def _with_sibling(found: Any, sibling: Any, kind: FhirType) -> Items:
    if type(found) is not list and type(sibling) is not list:
        return [] if found is None and not sibling else [(found, kind, sibling)]
    values = found if type(found) is list else []
    siblings = sibling if type(sibling) is list else []
    both = [
        (values[at] if at < len(values) else None, kind, siblings[at] if at < len(siblings) else None)
        for at in range(max(len(values), len(siblings)))
    ]
    return [node for node in both if node[0] is not None or node[2]]


def _choice_reader(types: dict[str, str]) -> Reader:
    names = frozenset(types) | {"_" + name for name in types}
    readers = {name: _plain_reader(name, type_name) for name, type_name in types.items()}

    def read(node: Node) -> Items:
        tree = node[0]
        present = names.intersection(tree) if type(tree) is dict else ()
        if not present:
            return []
        items: Items = []
        for name in {name.removeprefix("_") for name in present}:
            items += readers[name](node)
        return items

    return read


def _sibling_reader(name: str) -> Reader:
    """Elements of a primitive (its id and extensions), which JSON keeps in the `_name` sibling."""
    inner = _plain_reader(name, "Extension" if name == "extension" else "string")

    def read(node: Node) -> Items:
        sibling = node[2]
        return inner((sibling, node[1], None)) if sibling else []

    return read


def _value_reader() -> Reader:
    """The `value` of a primitive is its System value."""

    def read(node: Node) -> Items:
        value = system(node)
        return [] if value is None else [value]

    return read


def children_of(node: Node) -> Items:
    """All child nodes, in the order of the JSON text."""
    value, kind, sibling = node
    tree = sibling if kind.primitive else value
    if not isinstance(tree, dict):
        return []
    if kind is UNTYPED:
        return [item for key in _names(tree) for item in _read_untyped(node, key)]
    readers = kind.children
    return [item for key in _names(tree) if key in readers for item in readers[key](node)]


def _names(tree: dict[str, Any]) -> Iterable[str]:
    return dict.fromkeys(key.removeprefix("_") for key in tree if key != "resourceType")


# --- trees without a type ----------------------------------------------------------------------


def _read_untyped(node: Node, name: str) -> Items:
    tree = node[0]
    if not isinstance(tree, dict):
        return []
    start = len(name)
    for key in (name, *(key for key in tree if key.startswith(name) and key[start : start + 1].isupper())):
        found = tree.get(key)
        if found is not None:
            values = found if isinstance(found, list) else [found]
            return [(each, _type_of_resource(each), None) for each in values if each is not None]
    return []


def _untyped_primitive(value: Any) -> FhirType:
    if isinstance(value, bool):
        return fhir_type("boolean")
    if isinstance(value, int):
        return fhir_type("integer")
    if isinstance(value, Decimal | float):
        return fhir_type("decimal")
    return fhir_type("string")


UNTYPED = FhirType("Element", ("Element",), primitive=False)
UNTYPED.readers = _UntypedReaders()
