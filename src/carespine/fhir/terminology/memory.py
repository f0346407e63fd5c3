"""A code system in memory, made from a CodeSystem resource. What is seldom asked is made when it first is."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from carespine.fhir.fhirpath import patterns
from carespine.fhir.terminology import masks, words
from carespine.fhir.terminology.models import Concept, Described, Ords
from carespine.fhir.terminology.system import (
    ABSTRACT,
    BELOW,
    CHILD,
    HAS,
    INACTIVE,
    MARK,
    PROPERTY,
    REFSET,
    ROOT,
    STEM,
    WORD,
    property_name,
)
from carespine.fhir.terminology.values import safe_pattern, value_text

_NO_ORDS = masks.array(())
Places = dict[str, list[int]]


class MemorySystem:
    """Concepts in the order in which the resource lists them; a repeated code counts once."""

    def __init__(
        self,
        about: Described,
        concepts: Iterable[Concept],
        refsets: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.about, self._refsets = about, refsets or {}
        unique: dict[str, Concept] = {}
        for concept in concepts:
            unique.setdefault(concept.code, concept)
        self._concepts = list(unique.values())
        self._place = {code: place for place, code in enumerate(unique)}
        self._folded = {} if about.case_sensitive else {c.casefold(): p for c, p in self._place.items()}
        self._made: dict[str, dict[str, Ords]] = {}
        self._below: dict[str, Ords] = {}

    @property
    def size(self) -> int:
        return len(self._concepts)

    def find(self, code: str) -> Concept | None:
        place = self.place(code)
        return None if place is None else self._concepts[place]

    def place(self, code: str) -> int | None:
        found = self._place.get(code)
        return self._folded.get(code.casefold()) if found is None and self._folded else found

    async def locate(self, codes: Sequence[str]) -> dict[str, int]:
        found = ((code, self.place(code)) for code in codes)
        return {code: place for code, place in found if place is not None}

    async def concepts(self, ords: Sequence[int]) -> list[Concept]:
        return [self._concepts[place] for place in ords]

    async def sets(self, kind: str, names: Sequence[str]) -> dict[str, Ords]:
        if kind == BELOW:
            return {name: self._descendants(name) for name in names if name in self._place}
        made = self._of_kind(kind)
        return {name: made[name] for name in names if name in made}

    async def sets_from(self, kind: str, beginning: str) -> dict[str, Ords]:
        made = self._of_kind(kind)
        if kind != WORD:
            return {name: ords for name, ords in made.items() if name.startswith(beginning)}
        listed = self._sorted_words
        start, found = bisect_left(listed, beginning), {}
        while start < len(listed) and listed[start].startswith(beginning):
            found[listed[start]] = made[listed[start]]
            start += 1
        return found

    async def ancestors(self, ord: int) -> Ords:
        seen: set[int] = set()
        waiting = [ord]
        while waiting:
            above = [self._place[code] for code in self._parents[waiting.pop()] if code in self._place]
            waiting += [place for place in above if place not in seen]
            seen.update(above)
        return masks.array(sorted(seen - {ord}))

    async def ancestors_of(self, ords: Sequence[int]) -> list[Ords]:
        return [await self.ancestors(place) for place in ords]

    async def codes_like(self, pattern: str, *, display: bool) -> Ords:
        matches = patterns.compiled(safe_pattern(pattern)).fullmatch
        texts = ((place, item.display if display else item.code) for place, item in enumerate(self._concepts))
        return masks.array(place for place, text in texts if text is not None and matches(text))

    @cached_property
    def _parents(self) -> list[tuple[str, ...]]:
        return [concept.parents for concept in self._concepts]

    @cached_property
    def _sorted_words(self) -> list[str]:
        return sorted(self._of_kind(WORD))

    def _descendants(self, code: str) -> Ords:
        if code not in self._below:
            children = self._of_kind(CHILD)
            seen: set[int] = set()
            waiting = [code]
            while waiting:
                below = [int(place) for place in children.get(waiting.pop(), _NO_ORDS)]
                waiting += [self._concepts[place].code for place in below if place not in seen]
                seen.update(below)
            self._below[code] = masks.array(sorted(seen - {self._place[code]}))
        return self._below[code]

    def _of_kind(self, kind: str) -> dict[str, Ords]:
        if kind not in self._made:
            makers = {CHILD: self._children, MARK: self._marks, HAS: self._having, PROPERTY: self._values}
            makers |= {WORD: self._words, STEM: self._stems, REFSET: self._members}
            places = makers[kind]() if kind in makers else {}
            self._made[kind] = {
                name: masks.array(sorted(set(found))) for name, found in places.items() if found
            }
        return self._made[kind]

    def _children(self) -> Places:
        found: Places = defaultdict(list)
        for place, parents in enumerate(self._parents):
            for parent in parents:
                found[parent].append(place)
        return found

    def _marks(self) -> Places:
        return {
            INACTIVE: [place for place, concept in enumerate(self._concepts) if concept.inactive],
            ABSTRACT: [place for place, concept in enumerate(self._concepts) if concept.abstract],
            ROOT: [place for place, concept in enumerate(self._concepts) if not concept.parents],
        }

    def _having(self) -> Places:
        found: Places = defaultdict(list)
        for place, concept in enumerate(self._concepts):
            for item in concept.properties:
                found[item["code"]].append(place)
        return found

    def _values(self) -> Places:
        found: Places = defaultdict(list)
        for place, concept in enumerate(self._concepts):
            for item in concept.properties:
                found[property_name(item["code"], value_text(item))].append(place)
        return found

    def _members(self) -> Places:
        known = self._place
        return {
            name: [known[code] for code in codes if code in known] for name, codes in self._refsets.items()
        }

    def _words(self) -> Places:
        found: Places = defaultdict(list)
        for place, concept in enumerate(self._concepts):
            for word in words.of_texts(texts_of(concept)):
                found[word].append(place)
        return found

    def _stems(self) -> Places:
        found: Places = defaultdict(list)
        for place, concept in enumerate(self._concepts):
            for stem in words.stems(words.of_texts(texts_of(concept))):
                found[stem].append(place)
        return found


def texts_of(concept: Concept) -> list[str | None]:
    """What a concept is found by."""
    return [concept.display, *(designation.value for designation in concept.designations)]
