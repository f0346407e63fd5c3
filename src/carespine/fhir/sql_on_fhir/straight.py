"""From the JSON of stored resources straight to rows, for views of nothing but plain columns.

Only the elements that the columns name are read, into generated structs, and no tree is built. A resource that is not
as plain as its view (a list of several items on the way, another type) is read as a tree and left to `rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from carespine.fhir.fhirpath.functions_keys import reference_key
from carespine.fhir.sql_on_fhir import decoding, quick
from carespine.fhir.sql_on_fhir.definition import View
from carespine.fhir.sql_on_fhir.rows import Row, Rows

Read = Callable[[bytes], Any]
# From a struct to its row; None where only a tree can tell.
OneRow = Callable[[Any], Row | None]


class Bodies:
    """A view ready to run over the JSON of stored resources."""

    def __init__(self, view: View) -> None:
        self._rows, self._decode = Rows(view), decoding.decoder(view)
        self._straight = _straight(view) if self._rows.is_plain else None

    def table(self, bodies: Sequence[bytes]) -> list[Row]:
        """The rows of many resources."""
        if self._straight is None:
            return self._rows.table([self._decode(body) for body in bodies])
        read, one_row = self._straight
        found: list[Row] = []
        for body in bodies:
            try:
                row = one_row(read(body))
            except msgspec.ValidationError:
                row = None
            if row is not None:
                found.append(row)
            else:
                found += self._rows.table([self._decode(body)])
        return found


@dataclass(slots=True)
class _Element:
    """An element that columns name: what they name below it, and the variable that holds it."""

    variable: str
    many: bool = False
    is_value: bool = False
    below: dict[str, _Element] = field(default_factory=dict)


def _straight(view: View) -> tuple[Read, OneRow] | None:
    """How to read and what to make of it; None where a column is not plain."""
    root = _Element("whole")
    values: list[str] = []
    for column in view.columns:
        path = quick.plain(column.path, view.resource)
        if path is None or column.collection:
            return None
        at = root
        for step in path.steps:
            at = at.below.setdefault(step.name, _Element(f"{at.variable}_{len(at.below)}", step.many))
        at.is_value = True
        values.append(at.variable if path.key is None else f"key({at.variable}, {path.key or None!r})")
    if any(element.is_value and element.below for element in _all(root)):
        return None  # the whole of an object is asked for, and a part of it
    root.below.setdefault("resourceType", _Element("kind"))
    lines = ["def row(whole):", *_reading(root), f"    if kind != {view.resource!r}: return None"]
    scope: dict[str, Any] = {"key": reference_key}
    source = "\n".join([*lines, f"    return ({', '.join(values)},)"])
    exec(compile(source, "<view>", "exec"), scope)  # noqa: S102 - made of names that R4 defines
    one_row: OneRow = scope["row"]
    read: Any = msgspec.json.Decoder(_struct(root), float_hook=Decimal).decode
    return read, one_row


def _all(element: _Element) -> Iterator[_Element]:
    yield element
    for below in element.below.values():
        yield from _all(below)


def _struct(element: _Element) -> Any:
    """The type to read an element as: a struct of what is named below it, or anything."""
    kind: Any = Any
    if element.below:
        names = {f"m{number}": name for number, name in enumerate(element.below)}
        fields = [
            (name, _struct(below) | None if below.below or below.many else Any, None)
            for name, below in zip(names, element.below.values(), strict=True)
        ]
        kind = msgspec.defstruct("Element", fields, rename=names, gc=False)
    return list[kind] if element.many else kind


def _reading(element: _Element) -> list[str]:
    lines: list[str] = []
    for number, below in enumerate(element.below.values()):
        name, around = below.variable, element.variable
        read = f"{around}.m{number}"
        lines.append(
            f"    {name} = {read}" + ("" if around == "whole" else f" if {around} is not None else None")
        )
        if below.many:
            lines += [
                f"    if {name} is not None:",
                f"        if len({name}) != 1: return None",
                f"        {name} = {name}[0]",
            ]
        lines += _reading(below)
    return lines
