"""The units that quantities are stored in, and a quantity that is asked for in each of those it may be met in.

Nothing is converted when it is stored: a stored number keeps its unit and its digits, and the number asked for is
converted into each comparable unit in use, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.fhir.search.criteria import Clause, QuantityValue
from carespine.fhir.search.walking import criteria_of
from carespine.storage.index_rows import kind_number
from carespine.storage.search import spans
from carespine.storage.search.spans import Part

if TYPE_CHECKING:
    from carespine.storage.database import Connection

_COLUMNS = "select unit, kind, system, code, printed from quantity_unit"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit in use: its number in the index, what it measures, and its words."""

    number: int
    kind: int
    system: str
    code: str
    printed: str


@dataclass(frozen=True, slots=True)
class Units:
    """Those of the units in use that a query may need."""

    known: tuple[Unit, ...]

    def parts(self, value: QuantityValue) -> list[Part]:
        """The ways in which a stored quantity may match; none where its unit is not in use."""
        if not value.code:
            return [Part((spans.of_number(value.number),))]
        kind = kind_number(value.system, value.code)
        same = [unit.number for unit in self.known if _is(unit, value)]
        parts = [Part((spans.of_number(value.number),), tuple(same))] if same else []
        others: dict[str, list[int]] = {}
        for unit in self.known:
            if kind and unit.kind == kind and unit.number not in same:
                others.setdefault(unit.code, []).append(unit.number)
        for code, numbers in sorted(others.items()):
            test = spans.of_number(value.number, asked=value.code, stored=code)
            parts.append(Part((test,), tuple(numbers)))
        return parts


def _is(unit: Unit, value: QuantityValue) -> bool:
    """Whether it is the very unit: with a system by its code; without, by code or as printed."""
    if value.system:
        return (unit.system, unit.code) == (value.system, value.code)
    return value.code in (unit.code, unit.printed)


async def of(connection: Connection, clauses: Sequence[Clause]) -> Units:
    """The units in use that quantities among the clauses may be met in."""
    asked = [value for clause in clauses for value in _quantities(clause) if value.code]
    if not asked:
        return Units(())
    words = sorted({value.code for value in asked})
    kinds = {kind_number(value.system, value.code) for value in asked}
    rows = await connection.fetch(
        f"{_COLUMNS} where kind = any($1::bigint[]) or code = any($2::text[]) or printed = any($2::text[])",
        sorted(kinds - {0}),
        words,
    )
    return Units(tuple(Unit(*row) for row in rows))


def _quantities(clause: Clause) -> list[QuantityValue]:
    return [v for c in criteria_of(clause) for v in c.values if isinstance(v, QuantityValue)]
