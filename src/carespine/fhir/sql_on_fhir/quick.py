"""Plain paths (`code.coding.code`, `value.ofType(Quantity).value`) by hand instead of by FHIRPath.

One function is generated for the columns of a select: each element on the way is read once, whatever the number of
columns below it. It gives up on a column, and asks FHIRPath, where a list on its way has more than one item.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.fhirpath.functions_keys import reference_key
from carespine.fhir.fhirpath.model import Node
from carespine.fhir.fhirpath.parser import parse
from carespine.fhir.fhirpath.syntax import Call, Expression, Member, as_type_name
from carespine.fhir.sql_on_fhir.definition import Column

Getter = Callable[[Node, Any, int], Any]
RowFunction = Callable[[Node, Any, int], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Step:
    """One element: its name in JSON, whether it is a list, the type it leads to."""

    name: str
    many: bool
    type: str


@dataclass(frozen=True, slots=True)
class Plain:
    """A plain path. `key` is the reference type wanted (or "" for any) where it ends in getReferenceKey()."""

    steps: tuple[Step, ...]
    key: str | None = None


def type_at(path: str, type_name: str | None) -> str | None:
    """The type of what a plain path leads to; None where that is not known beforehand."""
    found = plain(path, type_name) if type_name is not None else None
    return found.steps[-1].type if found is not None and found.key is None else None


@lru_cache(maxsize=4096)
def plain(path: str, type_name: str) -> Plain | None:
    """The path's steps from a node of `type_name`; None where it is not plain."""
    tree = parse(path)
    if (
        isinstance(tree, Call)
        and tree.name == "getResourceKey"
        and not tree.arguments
        and tree.source is None
    ):
        return Plain((Step("id", False, "id"),)) if definitions.is_resource(type_name) else None
    if isinstance(tree, Call) and tree.name == "getReferenceKey" and tree.source is not None:
        steps = _steps(tree.source, type_name)
        if steps is None or steps[-1].type != "Reference":
            return None
        wanted = as_type_name(tree.arguments[0]) if tree.arguments else None
        return Plain(steps, wanted.name if wanted else "")
    steps = _steps(tree, type_name)
    return None if steps is None else Plain(steps)


def _steps(tree: Expression, type_name: str) -> tuple[Step, ...] | None:
    if isinstance(tree, Call) and tree.name == "ofType" and isinstance(tree.source, Member):
        return _chosen(tree, tree.source, type_name)
    if not isinstance(tree, Member):
        return None
    before = _before(tree, type_name)
    if before is None:
        return None
    element = _elements(before[-1].type if before else type_name).get(tree.name)
    if element is None or element.choice or definitions.is_resource(element.types[0]):
        return None
    return (*before, Step(tree.name, element.many, element.types[0]))


def _chosen(tree: Call, source: Member, type_name: str) -> tuple[Step, ...] | None:
    """`value.ofType(Quantity)`: the element of a choice by its name in JSON."""
    before, wanted = _before(source, type_name), as_type_name(tree.arguments[0])
    if before is None or wanted is None:
        return None
    element = _elements(before[-1].type if before else type_name).get(source.name)
    if element is None or not element.choice or wanted.name not in element.types:
        return None
    name = element.json_names[element.types.index(wanted.name)]
    return (*before, Step(name, element.many, wanted.name))


def _before(tree: Member, type_name: str) -> tuple[Step, ...] | None:
    return () if tree.source is None else _steps(tree.source, type_name)


def _elements(type_name: str) -> Any:
    if definitions.is_primitive(type_name):
        return {}
    return definitions.type_definition(type_name).elements


def row_function(columns: Sequence[Column], getters: Sequence[Getter], type_name: str) -> RowFunction:
    """From a node to the values of these columns; each getter is what the column means."""
    writer = _Writer()
    values = [
        writer.column(number, column, plain(column.path, type_name)) for number, column in enumerate(columns)
    ]
    source = "\n".join(
        [
            "def row(node, environment, index):",
            "    tree = node[0]",
            *writer.lines,
            f"    return ({', '.join(values)},)",
        ]
    )
    scope: dict[str, Any] = {f"get{number}": getter for number, getter in enumerate(getters)}
    scope |= {"MANY": object(), "key": reference_key}
    exec(compile(source, "<view>", "exec"), scope)  # noqa: S102 - made of names that R4 defines
    made: RowFunction = scope["row"]
    return made


class _Writer:
    """Lines of the function: a variable for each element met; MANY stands for a list of several."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._names: dict[tuple[str, ...], str] = {(): "tree"}

    def column(self, number: int, column: Column, path: Plain | None) -> str:
        ask = f"get{number}(node, environment, index)"
        if path is None:
            return ask
        name = self._variable(path.steps)
        value = name if path.key is None else f"key({name}, {path.key or None!r})"
        if column.collection:
            value = f"([] if {name} is None else [{value}])" if path.key is None else ask
        return f"({ask} if {name} is MANY else {value})"

    def _variable(self, steps: tuple[Step, ...]) -> str:
        key = tuple(step.name for step in steps)
        if key in self._names:
            return self._names[key]
        before, step = self._variable(steps[:-1]), steps[-1]
        name = self._names[key] = f"v{len(self._names)}"
        read = [f"{name} = {before}.get({step.name!r})"]
        if step.many:
            read.append(f"if {name} is not None: {name} = {name}[0] if len({name}) == 1 else MANY")
        if before == "tree":
            self.lines += [f"    {line}" for line in read]
        else:
            self.lines += [f"    if {before} is None or {before} is MANY: {name} = {before}", "    else:"]
            self.lines += [f"        {line}" for line in read]
        return name
