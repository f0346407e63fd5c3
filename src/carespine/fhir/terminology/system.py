"""What a code system can be asked, wherever its concepts lie: in memory, in tables, or in a grammar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from carespine.fhir.terminology.models import Concept, Described, Ords

# The kinds of sets of concepts that a system keeps, each under a name.
WORD = "word"  # a word of a display or designation
STEM = "stem"  # the beginning of such words: their first one, two or three letters
BELOW = "below"  # a code: all its descendants
CHILD = "child"  # a code: its children
PROPERTY = "property"  # a property and one value of it: see `property_name`
HAS = "has"  # a property: the concepts that have it
REFSET = "refset"  # the code of a reference set: its members
MARK = "mark"  # INACTIVE, ABSTRACT, ROOT
INACTIVE, ABSTRACT, ROOT = "inactive", "abstract", "root"
_SEPARATOR = "\x1f"
# Ours: a set's name has to fit into an index entry of PostgreSQL; longer values are not told apart beyond it.
_MOST_NAME = 400


def property_name(code: str, value: str) -> str:
    """The name of the set of concepts with this value of this property; `property_name(code, "")` begins all."""
    return f"{code}{_SEPARATOR}{value}"[:_MOST_NAME]


def value_of(name: str) -> str:
    """The value in a property's set's name."""
    return name.partition(_SEPARATOR)[2]


class System(Protocol):
    """A code system with listed concepts. A concept's ord is its place, from 0 to size - 1."""

    @property
    def about(self) -> Described: ...

    @property
    def size(self) -> int: ...

    async def locate(self, codes: Sequence[str]) -> dict[str, int]:
        """Code as asked -> ord, of those that exist."""
        ...

    async def concepts(self, ords: Sequence[int]) -> list[Concept]:
        """The concepts at these places, in the order asked."""
        ...

    async def sets(self, kind: str, names: Sequence[str]) -> dict[str, Ords]:
        """The sets of these names; a name without a set is left out."""
        ...

    async def sets_from(self, kind: str, beginning: str) -> dict[str, Ords]:
        """All sets of a kind whose names begin so."""
        ...

    async def ancestors(self, ord: int) -> Ords: ...

    async def ancestors_of(self, ords: Sequence[int]) -> list[Ords]:
        """The ancestors of each, in the order asked."""
        ...

    async def codes_like(self, pattern: str, *, display: bool) -> Ords:
        """The concepts whose code (or display) the regular expression matches as a whole."""
        ...


class Grammar(Protocol):
    """A code system whose codes are made by rules: they can be checked, and not listed."""

    @property
    def about(self) -> Described: ...

    def concept(self, code: str) -> Concept | None:
        """The concept that the code stands for, None where it breaks the rules."""
        ...
