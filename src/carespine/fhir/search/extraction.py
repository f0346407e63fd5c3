"""The index function of a resource type: all its search parameters in one compiled pass over the tree.

The paths of all parameters are merged into one tree of steps, which is written out as Python source and
compiled: each element of a resource is visited once, whatever the number of parameters that look at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.definitions import Element, SearchParameter
from carespine.fhir.search import composites, paths
from carespine.fhir.search.entries import IndexEntries
from carespine.fhir.search.paths import Equals, Field, First, HasExtension, IsTrue, Path, Resolves, Step
from carespine.fhir.search.steps import has_extension, is_true, refers_to
from carespine.fhir.search.values import Converter, Place, converter, referring

Extract = Callable[[dict[str, Any], IndexEntries], None]
# FHIR R4: searched by how it sounds, though its type is string (xpathUsage `phonetic`).
_PHONETIC = "phonetic"
# Answered from columns of their own, and so not indexed.
_COLUMNS = frozenset({"_id", "_lastUpdated"})
_OFFICIAL = "http://hl7.org/fhir/SearchParameter/"
# What ends at a node: kind of parameter, FHIR type, element, and the code of a parameter that R4 does not define.
End = tuple[str, str, "Element | None", "str | None"]


@dataclass(frozen=True, slots=True)
class Filed:
    """Under which names the values of a parameter are filed.

    `names` holds for everything but references to resources on this server. Those are under `local`, each with the
    one resource type that counts there (None: any).
    """

    names: tuple[str, ...]
    local: tuple[tuple[str, str | None], ...]


@dataclass(slots=True)
class _Node:
    children: dict[Step, _Node] = field(default_factory=dict)
    # the codes of the parameters that end here
    ends: dict[End, list[str]] = field(default_factory=dict)
    groups: list[composites.GroupConverter] = field(default_factory=list)

    def at(self, steps: tuple[Step, ...]) -> _Node:
        node = self
        for step in steps:
            node = node.children.setdefault(step, _Node())
        return node


@cache
def extractor(resource_type: str) -> Extract:
    """The function that adds all entries of a resource of this type; built on first use."""
    return _Writer(resource_type).compile(_tree(resource_type))


@cache
def filed(resource_type: str, code: str) -> Filed:
    """Where to look for the values of a parameter.

    Parameters that find the same values share what is filed: `code` and `combo-code` of an Observation, `subject`
    and, of the references to patients, `patient`. The names are part of the stored data, and are made of R4's own
    parameters only, so that one that is added later is filed by itself and changes nothing for the others.
    """
    names: set[str] = set()
    local: set[tuple[str, str | None]] = set()
    for node, outer, only in _nodes(_tree(resource_type), None, None):
        for end, codes in node.ends.items():
            if code in codes:
                name = _name(codes)
                names.add(name)
                shared = _shared(outer, end) if outer is not None else None
                local.add((_name(shared), only) if shared is not None else (name, None))
    if not names:
        return Filed((code,), ((code, None),))
    return Filed(tuple(sorted(names)), tuple(sorted(local, key=str)))


def _name(codes: list[str]) -> str:
    return ",".join(sorted(set(codes)))


def _nodes(
    node: _Node, outer: _Node | None, only: str | None
) -> Iterator[tuple[_Node, _Node | None, str | None]]:
    """Every node; with each that holds references to one type only, that type and the node that holds all."""
    yield node, outer, only
    for step, child in node.children.items():
        if isinstance(step, Resolves):
            yield from _nodes(child, node, step.resource_type)
        else:
            yield from _nodes(child, None, None)


def _shared(outer: _Node, end: End) -> list[str] | None:
    """The parameters under which the same references are filed whatever they refer to."""
    return outer.ends.get(end) if end[:2] == ("reference", "Reference") and end[3] is None else None


@cache
def _tree(resource_type: str) -> _Node:
    root = _Node()
    for parameter in definitions.search_parameters(resource_type).values():
        if parameter.code in _COLUMNS:
            continue
        own = None if parameter.url.startswith(_OFFICIAL) else parameter.code
        for path in typed_paths(parameter, resource_type):
            node = root.at(path.steps)
            if parameter.type != "composite":
                kind = _PHONETIC if parameter.code == _PHONETIC else parameter.type
                node.ends.setdefault((kind, path.type, path.element, own), []).append(parameter.code)
            elif path.steps:
                node.groups.append(composites.group_converter(parameter, path.type, resource_type))
    return root


def typed_paths(parameter: SearchParameter, resource_type: str) -> Iterator[Path]:
    """The paths of a parameter; what an extension holds instead of the extension."""
    if not parameter.expression:
        return
    for path in paths.parse(parameter.expression, resource_type, resource_type):
        if path.type == "Extension":
            yield from paths.values_of_extension(path)
        else:
            yield path


@cache
def value_types(resource_type: str, code: str) -> frozenset[str]:
    """The FHIR types that a parameter of a resource type may find."""
    parameter = definitions.search_parameters(resource_type)[code]
    return frozenset(path.type for path in typed_paths(parameter, resource_type))


@dataclass(slots=True)
class _Writer:
    """Writes the source of one index function and keeps the converters that it names."""

    resource_type: str
    names: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def compile(self, root: _Node) -> Extract:
        self.lines.append("def extract(v0, entries):")
        self.node(root, "v0", 1, None)
        self.lines.append("    return None")
        namespace = {"refers_to": refers_to, "has_extension": has_extension, "is_true": is_true, **self.names}
        source = "\n".join(self.lines)
        # The source is made of step names of the official definitions and of nothing that a client sends.
        exec(compile(source, f"<search index of {self.resource_type}>", "exec"), namespace)  # noqa: S102
        extract: Extract = namespace["extract"]
        return extract

    def node(self, node: _Node, variable: str, depth: int, outer: _Node | None) -> None:
        indent = "    " * depth
        for end, codes in node.ends.items():
            kind, fhir_type, element, _ = end
            place = Place(self.resource_type, _name(codes), tuple(dict.fromkeys(codes)), element)
            if outer is not None and _shared(outer, end) is not None:
                self.call(referring(place), indent, variable)
            else:
                self.call(converter(kind, fhir_type, place), indent, variable)
        for group in node.groups:
            self.lines.append(f"{indent}{self.name(group)}({variable}, v0, entries)")
        for step, child in node.children.items():
            inner = self.step(step, variable, indent, depth)
            before = len(self.lines)
            around = node if isinstance(step, Resolves) else None
            self.node(child, inner, depth + (2 if _is_list(step) else 1), around)
            if len(self.lines) == before:
                self.lines.append("    " * (depth + (2 if _is_list(step) else 1)) + "pass")

    def call(self, convert: Converter | None, indent: str, variable: str) -> None:
        if convert is not None:
            self.lines.append(f"{indent}{self.name(convert)}({variable}, entries)")

    def name(self, function: Any) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = function
        return name

    def step(self, step: Step, variable: str, indent: str, depth: int) -> str:
        """Write the line or two that lead into a step; the variable that holds its value."""
        inner = f"v{depth}"
        match step:
            case Field(name, True):
                self.lines.append(f"{indent}for {inner} in {variable}.get({name!r}, ()):")
                self.lines.append(f"{indent}    if {inner} is not None:")
                return inner
            case Field(name, False):
                self.lines.append(f"{indent}if ({inner} := {variable}.get({name!r})) is not None:")
                return inner
            case First(name):
                self.lines.append(f"{indent}for {inner} in {variable}.get({name!r}, ())[:1]:")
                return inner
            case Equals(name, text):
                self.lines.append(f"{indent}if {variable}.get({name!r}) == {text!r}:")
            case HasExtension(url):
                self.lines.append(f"{indent}if has_extension({variable}, {url!r}):")
            case Resolves(resource_type):
                self.lines.append(f"{indent}if refers_to({variable}, v0, {resource_type!r}):")
            case IsTrue(names):
                self.lines.append(f"{indent}for {inner} in (is_true({variable}, {names!r}),):")
                return inner
        return variable


def _is_list(step: Step) -> bool:
    return isinstance(step, Field) and step.many


definitions.forget_on_change(
    extractor.cache_clear, filed.cache_clear, _tree.cache_clear, value_types.cache_clear
)
