"""The nouns of terminology: a concept, its designations, and the sets of concepts that everything is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

# Positions of concepts within their system, ascending.
Ords = npt.NDArray[np.int32]
# One truth for each concept of a system.
Mask = npt.NDArray[np.bool_]
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Designation:
    """Another text for a concept; `use` is a Coding."""

    value: str
    language: str | None = None
    use: Tree | None = None


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of a code system. `properties` are as in CodeSystem.concept.property; `parents` are codes."""

    code: str
    display: str | None = None
    definition: str | None = None
    designations: tuple[Designation, ...] = ()
    properties: tuple[Tree, ...] = ()
    parents: tuple[str, ...] = ()
    inactive: bool = False
    abstract: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """What is known of a code system as a whole: the CodeSystem resource without its concepts."""

    url: str
    version: str | None = None
    name: str | None = None
    language: str | None = None
    case_sensitive: bool = True
    # complete, fragment, example, not-present or supplement, as in R4; `grammar` where codes are made by rules.
    content: str = "complete"
    # Code -> its meaning, where the system declares properties.
    properties: dict[str, str] = field(default_factory=dict)
    # Whether expansions show the hierarchy: not for releases whose concepts have several parents each.
    nested: bool = False

    @property
    def canonical(self) -> str:
        return f"{self.url}|{self.version}" if self.version else self.url

    @property
    def is_whole(self) -> bool:
        """Whether a code that is not found is no code of the system."""
        return self.content in ("complete", "grammar")
