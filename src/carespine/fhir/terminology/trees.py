"""A library of resources in memory (a package, files, tests), with R4's own behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carespine.fhir.terminology import reading
from carespine.fhir.terminology.library import Library, R4Library
from carespine.fhir.terminology.models import Tree
from carespine.fhir.terminology.system import Grammar, System


class TreesLibrary:
    """CodeSystems, ValueSets and ConceptMaps by URL and version; of several the last one given is the latest."""

    def __init__(self, trees: Iterable[Tree], behind: Library | None = None) -> None:
        self._trees = [tree for tree in trees if "url" in tree]
        self._behind: Library = behind or R4Library()
        self._systems: dict[int, System] = {}

    def _find(self, kind: str, url: str, version: str | None) -> Tree | None:
        for tree in reversed(self._trees):
            if tree["resourceType"] == kind and tree["url"] == url and version in (None, tree.get("version")):
                return tree
        return None

    async def system(self, url: str, version: str | None = None) -> System | Grammar | None:
        tree = self._find("CodeSystem", url, version)
        if tree is None or tree.get("content") == "supplement":
            return await self._behind.system(url, version)
        if id(tree) not in self._systems:
            self._systems[id(tree)] = reading.system(tree)
        return self._systems[id(tree)]

    async def value_set(self, url: str, version: str | None = None) -> Tree | None:
        return self._find("ValueSet", url, version) or await self._behind.value_set(url, version)

    async def concept_map(self, url: str, version: str | None = None) -> Tree | None:
        return self._find("ConceptMap", url, version) or await self._behind.concept_map(url, version)

    async def concept_maps(self) -> Sequence[Tree]:
        own = [tree for tree in self._trees if tree["resourceType"] == "ConceptMap"]
        return [*own, *await self._behind.concept_maps()]

    def read(self, tree: Tree) -> System:
        return reading.system(tree)
