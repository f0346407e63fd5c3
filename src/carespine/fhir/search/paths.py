"""Search parameter expressions as typed steps: the part of FHIRPath that R4's search parameters use.

`Observation.value as Quantity` becomes the steps to `valueQuantity` and the type Quantity. Knowing the type
of every value beforehand lets the extraction be compiled to plain Python. What this grammar does not hold is
refused with ValueError; R4's own expressions all fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from carespine.fhir import definitions
from carespine.fhir.definitions import Element


@dataclass(frozen=True, slots=True)
class Field:
    """Go into a JSON member; each item of it, when `many`."""

    name: str
    many: bool


@dataclass(frozen=True, slots=True)
class First:
    """Only the first item of the list named (`entry[0]`)."""

    name: str


@dataclass(frozen=True, slots=True)
class Equals:
    """Only values whose member has this text (`where(system='phone')`)."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class HasExtension:
    """Only values with an extension of this URL."""

    url: str


@dataclass(frozen=True, slots=True)
class Resolves:
    """Only references to this resource type (`where(resolve() is Patient)`)."""

    resource_type: str


@dataclass(frozen=True, slots=True)
class IsTrue:
    """The boolean whether one of these members is present and not false; never absent."""

    names: tuple[str, ...]


Step = Field | First | Equals | HasExtension | Resolves | IsTrue


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from a starting object to values of one type. `element` is the last one entered, if any.

    `from_resource` says that the steps begin at the resource, not at the object the expression is applied to.
    """

    steps: tuple[Step, ...]
    type: str
    element: Element | None = None
    from_resource: bool = False


_IS_TRUE = re.compile(r"(?P<path>[\w.]+)\.exists\(\) and (?P=path) != false")
_AS = re.compile(r"(?P<path>.+) as (?P<type>\w+)")
_CALL = re.compile(r"(?P<name>as|ofType|where|extension)\((?P<argument>.*)\)")
_INDEXED = re.compile(r"(?P<name>\w+)\[0\]")
_RESOLVES = re.compile(r"resolve\(\) is (\w+)")
_EQUALS = re.compile(r"(\w+)\s*=\s*'([^']*)'")
_EXTENDED = re.compile(r"hasExtension\('([^']*)'\)")
_QUOTED = re.compile(r"'([^']*)'")


def parse(expression: str, start_type: str, resource_type: str) -> tuple[Path, ...]:
    """The paths of an expression that is applied to a `start_type` within a `resource_type`."""
    return tuple(
        path
        for alternative in definitions.split_alternatives(expression)
        for path in _alternative(alternative, start_type, resource_type)
    )


def _alternative(text: str, start_type: str, resource_type: str) -> list[Path]:
    whole = _IS_TRUE.fullmatch(text)
    if whole:
        targets = _alternative(whole["path"], start_type, resource_type)
        fields = [step for path in targets for step in path.steps if isinstance(step, Field)]
        return [Path((IsTrue(tuple(field.name for field in fields)),), "boolean")]
    paths = [Path((), start_type)]
    for position, part in enumerate(_split_dots(text)):
        paths = _apply(part, paths, start_type, resource_type, first=position == 0)
    return paths


def _split_dots(text: str) -> Iterator[str]:
    """The steps of a path; dots in brackets and quotes do not count, `x as T` stays whole."""
    depth, quoted, start = 0, False, 0
    if _AS.fullmatch(text) and not text.startswith("("):
        yield text
        return
    for position, character in enumerate(text):
        quoted ^= character == "'"
        depth += 0 if quoted else (character == "(") - (character == ")")
        if character == "." and depth == 0 and not quoted:
            yield text[start:position]
            start = position + 1
    yield text[start:]


def _apply(part: str, paths: list[Path], start_type: str, resource_type: str, *, first: bool) -> list[Path]:
    if first and part == "%resource":
        return [Path((), resource_type, None, from_resource=True)]
    if first and part in definitions.ancestors(start_type):
        return paths
    if part.startswith("(") and part.endswith(")"):
        return _alternative(part[1:-1], start_type, resource_type)
    if match := _AS.fullmatch(part):
        return _of_type(_alternative(match["path"], start_type, resource_type), match["type"])
    return _step(part, paths)


def _step(part: str, paths: list[Path]) -> list[Path]:
    if match := _CALL.fullmatch(part):
        return _call(match["name"], match["argument"], paths)
    if match := _INDEXED.fullmatch(part):
        return [_first(path) for path in _into(paths, match["name"])]
    if part.isidentifier():
        return _into(paths, part)
    raise ValueError(f"the search expression step {part!r} is not one that can be indexed")


def _into(paths: Iterable[Path], name: str) -> list[Path]:
    found = []
    for path in paths:
        element = definitions.type_definition(path.type).elements.get(name)
        if element is None:
            raise ValueError(f"{path.type} has no element {name}")
        for json_name, fhir_type in zip(element.json_names, element.types, strict=True):
            steps = (*path.steps, Field(json_name, element.many))
            found.append(Path(steps, fhir_type, element, path.from_resource))
    return found


def _first(path: Path) -> Path:
    last = path.steps[-1]
    if not isinstance(last, Field) or not last.many:
        raise ValueError("[0] is only for an element that repeats")
    return Path((*path.steps[:-1], First(last.name)), path.type, path.element, path.from_resource)


def _of_type(paths: list[Path], name: str) -> list[Path]:
    # R4 writes value.as(DateTime) in Observation-code-value-date; type names are compared without case.
    return [path for path in paths if path.type.lower() == name.lower()]


def _call(name: str, argument: str, paths: list[Path]) -> list[Path]:
    if name in {"as", "ofType"}:
        return _of_type(paths, argument)
    if name == "extension":
        url = _QUOTED.fullmatch(argument)
        if url is None:
            raise ValueError(f"extension({argument}) does not name a URL")
        return _filtered(_into(paths, "extension"), Equals("url", url[1]))
    if match := _RESOLVES.fullmatch(argument):
        return _filtered(paths, Resolves(match[1]))
    if match := _EQUALS.fullmatch(argument):
        return _filtered(paths, Equals(match[1], match[2]))
    if match := _EXTENDED.fullmatch(argument):
        return _filtered(paths, HasExtension(match[1]))
    raise ValueError(f"the search expression where({argument}) is not one that can be indexed")


def _filtered(paths: list[Path], step: Step) -> list[Path]:
    return [Path((*path.steps, step), path.type, path.element, path.from_resource) for path in paths]


def values_of_extension(path: Path) -> list[Path]:
    """The paths to what an extension holds, one for each type."""
    return _into([path], "value")
