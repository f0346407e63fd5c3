"""Rows of a view: each resource to none, one or many rows, by FHIRPath, and quicker where a path is plain.

What a path means is FHIRPath's alone. A quick column walks the same elements by hand while every list on the way has
one item, and asks FHIRPath for all that is otherwise (`quick`), so that there is one meaning; a law in the tests
holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

from carespine.fhir import fhirpath
from carespine.fhir.fhirpath import Environment
from carespine.fhir.fhirpath.model import Items, Node, fhir_type, root
from carespine.fhir.sql_on_fhir import quick
from carespine.fhir.sql_on_fhir.definition import Column, Select, View
from carespine.fhir.sql_on_fhir.results import plain_value
from carespine.kernel.errors import Unprocessable

Row = tuple[Any, ...]
# Ours: lists side by side multiply; more from one resource is a mistake, or meant to keep a server busy.
_MOST_AT_ONCE = 100_000
# From a node, the variables and its place in the iteration around it to rows.
Maker = Callable[[Node, Environment, int], list[Row]]
Getter = Callable[[Node, Environment, int], Any]
# An element that holds nothing.
_NOTHING: Node = ({}, fhir_type("Element"), None)
# Ours: how deep `repeat` follows.
_DEEPEST = 100


class Rows:
    """A view ready to run. `quickly=False` asks FHIRPath for everything."""

    def __init__(self, view: View, *, quickly: bool = True) -> None:
        self.view, self._quickly = view, quickly
        self.columns = view.columns
        self._where = [fhirpath.compile(path) for path in view.where]
        self._rows = self._maker(view.select, view.resource)
        self._needs_resource = any("%" in path or "resolve" in path for path in view.paths())
        self._environment = Environment(variables=view.constants)
        self._one_row = self._plainest()

    @property
    def is_plain(self) -> bool:
        """Whether the view is columns of a resource side by side, without conditions: one row for each resource."""
        return self._one_row is not None

    def table(self, trees: Sequence[dict[str, Any]]) -> list[Row]:
        """The rows of many resources."""
        if self._one_row is None:
            return [row for tree in trees for row in self.of(tree)]
        one_row, kind, environment = self._one_row, fhir_type(self.view.resource), self._environment
        wanted = self.view.resource
        return [
            one_row((tree, kind, None), environment, 0)
            for tree in trees
            if tree.get("resourceType") == wanted
        ]

    def _plainest(self) -> quick.RowFunction | None:
        """Of a view of nothing but columns, the function that makes its one row of a resource."""
        view = self.view
        part = view.select.selects[0]
        plain = len(view.select.selects) == 1 and not (part.selects or part.union or part.each or part.repeat)
        if not self._quickly or not plain or self._where or self._needs_resource:
            return None
        return quick.row_function(part.columns, [self._getter(c) for c in part.columns], view.resource)

    def of(self, tree: dict[str, Any]) -> list[Row]:
        """The rows of one resource; none where it is of another type or a condition does not hold.

        Raises Unprocessable where a column without `collection` gets several values, or a condition is no truth.
        """
        node = root(tree)
        if tree.get("resourceType") != self.view.resource:
            return []
        environment = self._environment
        if self._needs_resource:
            environment = Environment(variables=self.view.constants, resource=tree)
        for number, condition in enumerate(self._where):
            if not _holds(condition.on(node, environment), number):
                return []
        return self._rows(node, environment, 0)

    def of_all(self, trees: Iterable[dict[str, Any]]) -> Iterator[Row]:
        for tree in trees:
            yield from self.of(tree)

    def _maker(self, select: Select, type_name: str | None) -> Maker:
        """`type_name` is the type of what is at hand, where it is known beforehand."""
        if select.each is not None:
            inner = self._parts(select, quick.type_at(select.each, type_name))
            return self._for_each(select, inner)
        if select.repeat:
            return self._repeated(select, self._parts(select, None))
        return self._parts(select, type_name)

    def _for_each(self, select: Select, inner: Maker) -> Maker:
        found = self._nodes(select.each or "")
        blank = self._blanks(select) if select.or_null else []

        def make(node: Node, environment: Environment, index: int) -> list[Row]:
            nodes = found(node, environment, index)
            if not nodes:
                return [tuple([get(_NOTHING, environment, 0) for get in blank])] if blank else []
            return [row for place, each in enumerate(nodes) for row in inner(each, environment, place)]

        return make

    def _blanks(self, select: Select) -> list[Getter]:
        """What stands in the columns of an iteration over nothing: null, but where they tell the place, which is 0."""
        getters = [
            self._getter(column) if "rowIndex" in column.path else (lambda *_: None)
            for column in select.columns
        ]
        for part in (*select.selects, *select.union[:1]):
            iterates = part.repeat or (part.each is not None and not part.or_null)
            getters += [lambda *_: None] * len(part.names()) if iterates else self._blanks(part)
        return getters

    def _repeated(self, select: Select, inner: Maker) -> Maker:
        paths = [self._nodes(path) for path in select.repeat]

        def follow(node: Node, environment: Environment, depth: int) -> Iterator[Node]:
            if depth > _DEEPEST:
                raise Unprocessable(f"A repeat goes deeper than {_DEEPEST}.", expression=select.place)
            for path in paths:
                for child in path(node, environment, 0):
                    yield child
                    yield from follow(child, environment, depth + 1)

        def make(node: Node, environment: Environment, index: int) -> list[Row]:
            nodes = follow(node, environment, 0)
            return [row for place, each in enumerate(nodes) for row in inner(each, environment, place)]

        return make

    def _parts(self, select: Select, type_name: str | None) -> Maker:
        """Columns, nested selects and the union side by side: every combination of their rows."""
        makers: list[Maker] = []
        if select.columns:
            makers.append(self._columns(select.columns, type_name))
        makers += [self._maker(part, type_name) for part in select.selects]
        if select.union:
            makers.append(self._union([self._maker(part, type_name) for part in select.union]))
        if len(makers) == 1:
            return makers[0]

        def make(node: Node, environment: Environment, index: int) -> list[Row]:
            parts = []
            for maker in makers:
                rows = maker(node, environment, index)
                if not rows:
                    return []
                parts.append(rows)
            if prod(map(len, parts)) > _MOST_AT_ONCE:
                raise Unprocessable(f"One resource gives more than {_MOST_AT_ONCE} rows; join fewer lists.")
            if all(len(rows) == 1 for rows in parts):
                return [tuple(value for rows in parts for value in rows[0])]
            return [tuple(value for row in rows for value in row) for rows in product(*parts)]

        return make

    @staticmethod
    def _union(makers: list[Maker]) -> Maker:
        def make(node: Node, environment: Environment, index: int) -> list[Row]:
            return [row for maker in makers for row in maker(node, environment, index)]

        return make

    def _columns(self, columns: tuple[Column, ...], type_name: str | None) -> Maker:
        getters = [self._getter(column) for column in columns]
        if self._quickly and type_name is not None:
            one_row = quick.row_function(columns, getters, type_name)
            return lambda node, environment, index: [one_row(node, environment, index)]
        return lambda node, environment, index: [tuple([get(node, environment, index) for get in getters])]

    def _getter(self, column: Column) -> Getter:
        items = self._nodes(column.path)

        def get(node: Node, environment: Environment, index: int) -> Any:
            values = [plain_value(item) for item in items(node, environment, index)]
            values = [value for value in values if value is not None]
            if column.collection:
                return values
            if len(values) > 1:
                raise Unprocessable(
                    f"The column {column.name} has {len(values)} values for one row; make it a collection, choose one "
                    "with first(), or use forEach.",
                    expression=f"ViewDefinition.{column.place}",
                )
            return values[0] if values else None

        return get

    @staticmethod
    def _nodes(path: str) -> Callable[[Node, Environment, int], Items]:
        compiled = fhirpath.compile(path)
        if "rowIndex" not in path:
            return lambda node, environment, _: compiled.on(node, environment)

        def run(node: Node, environment: Environment, index: int) -> Items:
            variables = {**environment.variables, "rowIndex": index}
            return compiled.on(node, Environment(variables=variables, resource=environment.resource))

        return run


def _holds(items: Items, number: int) -> bool:
    """Whether a condition holds: no answer is no."""
    values = [plain_value(item) for item in items]
    if not values:
        return False
    if len(values) > 1 or not isinstance(values[0], bool):
        place = f"ViewDefinition.where[{number}].path"
        raise Unprocessable(
            "A condition of the view gave something else than true or false.", expression=place
        )
    return values[0]
