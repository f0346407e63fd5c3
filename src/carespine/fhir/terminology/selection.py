"""ValueSet.compose evaluated: includes, excludes, imports and filters to the codes that are in the value set."""

from __future__ import annotations

from dataclasses import dataclass, field

from carespine.fhir.terminology import filters, masks
from carespine.fhir.terminology.grammars import UCUM
from carespine.fhir.terminology.library import Library, canonical
from carespine.fhir.terminology.models import Tree
from carespine.fhir.terminology.segments import Chosen, Codes, Listed, Open, Segment, concepts_of, is_listed
from carespine.fhir.terminology.system import Grammar, System
from carespine.fhir.terminology.values import designations, split_canonical
from carespine.kernel.errors import Issue, Unprocessable

# Ours: value sets that import value sets, deeper than any that is published.
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of code systems and value sets that a request asks for: URL -> version.

    `default` where a value set names none, `force` in any case, `check` to refuse another one.
    """

    default: dict[str, str] = field(default_factory=dict)
    force: dict[str, str] = field(default_factory=dict)
    check: dict[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """The same text for the same versions."""
        return "" if self == NO_VERSIONS else repr(self)

    def of(self, url: str, named: str | None) -> str | None:
        """The version to use; raises Unprocessable where it is not the one to be checked."""
        version = self.force.get(url) or named or self.default.get(url) or self.check.get(url)
        if url in self.check and version != self.check[url]:
            raise Unprocessable(
                f"The value set uses {url} {version}; version {self.check[url]} was asked for."
            )
        return version


NO_VERSIONS = Versions()


@dataclass(frozen=True, slots=True)
class Selection:
    """The codes of a value set: each system's codes occur in one segment at most once.

    `unknown` are code systems that nothing is known of; `used` are the canonicals of what was used, each with its kind:
    `codesystem` or `valueset`.
    """

    segments: tuple[Segment, ...]
    unknown: frozenset[str] = frozenset()
    used: tuple[tuple[str, str], ...] = ()

    def of(self, url: str) -> list[Segment]:
        return [segment for segment in self.segments if segment.url == url]

    async def has(self, url: str, code: str) -> bool:
        for segment in self.segments:
            if segment.url == url and await segment.has(code):
                return True
        return False


async def select(library: Library, value_set: Tree, versions: Versions = NO_VERSIONS) -> Selection:
    """Evaluate a value set. Raises Unprocessable where it imports what is not known, itself, or cannot be read."""
    return await _Selecting(library, versions).select(value_set)


class _Selecting:
    def __init__(self, library: Library, versions: Versions) -> None:
        self._library, self._versions = library, versions
        self._inside: list[str] = []
        self._unknown: set[str] = set()
        self._used: dict[tuple[str, str], None] = {}

    async def select(self, value_set: Tree) -> Selection:
        segments = await self._segments(value_set)
        return Selection(tuple(segments), frozenset(self._unknown), tuple(self._used))

    async def _segments(self, value_set: Tree) -> list[Segment]:
        compose = value_set.get("compose")
        if compose is None:
            return _expanded(value_set)
        excluded = [part for item in compose.get("exclude", ()) for part in await self._part(item)]
        found: list[Segment] = []
        for item in compose.get("include", ()):
            for part in await self._part(item):
                gone = [other for other in (*excluded, *found) if other.url == part.url]
                found.append(await part.less(gone) if gone else part)
        if compose.get("inactive") is False:
            found = [await part.active() for part in found]
        return found

    async def _part(self, item: Tree) -> list[Segment]:
        imported = [await self._imported(url) for url in item.get("valueSet", ())]
        parts: list[Segment]
        if "system" in item:
            if item["system"] in self._versions.without:
                return []
            part = await self._of_system(item)
            parts = [part] if part is not None else []
        elif imported:
            parts, imported = imported[0], imported[1:]
        else:
            raise Unprocessable("An include or exclude of a value set needs a system or a value set (vsd-1).")
        for others in imported:
            parts = [await part.within([o for o in others if o.url == part.url]) for part in parts]
        return parts

    async def _imported(self, text: str) -> list[Segment]:
        url, version = split_canonical(text)
        if url in self._inside or len(self._inside) > _DEEPEST:
            raise Unprocessable(f"The value set {url} includes itself.")
        version = self._versions.of(url, version)
        tree = await self._library.value_set(url, version)
        if tree is None:
            raise unknown_value_set(text)
        self._used[f"{url}|{tree['version']}" if "version" in tree else url, "valueset"] = None
        self._inside.append(url)
        try:
            return await self._segments(tree)
        finally:
            self._inside.pop()

    async def _of_system(self, item: Tree) -> Segment | None:
        url, named = canonical(item["system"], item.get("version"))
        version = self._versions.of(url, named)
        system = await self._library.system(url, version)
        if system is not None:
            self._used[system.about.canonical, "codesystem"] = None
            version = system.about.version or version
        if "concept" in item:
            return await self._listed(item, url, version, system)
        if system is None or (is_listed(system) and system.about.content == "not-present"):
            self._unknown.add(f"{url}|{version}" if version else url)
            return None
        if not is_listed(system):
            units = tuple(_canonical_unit(url, one) for one in item.get("filter", ()))
            return Open(url, version, system, units=units)
        mask = masks.every(system.size)
        for one in item.get("filter", ()):
            mask &= await filters.matching(system, one)
        return Chosen(url, version, system, mask)

    async def _listed(
        self, item: Tree, url: str, version: str | None, system: System | Grammar | None
    ) -> Codes:
        """The codes an include lists; of a system that is known whole, those that it has."""
        listed = {
            concept["code"]: Listed(concept.get("display"), designations(concept.get("designation", [])))
            for concept in item["concept"]
        }
        found = Codes(url, version, system, listed)
        if system is not None and system.about.is_whole:
            return found.only(set(await concepts_of(system, list(listed))))
        return found


def _canonical_unit(url: str, filter: Tree) -> str:
    """R4 ucum.html: the one filter of a grammar is for units of measure, `canonical = mg`."""
    if url == UCUM and filter["property"] == "canonical" and filter["op"] == "=":
        return str(filter["value"])
    raise Unprocessable(f"{url} has no property {filter['property'][:60]!r} that a filter could ask for.")


def unknown_value_set(url: str) -> Unprocessable:
    """The refusal of a value set that imports one that is not here."""
    message = f"The value set {url[:200]} is not known here."
    return Unprocessable(message, issues=[Issue("not-found", message)])


def _expanded(value_set: Tree) -> list[Segment]:
    """Of a value set that has no definition but an expansion: what that lists."""
    found: dict[tuple[str, str | None], dict[str, Listed]] = {}
    waiting = list(reversed(value_set.get("expansion", {}).get("contains", ())))
    while waiting:
        item = waiting.pop()
        waiting += reversed(item.get("contains", ()))
        if "code" in item and not item.get("abstract"):
            codes = found.setdefault((item.get("system", ""), item.get("version")), {})
            codes[item["code"]] = Listed(item.get("display"), designations(item.get("designation", [])))
    return [Codes(url, version, None, codes) for (url, version), codes in found.items()]
