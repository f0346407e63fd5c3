"""A criterion on dates, numbers or quantities as SQL over its index table: as a filter, and as a source of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from carespine.fhir import definitions
from carespine.fhir.search import paths
from carespine.fhir.search.extraction import typed_paths
from carespine.storage.search.spans import DAY_US, Part, Side
from carespine.storage.sql import Arguments

_KINDS = {"index_date": "bigint", "index_number": "double precision", "index_quantity": "double precision"}
_NARROW = {
    "index_date": f"i.high <= i.low + {DAY_US}",
    "index_number": "i.high <= i.low",
    "index_quantity": "i.high <= i.low",
}
_WIDE = {table: condition.replace("<=", ">", 1) for table, condition in _NARROW.items()}
# Ours: two criteria with so many values are not worth multiplying out.
_MOST_PARTS = 12


@dataclass(frozen=True, slots=True)
class Ranged:
    """Some row of `table` under one of `params` matches one of the parts. `single`: there is at most
    one such row for a resource."""

    table: str
    params: tuple[int, ...]
    parts: tuple[Part, ...]
    single: bool

    def joined(self, other: Ranged) -> Ranged | None:
        """Both criteria as one, where one row must satisfy both; None where that cannot be said."""
        if (self.table, self.params) != (other.table, other.params) or not self.single:
            return None
        if len(self.parts) * len(other.parts) > _MOST_PARTS:
            return None
        both = (one.joined(two) for one, two in product(self.parts, other.parts))
        return replace(self, parts=tuple(part for part in both if part is not None))

    def filter(self, arguments: Arguments, alias: str) -> str:
        """A condition on the resource `alias`, asked of its own rows; OFFSET keeps it from becoming a join."""
        if not self.parts:
            return "false"
        matches = self._any(arguments, None)
        return (
            f"exists (select 1 from {self.table} i where i.patient = {alias}.patient and i.rid = {alias}.rid "  # noqa: S608
            f"and {among('i.param', self.params, arguments)} and {matches} offset 0)"
        )

    def sources(self, arguments: Arguments) -> list[str]:
        """From-clauses and conditions, by the index, of all rows that match: narrow and wide ones, by each way."""
        if not self.parts:
            return []
        widths = {"narrow": _NARROW[self.table], "wide": _WIDE[self.table]}
        if all(part.narrow == part.wide for part in self.parts):
            widths = {"narrow": "true"}
        return [
            f"{self.table} i where i.param = {arguments.add(param)} and {width} and {self._part(part, arguments, name)}"
            for param in self.params
            for part in self.parts
            for name, width in widths.items()
        ]

    @property
    def is_disjoint(self) -> bool:
        """Whether no row is among the sources twice, and no resource."""
        units = [unit for part in self.parts for unit in part.units or ()]
        apart = len(set(units)) == len(units) and all(part.units is not None for part in self.parts)
        return self.single and (len(self.parts) == 1 or apart)

    def _any(self, arguments: Arguments, width: str | None) -> str:
        ways = [self._part(part, arguments, width) for part in self.parts]
        return ways[0] if len(ways) == 1 else f"({' or '.join(ways)})"

    def _part(self, part: Part, arguments: Arguments, width: str | None) -> str:
        kind = _KINDS[self.table]
        conditions = []
        if part.units is not None:
            conditions.append(among("i.unit", part.units, arguments))
        side = {"narrow": part.narrow, "wide": part.wide, None: Side()}[width]
        if side.least is not None:
            conditions.append(f"i.low >= {arguments.add(side.least)}::{kind}")
        if side.most is not None:
            conditions.append(f"i.low <= {arguments.add(side.most)}::{kind}")
        for test in part.tests:
            placed = [
                f"{arguments.add(number)}::{kind}" if f"{{{place}}}" in test.holds else ""
                for place, number in enumerate(test.numbers)
            ]
            conditions.append("(" + test.holds.format(*placed, low="i.low", high="i.high") + ")")
        return f"({' and '.join(conditions)})"


def among(column: str, numbers: Sequence[int], arguments: Arguments) -> str:
    """The condition that a column has one of the numbers."""
    if len(numbers) == 1:
        return f"{column} = {arguments.add(numbers[0])}"
    return f"{column} = any({arguments.add(list(numbers))}::bigint[])"


@cache
def is_single(resource_type: str, code: str) -> bool:
    """Whether a resource has one value under the parameter at most: all its paths end in one element, none repeats."""
    parameter = definitions.search_parameters(resource_type).get(code)
    if parameter is None:
        return False
    found = list(typed_paths(parameter, resource_type))
    repeats = any(
        (isinstance(s, paths.Field) and s.many) or isinstance(s, paths.First) for p in found for s in p.steps
    )
    places = {(path.steps[:-1], path.element) for path in found}
    return not repeats and len(places) == 1


definitions.forget_on_change(is_single.cache_clear)
