"""A ViewDefinition as a value, read from JSON; what is wrong with one is said with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from carespine.fhir import definitions, fhirpath
from carespine.fhir.fhirpath import FhirPathError
from carespine.kernel.errors import Issue, Unprocessable

RESOURCE_TYPE = "ViewDefinition"
# SQL on FHIR v2, invariant sql-name.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_STATUSES = ("draft", "active", "retired", "unknown")
_DEEPEST = 30
_SELECT = frozenset({"column", "select", "forEach", "forEachOrNull", "unionAll", "repeat", "id", "extension"})
_COLUMN = frozenset({"path", "name", "description", "collection", "type", "tag", "id", "extension"})
_TEXT_CONSTANTS = frozenset(
    {"base64Binary", "canonical", "code", "id", "oid", "string", "uri", "url", "uuid", "markdown"}
)
_WHOLE_CONSTANTS = frozenset({"integer", "integer64", "positiveInt", "unsignedInt"})
_MOMENTS = {"date": "@{}", "dateTime": "@{}", "instant": "@{}", "time": "@T{}"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `path` gives one value, or with `collection` a list. `type` is a FHIR type's name, where declared."""

    name: str
    path: str
    collection: bool = False
    type: str | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Select:
    """A part of a view: rows for each item of `each` (a path), of `repeat` (paths, again and again), or one row.

    `or_null` gives one row of nulls where `each` finds nothing.
    """

    columns: tuple[Column, ...]
    selects: tuple[Select, ...]
    union: tuple[Select, ...]
    each: str | None = None
    or_null: bool = False
    repeat: tuple[str, ...] = ()
    place: str = ""

    def names(self) -> list[str]:
        """The columns in order: its own, those of nested selects, those of the union."""
        found = [column.name for column in self.columns]
        for part in self.selects:
            found += part.names()
        return found + (self.union[0].names() if self.union else [])

    def all_columns(self) -> list[Column]:
        """The same as columns."""
        found = list(self.columns)
        for part in self.selects:
            found += part.all_columns()
        return found + (self.union[0].all_columns() if self.union else [])

    def paths(self) -> Iterator[str]:
        """Every expression in it."""
        yield from (column.path for column in self.columns)
        yield from self.repeat
        if self.each is not None:
            yield self.each
        for part in (*self.selects, *self.union):
            yield from part.paths()


@dataclass(frozen=True, slots=True)
class View:
    """A view over one resource type: conditions that must hold, then the selects side by side."""

    name: str
    resource: str
    where: tuple[str, ...]
    select: Select
    constants: dict[str, Any]

    @property
    def columns(self) -> list[Column]:
        return self.select.all_columns()

    def paths(self) -> Iterator[str]:
        yield from self.where
        yield from self.select.paths()


def read(tree: Any) -> View:
    """The view that a ViewDefinition defines; raises Unprocessable with an issue for each fault found."""
    return _Reading().view(tree)


class _Reading:
    def __init__(self) -> None:
        self._issues: list[Issue] = []

    def view(self, tree: Any) -> View:
        if not isinstance(tree, dict):
            raise Unprocessable("A ViewDefinition is a JSON object.", expression=RESOURCE_TYPE)
        if tree.get("resourceType", RESOURCE_TYPE) != RESOURCE_TYPE:
            self._fault("", f"This is a {str(tree['resourceType'])[:60]}, not a ViewDefinition.")
        resource = self._resource(tree)
        if "status" in tree and tree["status"] not in _STATUSES:
            self._fault("status", f"The status is one of {', '.join(_STATUSES)}.")
        constants = dict(self._constants(tree))
        where = tuple(self._where(tree, resource))
        parts = self._list(tree, "select", "")
        if not parts:
            self._fault("select", "A view needs at least one select.")
        selects = tuple(self._select(part, f"select[{number}]", 0) for number, part in enumerate(parts))
        whole = Select((), selects, ())
        if not self._issues:
            self._demand_names(whole)
        if self._issues:
            first = self._issues[0]
            raise Unprocessable(f"{first.expression}: {first.diagnostics}", issues=self._issues)
        return View(str(tree.get("name") or tree.get("id") or "view"), resource, where, whole, constants)

    def _resource(self, tree: dict[str, Any]) -> str:
        name = tree.get("resource")
        if not isinstance(name, str) or name not in definitions.resource_types():
            self._fault("resource", f"{str(name)[:60]!r} is not a resource type of R4.")
            return "Basic"
        return name

    def _constants(self, tree: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for number, item in enumerate(self._list(tree, "constant", "")):
            place = f"constant[{number}]"
            if not isinstance(item, dict) or not self._is_name(item.get("name")):
                self._fault(f"{place}.name", "A constant needs a name of letters, digits and underscores.")
                continue
            values = [key for key in item if key.startswith("value")]
            if len(values) != 1:
                self._fault(place, "A constant needs one value[x].")
                continue
            kind = values[0][5:6].lower() + values[0][6:]
            try:
                yield item["name"], _constant(kind, item[values[0]])
            except (ValueError, FhirPathError):
                self._fault(f"{place}.{values[0]}", "This is not a value of a constant.")

    def _where(self, tree: dict[str, Any], resource: str) -> Iterator[str]:
        for number, item in enumerate(self._list(tree, "where", "")):
            path = item.get("path") if isinstance(item, dict) else None
            place = f"where[{number}].path"
            if self._is_path(path, place) and isinstance(path, str):
                if (types := _types_of(path, resource)) and not types & {"System.Boolean", "boolean"}:
                    self._fault(
                        place, f"A condition is true or false; this gives {', '.join(sorted(types))}."
                    )
                yield path

    def _select(self, tree: Any, place: str, depth: int) -> Select:
        if not isinstance(tree, dict) or depth > _DEEPEST:
            self._fault(place, "A select is an object, and not nested too deeply.")
            return Select((), (), ())
        self._known(tree, _SELECT, place)
        ways = [name for name in ("forEach", "forEachOrNull", "repeat") if name in tree]
        if len(ways) > 1:
            self._fault(place, f"A select has one of {', '.join(ways)}, not several.")
        each = tree.get("forEach", tree.get("forEachOrNull"))
        if each is not None:
            self._is_path(each, f"{place}.{ways[0]}")
        repeat = self._list(tree, "repeat", place)
        for number, path in enumerate(repeat):
            self._is_path(path, f"{place}.repeat[{number}]")
        columns = [
            self._column(item, f"{place}.column[{number}]")
            for number, item in enumerate(self._list(tree, "column", place))
        ]
        nested = [
            self._select(item, f"{place}.select[{number}]", depth + 1)
            for number, item in enumerate(self._list(tree, "select", place))
        ]
        union = [
            self._select(item, f"{place}.unionAll[{number}]", depth + 1)
            for number, item in enumerate(self._list(tree, "unionAll", place))
        ]
        if not columns and not nested and not union:
            self._fault(place, "A select needs a column, a select or a unionAll.")
        self._demand_alike(union, place)
        return Select(
            tuple(columns), tuple(nested), tuple(union), each, "forEachOrNull" in tree, tuple(repeat), place
        )

    def _column(self, tree: Any, place: str) -> Column:
        if not isinstance(tree, dict):
            self._fault(place, "A column is an object.")
            return Column("", "")
        self._known(tree, _COLUMN, place)
        if not self._is_name(tree.get("name")):
            self._fault(f"{place}.name", "A column needs a name of letters, digits and underscores.")
        self._is_path(tree.get("path"), f"{place}.path")
        collection = tree.get("collection", False)
        if not isinstance(collection, bool):
            self._fault(f"{place}.collection", "This is true or false.")
        kind = tree.get("type")
        if kind is not None and not isinstance(kind, str):
            self._fault(f"{place}.type", "The type is the name or the URL of a FHIR type.")
        for number, tag in enumerate(self._list(tree, "tag", place)):
            if not isinstance(tag, dict) or not isinstance(tag.get("name"), str) or "value" not in tag:
                self._fault(f"{place}.tag[{number}]", "A tag needs a name and a value.")
        name = str(kind).rpartition("/")[2] if kind is not None else None
        return Column(str(tree.get("name")), str(tree.get("path")), collection is True, name, place)

    def _demand_names(self, whole: Select) -> None:
        names = whole.names()
        if twice := next((name for name in names if names.count(name) > 1), None):
            self._fault("select", f"Two columns are called {twice!r}.")

    def _demand_alike(self, union: list[Select], place: str) -> None:
        """The branches of a union have the same columns, in the same order and of the same kinds."""
        for number, part in enumerate(union[1:], start=1):
            if part.names() != union[0].names():
                self._fault(
                    f"{place}.unionAll[{number}]", "Every part of a union has the same columns in order."
                )
                continue
            for one, other in zip(union[0].all_columns(), part.all_columns(), strict=True):
                if (one.collection, one.type) != (other.collection, other.type):
                    self._fault(
                        f"{place}.unionAll[{number}]", f"The column {one.name!r} differs in its type."
                    )

    def _is_name(self, name: Any) -> bool:
        return isinstance(name, str) and _NAME.fullmatch(name) is not None

    def _is_path(self, path: Any, place: str) -> bool:
        if not isinstance(path, str) or not path:
            self._fault(place, "A FHIRPath expression is needed.")
            return False
        try:
            fhirpath.compile(path)
        except FhirPathError as error:
            self._fault(place, error.message)
            return False
        return True

    def _list(self, tree: dict[str, Any], name: str, place: str) -> list[Any]:
        found = tree.get(name, [])
        if not isinstance(found, list):
            self._fault(f"{place}.{name}".lstrip("."), "This is a list.")
            return []
        return found

    def _known(self, tree: dict[str, Any], known: frozenset[str], place: str) -> None:
        for name in sorted(set(tree) - known):
            if not name.startswith("_"):
                self._fault(place, f"There is no element {name[:60]!r} here.")

    def _fault(self, place: str, text: str) -> None:
        self._issues.append(Issue("invalid", text, f"{RESOURCE_TYPE}.{place}".rstrip(".")))


def _types_of(path: str, resource: str) -> frozenset[str] | None:
    """The types that an expression can answer; None where that cannot be said beforehand."""
    try:
        return fhirpath.compile(path).check(resource)
    except FhirPathError:
        return None


def _constant(kind: str, value: Any) -> Any:
    """A constant as FHIRPath has it; raises ValueError for another kind of value."""
    if kind in _TEXT_CONSTANTS and isinstance(value, str):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind in _WHOLE_CONSTANTS and isinstance(value, int | str) and not isinstance(value, bool):
        return int(value)
    if kind == "decimal" and not isinstance(value, bool | str | dict | list):
        return fhirpath.evaluate({}, str(value))[0]
    if kind in _MOMENTS and isinstance(value, str):
        found = fhirpath.evaluate({}, _MOMENTS[kind].format(value))
        if len(found) == 1:
            return found[0]
    raise ValueError(kind)
