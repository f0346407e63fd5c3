"""What the index holds about one resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

DateRow = tuple[str, int | None, int | None]
NumberRow = tuple[str, Decimal | None, Decimal | None]
QuantityRow = tuple[str, str, str, Decimal | None, Decimal | None, str]


@dataclass(slots=True)
class IndexEntries:
    """The search values of one resource, by the way they are looked up. The lists have no duplicates.

    keys        63-bit hashes for everything that is searched by equality (carespine.fhir.search.keys) strings
    (parameter, normalised text), for beginnings and parts of texts; for `phonetic` its sound dates
    (parameter, from, to): microseconds since 1970, half-open; None where a Period is open numbers
    (parameter, low, high): closed; equal unless the value is a Range; None where it is open quantities
    (parameter, system, code, low, high, unit): as numbers; system, code and unit are "" if absent, and
                as written: no unit is converted
    uris        (parameter, uri), for :below and :above
    positions   (latitude, longitude) in degrees
    references  (parameter, resource type, id) of resources on this server, for _include and chains
    texts       (parameter, normalised text) of codes and references, for :text

    The `parameter` of a composite is a name made by `keys.composite_row`. Numbers and quantities are exact
    points: the precision of the number that is asked for decides, as FHIR R4 says for `=`.
    """

    base_url: str = ""
    keys: set[int] = field(default_factory=set)
    strings: list[tuple[str, str]] = field(default_factory=list)
    dates: list[DateRow] = field(default_factory=list)
    numbers: list[NumberRow] = field(default_factory=list)
    quantities: list[QuantityRow] = field(default_factory=list)
    uris: list[tuple[str, str]] = field(default_factory=list)
    positions: list[tuple[float, float]] = field(default_factory=list)
    references: list[tuple[str, str, str]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)

    def settle(self) -> IndexEntries:
        """Drop duplicates, which come from one value under several paths."""
        for name in _LISTS:
            rows = getattr(self, name)
            if len(rows) > 1:
                setattr(self, name, list(dict.fromkeys(rows)))
        return self


_LISTS = ("strings", "dates", "numbers", "quantities", "uris", "positions", "references", "texts")
