"""Tables in text: the separator found by looking, ragged rows allowed, headers matched by meaning."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from carespine.devices.adapters.kit.text import folded, tidy

_SEPARATORS = (",", ";", "\t", "|")
_LINES_LOOKED_AT = 12
# A free-text note may be long; a cell beyond this is not a table's.
_LONGEST_CELL = 1_000_000
csv.field_size_limit(_LONGEST_CELL)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. A cell that the line does not reach is empty."""

    number: int
    cells: tuple[str, ...]
    places: dict[str, int]

    def get(self, header: str) -> str:
        """The cell under a header, "" where there is none."""
        place = self.places.get(header)
        return self.cells[place] if place is not None and place < len(self.cells) else ""


def separator(text: str) -> str:
    """The character that parts the cells: the one that occurs most steadily in the first lines."""
    lines = [re.sub(r'"[^"]*"', "", line) for line in text[:20_000].splitlines() if line.strip()]
    lines = lines[:_LINES_LOOKED_AT]

    def steadiness(mark: str) -> tuple[int, int]:
        counts = [line.count(mark) for line in lines]
        return sum(1 for count in counts if count), sum(counts)

    return max(_SEPARATORS, key=steadiness) if lines else ","


def lines(text: str, mark: str | None = None) -> Iterator[list[str]]:
    """The cells of every line that is not empty. A line that is no table's ends the iteration with csv.Error."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark or separator(text))
    for cells in reader:
        tidied = [tidy(cell) for cell in cells]
        if any(tidied):
            yield tidied


def rows(found: Sequence[Sequence[str]], header: Sequence[str], *, first: int = 1) -> Iterator[Row]:
    """The lines as rows under `header`; of two equal headers the first counts."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        places.setdefault(name, place)
    for number, cells in enumerate(found, first):
        yield Row(number, tuple(cells), places)


def column(header: Sequence[str], *patterns: str) -> str | None:
    """The first header that matches one of the patterns (regular expressions on folded text), best first."""
    for pattern in patterns:
        wanted = re.compile(pattern)
        for name in header:
            if wanted.search(folded(name)):
                return name
    return None
