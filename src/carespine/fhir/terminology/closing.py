"""ConceptMap/$closure: what a client's growing table of concepts gains by new ones (R4 terminology-service.html)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from carespine.fhir.terminology.library import Library
from carespine.fhir.terminology.models import Tree
from carespine.fhir.terminology.segments import concepts_of, is_listed
from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import Invalid, Unprocessable

# Pairs (code, code that subsumes it) of one code system.
Pairs = list[tuple[str, str]]


async def gained(library: Library, known: Iterable[tuple[str, str]], new: Sequence[Tree]) -> dict[str, Pairs]:
    """The subsumptions that new codings bring, among themselves and with the (system, code) known already.

    Raises Invalid for a coding without system or code, Unprocessable for one that no system here has.
    """
    codes_of: dict[str, set[str]] = defaultdict(set)
    for url, code in known:
        codes_of[url].add(code)
    fresh: dict[str, set[str]] = defaultdict(set)
    for coding in new:
        if "system" not in coding or "code" not in coding:
            raise Invalid("A concept of a closure table needs system and code.")
        fresh[coding["system"]].add(coding["code"])
    found: dict[str, Pairs] = {}
    for url, codes in fresh.items():
        found[url] = await _pairs(library, url, codes - codes_of[url], codes_of[url] | codes)
    return {url: pairs for url, pairs in found.items() if pairs}


async def _pairs(library: Library, url: str, fresh: set[str], every: set[str]) -> Pairs:
    system = await library.system(url)
    if system is None or system.about.content == "not-present":
        raise Unprocessable(f"The code system {url} is not known here.")
    if missing := sorted(fresh - set(await concepts_of(system, sorted(fresh)))):
        raise Unprocessable(f"The code {missing[0][:60]!r} is not a code of {system.about.canonical}.")
    if not is_listed(system):
        return []
    places = await system.locate(sorted(every))
    code_at = {place: code for code, place in places.items()}
    pairs: Pairs = []
    ordered = sorted(every & places.keys())
    ancestors = await system.ancestors_of([places[code] for code in ordered])
    for code, all_above in zip(ordered, ancestors, strict=True):
        for above in all_above:
            other = code_at.get(int(above))
            if other is not None and (code in fresh or other in fresh):
                pairs.append((code, other))
    return pairs


def concept_map(name: str, version: int, groups: Iterable[tuple[str, Pairs]], *, now: datetime) -> Tree:
    """What $closure returns: each code with those that subsume it."""
    merged: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for url, pairs in groups:
        for code, above in pairs:
            merged[url][code].append(above)
    tree: Tree = {
        "resourceType": "ConceptMap",
        "name": name,
        "version": str(version),
        "status": "active",
        "experimental": True,
        "date": fhir_instant(now),
    }
    if merged:
        tree["group"] = [
            {
                "source": url,
                "target": url,
                "element": [
                    {
                        "code": code,
                        "target": [{"code": above, "equivalence": "subsumes"} for above in sorted(all_above)],
                    }
                    for code, all_above in elements.items()
                ],
            }
            for url, elements in merged.items()
        ]
    return tree
