"""Snapshots: what a StructureDefinition says in full, made from its differential and its base.

Elements become a tree; the differential is applied to it in order, types being unfolded where it reaches into
them. Source: FHIR R4, profiling.html#snapshot and elementdefinition.html.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from carespine.fhir import conformance
from carespine.fhir.validation.profiles.merging import merge, without_slicing
from carespine.fhir.validation.terminology import Find

Tree = dict[str, Any]
_URL = "http://hl7.org/fhir/StructureDefinition/"
_FHIRPATH = "http://hl7.org/fhirpath/System."
_EXTENSION_SLICING: Tree = {
    "discriminator": [{"type": "value", "path": "url"}],
    "ordered": False,
    "rules": "open",
}
_TYPE_SLICING: Tree = {
    "discriminator": [{"type": "type", "path": "$this"}],
    "ordered": False,
    "rules": "open",
}
# Ours: profiles on profiles. The deepest official chain has four.
_DEEPEST = 30


class NoSnapshot(Exception):
    """A snapshot cannot be made; the text says why."""


@dataclass(slots=True, eq=False)
class Node:
    """An element of a snapshot: `name` as in its path (`value[x]`)."""

    element: Tree
    name: str
    slice_name: str | None = None
    children: list[Node] = field(default_factory=list)
    slices: list[Node] = field(default_factory=list)

    def child(self, name: str) -> Node | None:
        """The child of that name."""
        return next((each for each in self.children if each.name == name), None)

    def slice(self, name: str) -> Node | None:
        """The slice of that name."""
        return next((each for each in self.slices if each.slice_name == name), None)


def with_snapshot(definition: Tree, find: Find = conformance.read, depth: int = 0) -> Tree:
    """The definition, with a snapshot: its own where it has one. Raises NoSnapshot."""
    if definition.get("snapshot", {}).get("element"):
        return definition
    return {**definition, "snapshot": {"element": snapshot(definition, find, depth)}}


def snapshot(definition: Tree, find: Find = conformance.read, depth: int = 0) -> list[Tree]:
    """The elements of the snapshot of a definition with a differential. Raises NoSnapshot."""
    if depth > _DEEPEST:
        raise NoSnapshot(f"the bases of {definition.get('url')} lead round in a circle")
    base_url = definition.get("baseDefinition")
    name = _root_name(definition)
    if base_url is None:
        root = Node({"id": name, "path": name}, name)
    else:
        root = _renamed(_elements(base_url, find, depth), name)
        if definition.get("derivation") != "constraint":
            root.element.pop("base", None)  # a new type is the base of its own root
            if definition.get("kind") in ("resource", "primitive-type"):
                for each in root.children:
                    each.element.pop("slicing", None)
    builder = _Builder(definition, root, find, depth)
    for element in definition.get("differential", {}).get("element", ()):
        builder.apply(element)
    return [element for node in _walk(root) for element in [builder.finished(node)]]


def _root_name(definition: Tree) -> str:
    elements = definition.get("differential", {}).get("element", ())
    if elements:
        return str(elements[0]["path"]).partition(".")[0]
    return str(definition.get("type", "")).rpartition("/")[2]


def _elements(url: str, find: Find, depth: int) -> list[Tree]:
    found = find("StructureDefinition", url)
    if found is None:
        raise NoSnapshot(f"its base {url} is not known; add the package that has it")
    elements: list[Tree] = with_snapshot(found, find, depth + 1)["snapshot"]["element"]
    return elements


def _renamed(elements: list[Tree], name: str) -> Node:
    """The elements of another definition as a tree of their own, its root called `name`."""
    root = Node(copy.deepcopy(elements[0]), name)
    by_id: dict[str, Node] = {_id(elements[0]): root}
    for element in elements[1:]:
        node = Node(copy.deepcopy(element), element["path"].rpartition(".")[2], element.get("sliceName"))
        by_id[_id(element)] = node
        outer, _, last = _id(element).rpartition(".")
        parent = by_id.get(outer, root)
        plain, colon, slice_name = last.partition(":")
        sliced = by_id.get(f"{outer}.{plain}") if colon else None
        if sliced is None:
            parent.children.append(node)
        else:
            node.slice_name = node.slice_name or slice_name
            sliced.slices.append(node)
    return root


def _id(element: Tree) -> str:
    return str(element.get("id", element["path"]))


def _walk(node: Node, path: str = "", id_: str = "") -> Iterator[Node]:
    """All nodes in the order of a snapshot, their paths and ids set."""
    own_path = f"{path}.{node.name}" if path else node.name
    own_id = f"{id_}.{node.name}" if id_ else node.name
    if node.slice_name:
        own_id += f":{node.slice_name}"
    node.element["id"], node.element["path"] = own_id, own_path
    yield node
    for child in node.children:
        yield from _walk(child, own_path, own_id)
    for each in node.slices:
        yield from _walk(each, path, id_)


class _Builder:
    def __init__(self, definition: Tree, root: Node, find: Find, depth: int) -> None:
        self.definition = definition
        self.root = root
        self.find = find
        self.depth = depth
        self.url = str(definition.get("url", ""))
        # A new type's own elements are new; a profile may only narrow what is there.
        self.adds = definition.get("derivation") != "constraint"
        self._latest: dict[str, str] = {}
        self._choices: dict[int, list[Tree]] = {}
        self._new: list[Node] = []

    def apply(self, element: Tree) -> None:
        """Apply one element of the differential."""
        node = self.root
        for name, slice_name in self._segments(element)[1:]:
            node = self._step(node, name, slice_name, element)
        merge(node.element, element, self.url, typed=self._constraints_of)
        if node.slice_name and "sliceName" not in node.element:
            node.element["sliceName"] = node.slice_name

    def finished(self, node: Node) -> Tree:
        """The element as it stands in the snapshot."""
        element = node.element
        element.setdefault("min", 0)
        element.setdefault("max", "*")
        if node in self._new:
            self._implied(element)
        if "base" not in element:
            element["base"] = {"path": element["path"], "min": element["min"], "max": element["max"]}
        return element

    def _implied(self, element: Tree) -> None:
        """A new element keeps the constraints that every element, and every extension, keeps."""
        codes = [str(part["code"]) for part in element.get("type", ())]
        if any(code.startswith(_FHIRPATH) or code == "Resource" for code in codes):
            return
        own = {each["key"] for each in element.get("constraint", ())}
        rows = self._constraints_of("Extension" if codes == ["Extension"] else "Element")
        inherited = [each for each in rows if each["key"] not in own]
        if inherited:
            element["constraint"] = [*inherited, *element.get("constraint", ())]

    # --- finding the place ---------------------------------------------------------------------

    def _segments(self, element: Tree) -> list[tuple[str, str | None]]:
        """The names and slice names from the root to an element, from its id, or its path where it has none."""
        if "id" in element and element["id"].count(".") == element["path"].count("."):
            parts = [part.partition(":") for part in element["id"].split(".")]
            names = [(name, slice_name or None) for name, _, slice_name in parts]
        else:
            names = [(name, None) for name in element["path"].split(".")]
            names = self._remembered(names, element)
        if element.get("sliceName") and names[-1][1] is None and len(names) > 1:
            names[-1] = (names[-1][0], element["sliceName"])
        return names

    def _remembered(self, names: list[tuple[str, str | None]], element: Tree) -> list[tuple[str, str | None]]:
        """Without ids, a path continues the slice that was named last on the way to it."""
        found: list[tuple[str, str | None]] = []
        path = ""
        for position, (name, _) in enumerate(names):
            path = f"{path}.{name}" if path else name
            last = position == len(names) - 1
            if last:
                self._latest = {
                    each: slice_ for each, slice_ in self._latest.items() if not each.startswith(path)
                }
                if element.get("sliceName"):
                    self._latest[path] = element["sliceName"]
            found.append((name, self._latest.get(path)))
        return found

    def _step(self, node: Node, name: str, slice_name: str | None, element: Tree) -> Node:
        if not node.children:
            self._unfold(node)
        child = node.child(name) or node.child(f"{name}[x]")
        if child is None:
            child, slice_name = self._choice(node, name, slice_name)
            if child is not None and slice_name is not None:
                self._only(child, slice_name)
        if child is None:
            if not self.adds:
                raise NoSnapshot(f"{self.url} speaks of {element['path']}, which its base does not have")
            child = Node({}, name)
            node.children.append(child)
            self._new.append(child)
        return child if slice_name is None else self._sliced(child, slice_name)

    def _choice(self, node: Node, name: str, slice_name: str | None) -> tuple[Node | None, str | None]:
        """`valueQuantity` as the slice of that name of `value[x]`."""
        for each in node.children:
            stem = each.name.removesuffix("[x]")
            if each.name != stem and name.startswith(stem):
                kind = name[len(stem) :]
                codes = {str(part["code"]) for part in each.element.get("type", ())}
                if kind in {_capital(code) for code in codes}:
                    return each, slice_name or name
        return None, slice_name

    def _only(self, node: Node, slice_name: str) -> None:
        """A choice that a differential speaks of by a JSON name (`valueQuantity`) may be of no other type."""
        if node.slice(slice_name) is not None:
            return
        kind = slice_name[len(node.name) - 3 :]
        types = self._choices.setdefault(id(node), node.element.get("type", []))
        chosen = [part for part in types if _capital(part["code"]) == kind]
        narrowed = [] if "slicing" not in node.element else node.element["type"]
        node.element["type"] = copy.deepcopy([*narrowed, *(part for part in chosen if part not in narrowed)])
        node.element["slicing"] = {**copy.deepcopy(_TYPE_SLICING), "rules": "closed"}

    def _sliced(self, node: Node, name: str) -> Node:
        outer, slash, _ = name.rpartition("/")
        holder = (node.slice(outer) if slash else None) or node
        found = holder.slice(name)
        if found is not None:
            return found
        element = without_slicing(holder.element)
        element["sliceName"] = name
        element["min"] = 0  # that there must be one of all does not say that there must be one of each
        made = Node(element, node.name, name, [_copied(each) for each in holder.children])
        if node.name.endswith("[x]"):
            self._type_slice(node, made, name)
        elif "slicing" not in holder.element and node.name in ("extension", "modifierExtension"):
            holder.element["slicing"] = copy.deepcopy(_EXTENSION_SLICING)
        holder.slices.append(made)
        return made

    def _type_slice(self, node: Node, made: Node, name: str) -> None:
        """A slice of a choice is named after its type, and being of a type tells its slices apart."""
        node.element.setdefault("slicing", copy.deepcopy(_TYPE_SLICING))
        kind = name[len(node.name) - 3 :]
        fitting = [part for part in node.element.get("type", ()) if _capital(part["code"]) == kind]
        if fitting:
            made.element["type"] = copy.deepcopy(fitting)

    # --- unfolding types -----------------------------------------------------------------------

    def _unfold(self, node: Node) -> None:
        """Give a leaf the children of its type, of its type's profile, or of the element it refers to."""
        if "contentReference" in node.element:
            target = self._at(node.element["contentReference"].rpartition("#")[2])
            if target is not None:
                node.children = [_copied(each) for each in target.children]
                node.element.pop("contentReference")
                node.element["type"] = copy.deepcopy(target.element.get("type", []))
            return
        types = node.element.get("type", ())
        if len(types) != 1:
            return
        profiles = types[0].get("profile", ())
        code = str(types[0]["code"])
        url = profiles[0] if len(profiles) == 1 else code if code.startswith("http") else _URL + code
        if code.startswith(_FHIRPATH):
            return
        try:
            elements = _elements(url, self.find, self.depth)
        except NoSnapshot:
            elements = _elements(_URL + code, self.find, self.depth)
        node.children = _renamed(elements, node.name).children
        if self.adds and self.definition.get("kind") == "resource":
            for each in node.children:
                each.element.pop("slicing", None)

    def _at(self, id_: str) -> Node | None:
        node: Node | None = self.root
        for part in id_.split(".")[1:]:
            name, _, slice_name = part.partition(":")
            node = None if node is None else node.child(name)
            if node is not None and slice_name:
                node = node.slice(slice_name)
        return node

    def _constraints_of(self, code: str) -> list[Tree]:
        """The constraints that a type brings to every element of it."""
        found = self.find("StructureDefinition", _URL + code)
        if found is None or not found.get("snapshot"):
            return []
        rows: list[Tree] = found["snapshot"]["element"][0].get("constraint", [])
        return rows


def _capital(code: str) -> str:
    return code[:1].upper() + code[1:]


def _copied(node: Node) -> Node:
    return Node(
        copy.deepcopy(node.element),
        node.name,
        node.slice_name,
        [_copied(each) for each in node.children],
        [_copied(each) for each in node.slices],
    )
