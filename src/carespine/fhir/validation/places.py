"""Where in a resource something is: a chain of small tuples, made into FHIRPath only when a message needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

# (the place around it, what it is, its position in a list or None)
Place: TypeAlias = "tuple[Any, Spot, int | None]"


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """An element as it is met: `owner` is the type that declares it (`Patient.contact`), `type` what it holds."""

    label: str
    name: str
    owner: str
    type: str
    choice: bool = False

    @property
    def element(self) -> str:
        """Its name as definitions write it: `value[x]`."""
        return f"{self.name}[x]" if self.choice else self.name


def root(type_name: str) -> Place:
    """The place of a resource that is looked at by itself."""
    return (None, Spot(type_name, type_name, "", type_name), None)


def spot(owner: str, name: str, type_name: str, *, choice: bool = False) -> Spot:
    """The spot of an element of `owner`."""
    label = f"{name}.ofType({type_name})" if choice else name
    return Spot(label, name, owner, type_name, choice)


def text(place: Place) -> str:
    """The place as FHIRPath: `Patient.name[0].given[1]`."""
    parts: list[str] = []
    here: Any = place
    while here is not None:
        outer, what, position = here
        parts.append(what.label if position is None else f"{what.label}[{position}]")
        here = outer
    return ".".join(reversed(parts))


def definition_paths(place: Place) -> set[str]:
    """The paths by which definitions may name the place: `Patient.contact.name`, `HumanName`, ..."""
    outer, what, _ = place
    paths = {what.type}
    if outer is None:
        return paths
    paths.add(f"{what.owner}.{what.element}")
    names: list[str] = []
    here: Any = place
    while here is not None:
        before, what, _ = here
        resource = before is None or (what.name in ("contained", "resource") and what.type[:1].isupper())
        names.append(what.type if resource else what.element)
        if resource:
            break
        here = before
    paths.add(".".join(reversed(names)))
    return paths
