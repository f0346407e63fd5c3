"""SNOMED CT: the Snapshot of a release in RF2 (concepts, descriptions, relationships, language and simple refsets)."""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from carespine.fhir.terminology.filters import SNOMED
from carespine.fhir.terminology.models import Concept, Described, Designation, Tree
from carespine.fhir.terminology.releases.files import Progress, Release, Source, in_order
from carespine.kernel.errors import Invalid

# SNOMED CT Release File Specifications 4.2 (file formats); the identifiers are SNOMED CT's own.
_CONCEPTS = r"x?sct2_Concept_(?:\w+)?Snapshot_.*\.txt"
_DESCRIPTIONS = r"x?sct2_Description_(?:\w+)?Snapshot-.*\.txt"
_RELATIONSHIPS = r"x?sct2_Relationship_(?:\w+)?Snapshot_.*\.txt"
_LANGUAGES = r"x?der2_cRefset_Language(?:\w+)?Snapshot-.*\.txt"
_SIMPLE = r"x?der2_Refset_(?:\w*)Simple(?:\w*)Snapshot_.*\.txt"
_IS_A = "116680003"
_FULLY_SPECIFIED, _SYNONYM = "900000000000003001", "900000000000013009"
_STATED = "900000000000010007"
_DEFINED = "900000000000073002"
_PREFERRED = "900000000000548007"
# Great Britain English, then US English: whose preferred term is the display where both have one.
_DIALECTS = ("900000000000508004", "900000000000509007")
_CORE, _MODEL = "900000000000207008", "900000000000012004"
_DATE = re.compile(r"_(\d{8})\.txt$")
_USES = {
    _FULLY_SPECIFIED: {"system": SNOMED, "code": _FULLY_SPECIFIED, "display": "Fully specified name"},
    _SYNONYM: {"system": SNOMED, "code": _SYNONYM, "display": "Synonym"},
}
# R4 snomedct.html#props: the properties that every concept has.
_PROPERTIES = {
    "inactive": "Whether the concept is inactive",
    "sufficientlyDefined": "Whether the definition is sufficient to tell the concept from others",
    "moduleId": "The module that the concept is maintained in",
    "effectiveTime": "When the concept was last changed",
}


def recognises(source: Source) -> bool:
    return bool(source.matching(_CONCEPTS))


def read(source: Source, *, version: str | None, progress: Progress) -> Release:
    """The release. Its version is the edition's URI, from its modules and the date in its files' names."""
    rows = _rows(
        source, _CONCEPTS, ("id", "effectiveTime", "active", "moduleId", "definitionStatusId"), progress
    )
    concepts = {sys.intern(row[0]): row for row in rows}
    terms = _terms(source, progress)
    preferred = _preferred(source, progress)
    parents, attributes = _relationships(source, progress)
    kinds = {kind for pairs in attributes.values() for kind, _ in pairs}
    modules = Counter(row[3] for row in concepts.values())
    # What has been made into a concept is let go: a release of a million takes gigabytes otherwise.
    found = [
        _concept(
            code,
            concepts[code],
            terms.pop(code, []),
            preferred,
            parents.pop(code, ()),
            attributes.pop(code, ()),
        )
        for code in concepts
    ]
    names = {concept.code: concept.display or "" for concept in found if concept.code in kinds}
    about = Described(
        SNOMED,
        version or _version(source, modules),
        "SNOMED CT",
        properties={**_PROPERTIES, **names},
    )
    return Release(about, in_order(found), _members(source, progress))


def _rows(source: Source, pattern: str, columns: tuple[str, ...], progress: Progress) -> Iterator[list[str]]:
    names = source.matching(pattern)
    if not names:
        raise Invalid(f"{source.path} has no file like {pattern}: it is no whole RF2 Snapshot.")
    return (row for name in names for row in source.rows(name, columns, progress))


def _terms(source: Source, progress: Progress) -> dict[str, list[tuple[str, str, str, str]]]:
    columns = ("id", "active", "conceptId", "languageCode", "typeId", "term")
    found: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    for number, active, concept, language, kind, term in _rows(source, _DESCRIPTIONS, columns, progress):
        if active == "1" and kind in _USES:
            found[concept].append((number, sys.intern(kind), sys.intern(language), term))
    return found


def _preferred(source: Source, progress: Progress) -> dict[str, int]:
    """Description -> how much its dialect is wanted (0 most), of those that are preferred in some dialect."""
    found: dict[str, int] = {}
    columns = ("active", "refsetId", "referencedComponentId", "acceptabilityId")
    for name in source.matching(_LANGUAGES):
        for active, refset, description, acceptability in source.rows(name, columns, progress):
            if active == "1" and acceptability == _PREFERRED:
                rank = _DIALECTS.index(refset) if refset in _DIALECTS else len(_DIALECTS)
                found[description] = min(rank, found.get(description, rank))
    return found


def _relationships(
    source: Source, progress: Progress
) -> tuple[dict[str, list[str]], dict[str, list[tuple[str, str]]]]:
    """Parents, and (attribute, value), of each concept: what is inferred and active."""
    columns = ("active", "sourceId", "destinationId", "typeId", "characteristicTypeId")
    parents: dict[str, list[str]] = defaultdict(list)
    attributes: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for active, concept, target, kind, how in _rows(source, _RELATIONSHIPS, columns, progress):
        if active != "1" or how == _STATED:
            continue
        if kind == _IS_A:
            parents[sys.intern(concept)].append(sys.intern(target))
        else:
            attributes[sys.intern(concept)].append((sys.intern(kind), sys.intern(target)))
    return parents, attributes


def _members(source: Source, progress: Progress) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in source.matching(_SIMPLE):
        columns = ("active", "refsetId", "referencedComponentId")
        for active, refset, concept in source.rows(name, columns, progress):
            if active == "1":
                found[refset].append(concept)
    return found


def _concept(
    code: str,
    row: list[str],
    terms: list[tuple[str, str, str, str]],
    preferred: dict[str, int],
    parents: Any,
    attributes: Any,
) -> Concept:
    _, changed, active, module, status = row
    ranked = sorted(terms, key=lambda item: (item[1] == _FULLY_SPECIFIED, preferred.get(item[0], 9), item[3]))
    properties = (
        _property("sufficientlyDefined", "valueBoolean", status == _DEFINED),
        _property("moduleId", "valueCode", module),
        _property("effectiveTime", "valueString", changed),
        *(_property(kind, "valueCode", target) for kind, target in dict.fromkeys(attributes)),
    )
    return Concept(
        code,
        ranked[0][3] if ranked else None,
        None,
        tuple(Designation(term, language, _USES[kind]) for _, kind, language, term in ranked),
        properties,
        tuple(dict.fromkeys(parents)),
        inactive=active != "1",
    )


@lru_cache(maxsize=100_000)
def _property(code: str, name: str, value: str | bool) -> Tree:
    """A property of a concept; concepts share those that are the same, and nobody changes them."""
    return {"code": code, name: value}


def _version(source: Source, modules: Counter[str]) -> str:
    """`http://snomed.info/sct/EDITION/version/DATE`: the largest module besides the international ones."""
    dates = [found[1] for name in source.matching(_CONCEPTS) if (found := _DATE.search(name))]
    if not dates:
        raise Invalid("The names of the release's files hold no date; say its version with --version.")
    own = [module for module, _ in modules.most_common() if module not in (_CORE, _MODEL)]
    return f"{SNOMED}/{own[0] if own else _CORE}/version/{max(dates)}"
