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
from carespine.fhir.search.values import Converter, Place, converter

Extract = Callable[[dict[str, Any], IndexEntries], None]
# FHIR R4: searched by how it sounds, though its type is string (xpathUsage `phonetic`).
_PHONETIC = "phonetic"


@dataclass(slots=True)
class _Node:
    children: dict[Step, _Node] = field(default_factory=dict)
    # (kind of parameter, FHIR type, element) -> codes of the parameters that end here
    ends: dict[tuple[str, str, Element | None], list[str]] = field(default_factory=dict)
    groups: list[composites.GroupConverter] = field(default_factory=list)

    def at(self, steps: tuple[Step, ...]) -> _Node:
        node = self
        for step in steps:
            node = node.children.setdefault(step, _Node())
        return node


@cache
def extractor(resource_type: str) -> Extract:
    """The function that adds all entries of a resource of this type; built on first use."""
    root = _Node()
    for parameter in definitions.search_parameters(resource_type).values():
        for path in typed_paths(parameter, resource_type):
            node = root.at(path.steps)
            if parameter.type != "composite":
                kind = _PHONETIC if parameter.code == _PHONETIC else parameter.type
                node.ends.setdefault((kind, path.type, path.element), []).append(parameter.code)
            elif path.steps:
                node.groups.append(composites.group_converter(parameter, path.type, resource_type))
    return _Writer(resource_type).compile(root)


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
        self.node(root, "v0", 1)
        self.lines.append("    return None")
        namespace = {"refers_to": refers_to, "has_extension": has_extension, "is_true": is_true, **self.names}
        source = "\n".join(self.lines)
        # The source is made of step names of the official definitions and of nothing that a client sends.
        exec(compile(source, f"<search index of {self.resource_type}>", "exec"), namespace)  # noqa: S102
        extract: Extract = namespace["extract"]
        return extract

    def node(self, node: _Node, variable: str, depth: int) -> None:
        indent = "    " * depth
        for (kind, fhir_type, element), codes in node.ends.items():
            place = Place(self.resource_type, tuple(dict.fromkeys(codes)), element)
            self.call(converter(kind, fhir_type, place), indent, variable)
        for group in node.groups:
            self.lines.append(f"{indent}{self.name(group)}({variable}, v0, entries)")
        for step, child in node.children.items():
            inner = self.step(step, variable, indent, depth)
            before = len(self.lines)
            self.node(child, inner, depth + (2 if _is_list(step) else 1))
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
