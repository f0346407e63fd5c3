"""The pieces of an evaluated value set: codes in the order listed, sets of a system's concepts, whole grammars."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from carespine.fhir.fhirpath import ucum
from carespine.fhir.terminology import masks
from carespine.fhir.terminology.models import Concept, Designation, Mask
from carespine.fhir.terminology.system import ABSTRACT, INACTIVE, MARK, Grammar, System

if TYPE_CHECKING:
    from typing_extensions import TypeIs


@dataclass(frozen=True, slots=True)
class Listed:
    """A code as a value set lists it, with the display and designations it gives it there."""

    display: str | None = None
    designations: tuple[Designation, ...] = ()


@dataclass(slots=True)
class Codes:
    """Codes listed one by one. `system` is None where nothing more is known of them."""

    url: str
    version: str | None
    system: System | Grammar | None
    listed: dict[str, Listed]

    async def has(self, code: str) -> bool:
        if code in self.listed:
            return True
        if self.system is None or self.system.about.case_sensitive:
            return False
        return code.casefold() in {listed.casefold() for listed in self.listed}

    async def mask(self, system: System) -> Mask:
        return masks.of(system.size, masks.array((await system.locate(list(self.listed))).values()))

    async def less(self, others: list[Segment]) -> Codes:
        return await self._kept(others, inside=False)

    async def within(self, others: list[Segment]) -> Codes:
        return await self._kept(others, inside=True)

    async def _kept(self, others: list[Segment], *, inside: bool) -> Codes:
        kept = {code: item for code, item in self.listed.items() if (await _any_has(others, code)) == inside}
        return Codes(self.url, self.version, self.system, kept)

    async def active(self) -> Codes:
        return self.only({code for code, concept in (await self._known()).items() if not concept.inactive})

    def only(self, codes: set[str]) -> Codes:
        kept = {code: item for code, item in self.listed.items() if code in codes}
        return Codes(self.url, self.version, self.system, kept)

    async def _known(self) -> dict[str, Concept]:
        found = await concepts_of(self.system, list(self.listed))
        return {code: found.get(code) or Concept(code) for code in self.listed}


@dataclass(slots=True)
class Chosen:
    """Concepts of a system that is listed somewhere."""

    url: str
    version: str | None
    system: System
    chosen: Mask

    async def has(self, code: str) -> bool:
        return any(self.chosen[place] for place in (await self.system.locate([code])).values())

    async def mask(self, system: System) -> Mask:
        if system is self.system or (system.about == self.system.about and system.size == self.system.size):
            return self.chosen
        concepts = await self.system.concepts([int(place) for place in masks.ords(self.chosen)])
        places = (await system.locate([concept.code for concept in concepts])).values()
        return masks.of(system.size, masks.array(places))

    async def less(self, others: list[Segment]) -> Chosen:
        return self.but(self.chosen & ~await self._union(others))

    async def within(self, others: list[Segment]) -> Chosen:
        return self.but(self.chosen & await self._union(others))

    async def active(self) -> Chosen:
        inactive = await self.system.sets(MARK, [INACTIVE])
        return self.but(self.chosen & ~masks.of(self.system.size, *inactive.values()))

    def but(self, mask: Mask) -> Chosen:
        return Chosen(self.url, self.version, self.system, mask)

    async def _union(self, others: list[Segment]) -> Mask:
        mask = masks.none(self.system.size)
        for other in others:
            mask |= await other.mask(self.system)
        return mask

    async def abstract(self) -> Mask:
        return masks.of(self.system.size, *(await self.system.sets(MARK, [ABSTRACT])).values())


@dataclass(slots=True)
class Open:
    """Every code that a grammar allows, less some; `limits` are what it was intersected with.

    `units` are units of measure that a code has to be comparable with.
    """

    url: str
    version: str | None
    system: Grammar
    without: list[Segment] = field(default_factory=list)
    limits: list[list[Segment]] = field(default_factory=list)
    units: tuple[str, ...] = ()

    async def has(self, code: str) -> bool:
        if self.system.concept(code) is None or await _any_has(self.without, code):
            return False
        if not all(ucum.are_comparable(code, unit) for unit in self.units):
            return False
        return all([await _any_has(limit, code) for limit in self.limits])

    async def mask(self, system: System) -> Mask:
        return masks.every(system.size)

    async def less(self, others: list[Segment]) -> Open:
        return Open(self.url, self.version, self.system, [*self.without, *others], self.limits, self.units)

    async def within(self, others: list[Segment]) -> Segment:
        codes = [other for other in others if isinstance(other, Codes)]
        if len(codes) == len(others):
            listed = {code: item for each in codes for code, item in each.listed.items()}
            found = Codes(self.url, self.version, self.system, listed)
            return found.only({code for code in listed if await self.has(code)})
        return Open(self.url, self.version, self.system, self.without, [*self.limits, others], self.units)

    async def active(self) -> Open:
        return self


Segment = Codes | Chosen | Open


async def _any_has(segments: list[Segment], code: str) -> bool:
    for segment in segments:
        if await segment.has(code):
            return True
    return False


async def concepts_of(system: System | Grammar | None, codes: list[str]) -> dict[str, Concept]:
    """The concepts of codes in a system, of those that it has."""
    if system is None:
        return {}
    if is_listed(system):
        places = await system.locate(codes)
        found = await system.concepts(list(places.values()))
        return dict(zip(places, found, strict=True))
    return {code: concept for code in codes if (concept := system.concept(code)) is not None}


def is_listed(system: System | Grammar | None) -> TypeIs[System]:
    """Whether the system has listed concepts."""
    return system is not None and system.about.content != "grammar"
