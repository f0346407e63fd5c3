"""A code system as packed sets, ready to be stored: what `memory` makes when asked, made for all concepts at once."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from carespine.fhir.terminology import masks, words
from carespine.fhir.terminology.memory import texts_of
from carespine.fhir.terminology.models import Concept, Ords
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
from carespine.fhir.terminology.values import value_text
from carespine.kernel.errors import Unprocessable

Places = defaultdict[str, "array[int]"]
# A word longer than this is found by its beginning.
_LONGEST_WORD = 100


@dataclass(frozen=True, slots=True)
class PackedSet:
    """One set of concepts: its kind and name (see `system`), and its bytes (see `masks`)."""

    kind: str
    name: str
    content: bytes


class Columns:
    """The sets of concepts in the order given; their codes are unique. `refsets` are codes by reference set."""

    def __init__(self, concepts: Sequence[Concept], refsets: Mapping[str, Sequence[str]]) -> None:
        self._concepts, self._refsets = concepts, refsets
        self._place = {concept.code: place for place, concept in enumerate(concepts)}
        self._parents = [
            [self._place[code] for code in concept.parents if code in self._place] for concept in concepts
        ]
        self._above = self._ancestors()

    def ancestors(self, place: int) -> bytes:
        """The packed ancestors of a concept."""
        return masks.pack(np.sort(self._above[place]), len(self._concepts))

    def sets(self) -> Iterator[PackedSet]:
        """Every set that has a member."""
        yield from self._packed(WORD, found := self._words())
        yield from self._packed(STEM, _stems(found))
        yield from self._packed(CHILD, self._children())
        yield from self._packed(MARK, self._marks())
        values, having = self._properties()
        yield from self._packed(PROPERTY, values)
        yield from self._packed(HAS, having)
        yield from self._packed(REFSET, self._members())
        yield from self._below()

    def _packed(self, kind: str, places: Mapping[str, array[int]]) -> Iterator[PackedSet]:
        for name, found in places.items():
            ords = np.unique(np.array(found, dtype=np.int32))
            if len(ords):
                yield PackedSet(kind, name, masks.pack(ords, len(self._concepts)))

    def _words(self) -> Places:
        found = _places()
        for place, concept in enumerate(self._concepts):
            for word in words.of_texts(texts_of(concept)):
                found[word[:_LONGEST_WORD]].append(place)
        return found

    def _children(self) -> Places:
        found = _places()
        for place, concept in enumerate(self._concepts):
            for parent in concept.parents:
                found[parent].append(place)
        return found

    def _marks(self) -> Places:
        found = _places()
        for place, concept in enumerate(self._concepts):
            for mark, holds in (
                (INACTIVE, concept.inactive),
                (ABSTRACT, concept.abstract),
                (ROOT, not concept.parents),
            ):
                if holds:
                    found[mark].append(place)
        return found

    def _properties(self) -> tuple[Places, Places]:
        values, having = _places(), _places()
        for place, concept in enumerate(self._concepts):
            for item in concept.properties:
                values[property_name(item["code"], value_text(item))].append(place)
                having[item["code"]].append(place)
        return values, having

    def _members(self) -> Places:
        found = _places()
        for refset, codes in self._refsets.items():
            found[refset].extend(self._place[code] for code in codes if code in self._place)
        return found

    def _ancestors(self) -> list[Ords]:
        """Of each concept, by going down from the roots; raises Unprocessable for a hierarchy that is a circle."""
        children: list[list[int]] = [[] for _ in self._concepts]
        waits = [len(parents) for parents in self._parents]
        for place, parents in enumerate(self._parents):
            for parent in parents:
                children[parent].append(place)
        nothing = masks.array(())
        above: list[Ords] = [nothing] * len(self._concepts)
        ready = [place for place, count in enumerate(waits) if not count]
        done = 0
        while ready:
            place = ready.pop()
            done += 1
            above[place] = _joined(above, self._parents[place])
            for child in children[place]:
                waits[child] -= 1
                if not waits[child]:
                    ready.append(child)
        if done < len(self._concepts):
            stuck = next(place for place, count in enumerate(waits) if count)
            raise Unprocessable(f"The hierarchy goes in a circle at {self._concepts[stuck].code}.")
        return above

    def _below(self) -> Iterator[PackedSet]:
        """The descendants of each concept that has some: the pairs of `_above`, sorted the other way round."""
        lengths = np.array([len(above) for above in self._above], dtype=np.int64)
        if not lengths.sum():
            return
        ancestors = np.concatenate(self._above)
        descendants = np.repeat(np.arange(len(self._above), dtype=np.int32), lengths)
        descendants = descendants[np.argsort(ancestors, kind="stable")]
        counts = np.bincount(ancestors, minlength=len(self._above))
        ends = np.cumsum(counts)
        for place in map(int, np.flatnonzero(counts)):
            ords = descendants[ends[place] - counts[place] : ends[place]]
            yield PackedSet(BELOW, self._concepts[place].code, masks.pack(ords, len(self._concepts)))


def _places() -> Places:
    return defaultdict(lambda: array("i"))


def _stems(found: Places) -> Places:
    stems = _places()
    for word, places in found.items():
        for stem in words.stems([word]):
            stems[stem].extend(places)
    return stems


def _joined(above: list[Ords], parents: list[int]) -> Ords:
    if not parents:
        return above[0][:0]
    if len(parents) == 1:
        return np.append(above[parents[0]], np.int32(parents[0]))
    return np.unique(np.concatenate([masks.array(parents), *(above[parent] for parent in parents)]))
