"""From the search values of a resource to the rows of the index tables."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Any

from carespine.fhir.fhirpath import ucum
from carespine.kernel.ids import hash63
from carespine.storage.types import param_number

if TYPE_CHECKING:
    from carespine.fhir.search import IndexEntries
    from carespine.storage.rows import Write

Row = tuple[Any, ...]
UnitRow = tuple[int, str, str, str]
COLUMNS: dict[str, list[str]] = {
    "index_date": ["low", "high"],
    "index_number": ["low", "high"],
    "index_quantity": ["unit", "low", "high"],
    "index_string": ["value"],
    "index_text": ["value"],
    "index_position": ["latitude", "longitude"],
}
_POSITIONED = "index_position"  # belongs to no parameter but `near`
# The types of the columns behind patient and rid, in their order.
TYPES: dict[str, list[str]] = {
    "index_date": ["bigint", "bigint", "bigint"],
    "index_number": ["bigint", "double precision", "double precision"],
    "index_quantity": ["bigint", "bigint", "double precision", "double precision"],
    "index_string": ["bigint", "text"],
    "index_text": ["bigint", "text"],
    "index_position": ["double precision", "double precision"],
}
# Where a period is open: before and after everything that microseconds can count.
FIRST, LAST = -(2**62), 2**62
URI = ":uri"
# PostgreSQL refuses index entries of more than 2,704 bytes; what is searched is shorter than this by far.
LONGEST_VALUE = 600


def columns(table: str) -> list[str]:
    """The columns of an index table behind patient and rid."""
    return COLUMNS[table] if table == _POSITIONED else ["param", *COLUMNS[table]]


def unit_number(system: str, code: str, printed: str) -> int:
    """What stands for a unit as a quantity gives it; 0 where it has none."""
    return hash63("unit", system, code, printed) if system or code or printed else 0


def kind_number(system: str, code: str) -> int:
    """What stands for that which a UCUM unit measures, such as mass; 0 for what is not a unit of UCUM."""
    meaning = ucum.unit(code) if system == ucum.SYSTEM else None
    if meaning is None:
        return 0
    return hash63("kind", *(f"{base}{exponent}" for base, exponent in meaning.dimensions))


def units_of(writes: Sequence[Write]) -> dict[int, UnitRow]:
    """The units of the writes' quantities by number: kind, system, code and printed unit."""
    named = {
        (system, code, printed)
        for write in writes
        if write.entries is not None
        for _, system, code, _, _, printed in write.entries.quantities
    }
    return {
        unit_number(system, code, printed): (kind_number(system, code), system, code, printed)
        for system, code, printed in named
        if system or code or printed
    }


def rows_of(writes: Sequence[Write]) -> dict[str, list[Row]]:
    """All rows of the writes' index entries, by table, each beginning with patient and rid."""
    tables: dict[str, list[Row]] = {table: [] for table in COLUMNS}
    for write in writes:
        if write.entries is not None:
            _add(write, write.entries, tables)
    return tables


def _add(write: Write, entries: IndexEntries, tables: dict[str, list[Row]]) -> None:
    patient, rid, kind = write.patient, write.rid, write.type
    # As sets: values that differ may become the same row, such as two decimals that no double tells apart.
    dates = {
        (param_number(kind, code), FIRST if start is None else start, LAST if end is None else end)
        for code, start, end in entries.dates
    }
    tables["index_date"] += [(patient, rid, *date) for date in dates]
    numbers = {(param_number(kind, code), *_floats(least, most)) for code, least, most in entries.numbers}
    tables["index_number"] += [(patient, rid, *number) for number in numbers]
    amounts = {
        (param_number(kind, code), unit_number(system, word, unit), *_floats(least, most))
        for code, system, word, least, most, unit in entries.quantities
    }
    tables["index_quantity"] += [(patient, rid, *amount) for amount in amounts]
    texts = {(param_number(kind, code), value[:LONGEST_VALUE]) for code, value in entries.strings}
    texts |= {(param_number(kind, code + URI), value[:LONGEST_VALUE]) for code, value in entries.uris}
    tables["index_string"] += [(patient, rid, *text) for text in texts]
    displays = {(param_number(kind, code), value[:LONGEST_VALUE]) for code, value in entries.texts}
    tables["index_text"] += [(patient, rid, *display) for display in displays]
    tables["index_position"] += [(patient, rid, *place) for place in set(entries.positions)]


def _floats(low: Decimal | None, high: Decimal | None) -> tuple[float, float]:
    return (-inf if low is None else float(low), inf if high is None else float(high))
