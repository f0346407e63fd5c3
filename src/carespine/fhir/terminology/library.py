"""Where code systems, value sets and concept maps are found: R4's own here, a server's in front of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from carespine.fhir import conformance
from carespine.fhir.terminology import grammars, implicit, reading, registers
from carespine.fhir.terminology.models import Tree
from carespine.fhir.terminology.system import Grammar, System
from carespine.fhir.terminology.values import split_canonical

# Ours: R4's code systems kept ready; the largest holds about a thousand concepts.
_KEPT = 512


class Library(Protocol):
    """Finds by canonical URL; a version of None is the latest."""

    async def system(self, url: str, version: str | None = None) -> System | Grammar | None: ...

    async def value_set(self, url: str, version: str | None = None) -> Tree | None: ...

    async def concept_map(self, url: str, version: str | None = None) -> Tree | None: ...

    async def concept_maps(self) -> Sequence[Tree]:
        """Every concept map that is known, for a translation that names none."""
        ...

    def read(self, tree: Tree) -> System:
        """The code system that a CodeSystem resource is."""
        ...


class R4Library:
    """What R4 4.0.1 publishes, the grammars, and the short registers."""

    async def system(self, url: str, version: str | None = None) -> System | Grammar | None:
        if url in grammars.GRAMMARS:
            return grammars.GRAMMARS[url] if version is None else None
        if url in registers.URLS:
            return registers.system(url) if version is None else None
        return _code_system(url, version)

    async def value_set(self, url: str, version: str | None = None) -> Tree | None:
        found = _read("ValueSet", url, version) or implicit.value_set(url)
        if found is None and (system := await self.system(url.removesuffix("?vs"), version)) is not None:
            return _whole(url, system.about.url) if url.endswith("?vs") else None
        return found

    async def concept_map(self, url: str, version: str | None = None) -> Tree | None:
        return _read("ConceptMap", url, version)

    async def concept_maps(self) -> Sequence[Tree]:
        return [tree for url in conformance.urls("ConceptMap") if (tree := _read("ConceptMap", url, None))]

    def read(self, tree: Tree) -> System:
        return reading.system(tree)


def _whole(url: str, system: str) -> Tree:
    """The implicit value set of all codes of a system."""
    return {
        "resourceType": "ValueSet",
        "url": url,
        "status": "active",
        "compose": {"include": [{"system": system}]},
    }


@lru_cache(maxsize=_KEPT)
def _code_system(url: str, version: str | None) -> System | None:
    tree = _read("CodeSystem", url, version)
    return None if tree is None or tree.get("content") == "supplement" else reading.system(tree)


@lru_cache(maxsize=_KEPT)
def _read(kind: str, url: str, version: str | None) -> Tree | None:
    return conformance.read(kind, f"{url}|{version}" if version else url)


def canonical(text: str, version: str | None) -> tuple[str, str | None]:
    """URL and version, of a canonical that may name its version and a version that may stand beside it."""
    url, named = split_canonical(text)
    return url, named or version
