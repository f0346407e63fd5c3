"""ValueSet/$expand: the codes of a value set as an expansion, a page at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from carespine.fhir.terminology import filters, masks, words
from carespine.fhir.terminology.memory import texts_of
from carespine.fhir.terminology.models import Concept, Designation, Tree
from carespine.fhir.terminology.segments import Chosen, Codes, Listed, Open, Segment, concepts_of
from carespine.fhir.terminology.selection import Selection
from carespine.fhir.terminology.values import value_of
from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import Issue, Unprocessable

# Ours: concepts in one answer. R4 leaves the limit to the server and calls what is beyond it too costly.
MOST = 50_000
_PROPERTY = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parameters of an expansion. `designation` holds tokens of R4: a language, or `system|code` of a use.

    `echo` are the parameters as they were given, for ValueSet.expansion.parameter.
    """

    filter: str | None = None
    offset: int | None = None
    count: int | None = None
    active_only: bool = False
    with_designations: bool = False
    designation: tuple[str, ...] = ()
    with_definition: bool = False
    flat: bool = False
    selectable_only: bool = False
    language: str | None = None
    properties: tuple[str, ...] = ()
    echo: tuple[Tree, ...] = field(default=())


async def expand(value_set: Tree, selection: Selection, wanted: Wanted, *, now: datetime) -> Tree:
    """The value set with its expansion.

    Raises Unprocessable where a code system is not known, where it cannot be listed (a grammar), or where it is
    too large for one answer and no `count` was asked for (issue code too-costly).
    """
    demand_known(selection)
    segments = [await _narrowed(segment, wanted) for segment in selection.segments]
    sizes = [_size(segment) for segment in segments]
    total = sum(sizes)
    start, count = wanted.offset or 0, min(MOST if wanted.count is None else wanted.count, MOST)
    if total - start > count and wanted.count is None:
        raise too_costly(f"The expansion has {total} concepts; ask for it in pages, with count and offset.")
    whole = wanted.filter is None and start == 0 and total <= count and not wanted.flat
    contains: list[Tree] = []
    taken = 0
    for segment, size in zip(segments, sizes, strict=True):
        contains += await _page(segment, start, count - taken, wanted, nested=whole)
        taken += max(min(size - start, count - taken), 0)
        start = max(start - size, 0)
    tree = _bare(value_set, with_definition=wanted.with_definition)
    tree["expansion"] = {
        "identifier": f"urn:uuid:{uuid.uuid4()}",
        "timestamp": fhir_instant(now),
        "total": total,
        **({"offset": wanted.offset or 0} if wanted.offset is not None or wanted.count is not None else {}),
    }
    if parameters := [*wanted.echo, *_versions(selection.used)]:
        tree["expansion"]["parameter"] = parameters
    if contains:
        tree["expansion"]["contains"] = contains
    return tree


def demand_known(selection: Selection) -> None:
    """Raise Unprocessable where part of the value set cannot be said."""
    if selection.unknown:
        message = f"The content of the code system {', '.join(sorted(selection.unknown))} is not known here."
        raise Unprocessable(message, issues=[Issue("not-found", message)])


def too_costly(message: str) -> Unprocessable:
    return Unprocessable(message, issues=[Issue("too-costly", message)])


def _size(segment: Segment) -> int:
    if isinstance(segment, Open):
        raise too_costly(f"The codes of {segment.url} are made by rules and cannot be listed.")
    return len(segment.listed) if isinstance(segment, Codes) else int(segment.chosen.sum())


async def _narrowed(segment: Segment, wanted: Wanted) -> Segment:
    """What activeOnly, excludeNotForUI and the filter leave of a segment."""
    if wanted.active_only:
        segment = await segment.active()
    if isinstance(segment, Chosen):
        mask = segment.chosen
        if wanted.selectable_only:
            mask = mask & ~await segment.abstract()
        if wanted.filter:
            mask = mask & await filters.with_text(segment.system, wanted.filter)
        return segment.but(mask)
    if isinstance(segment, Codes) and (wanted.filter or wanted.selectable_only):
        known = await concepts_of(segment.system, list(segment.listed))
        pairs = [(_as_listed(code, item, known.get(code)), code) for code, item in segment.listed.items()]
        return segment.only(
            {
                code
                for concept, code in pairs
                if _answers(concept, wanted.filter) and not (wanted.selectable_only and concept.abstract)
            }
        )
    return segment


def _answers(concept: Concept, text: str | None) -> bool:
    """Whether every word of the text begins a word of the concept, as in filters.with_text."""
    if not text or text.strip() == concept.code:
        return True
    own, asked = words.of_texts(texts_of(concept)), words.words(text)
    return bool(asked) and all(any(word.startswith(part) for word in own) for part in asked)


async def _page(segment: Segment, start: int, count: int, wanted: Wanted, *, nested: bool) -> list[Tree]:
    if count <= 0:
        return []
    if isinstance(segment, Codes):
        codes = list(segment.listed)[start : start + count]
        known = await concepts_of(segment.system, codes)
        concepts = [_as_listed(code, segment.listed[code], known.get(code)) for code in codes]
        return [_entry(segment, concept, wanted) for concept in concepts]
    assert isinstance(segment, Chosen)  # noqa: S101 - _size has refused what is open
    places = [int(place) for place in masks.ords(segment.chosen)[start : start + count]]
    concepts = await segment.system.concepts(places)
    entries = [_entry(segment, concept, wanted) for concept in concepts]
    return _nested(concepts, entries) if nested and segment.system.about.nested else entries


def _nested(concepts: list[Concept], entries: list[Tree]) -> list[Tree]:
    """Entries within the entry of their first parent that is in the expansion and stands before them."""
    by_code: dict[str, Tree] = {}
    top: list[Tree] = []
    for concept, entry in zip(concepts, entries, strict=True):
        parent = next((by_code[code] for code in concept.parents if code in by_code), None)
        (top if parent is None else parent.setdefault("contains", [])).append(entry)
        by_code[concept.code] = entry
    return top


def _as_listed(code: str, listed: Listed, concept: Concept | None) -> Concept:
    """A concept with what the value set says of it before what the system says."""
    if concept is None:
        return Concept(code, listed.display, designations=listed.designations)
    return Concept(
        code,
        listed.display or concept.display,
        concept.definition,
        (*listed.designations, *(item for item in concept.designations if item not in listed.designations)),
        concept.properties,
        concept.parents,
        concept.inactive,
        concept.abstract,
    )


def _entry(segment: Segment, concept: Concept, wanted: Wanted) -> Tree:
    entry: Tree = {"system": segment.url} if segment.url else {}
    if concept.abstract:
        entry["abstract"] = True
    if concept.inactive:
        entry["inactive"] = True
    entry["code"] = concept.code
    display = display_in(concept, wanted.language)
    if display is not None:
        entry["display"] = display
    shown = concept.designations if wanted.with_designations or wanted.designation else ()
    if found := [designation_tree(item) for item in shown if _wanted(item, wanted.designation)]:
        entry["designation"] = found
    if extensions := [_property(item) for item in concept.properties if item["code"] in wanted.properties]:
        entry = {"extension": extensions, **entry}
    return entry


def display_in(concept: Concept, language: str | None) -> str | None:
    """The display in the language asked for (`fr` takes `fr-CH` too), else the concept's own."""
    for wanted in _languages(language):
        for item in concept.designations:
            tag = (item.language or "").lower()
            if tag == wanted or tag.startswith(f"{wanted}-"):
                return item.value
    return concept.display


def _languages(text: str | None) -> list[str]:
    """The languages of a language tag or an Accept-Language header, in order."""
    if not text:
        return []
    return [part.split(";")[0].strip().lower() for part in text.split(",") if part.strip()]


def designation_tree(item: Designation) -> Tree:
    """A designation as ValueSet writes it."""
    tree: Tree = {"language": item.language} if item.language else {}
    return {**tree, **({"use": item.use} if item.use else {}), "value": item.value}


def _wanted(item: Designation, tokens: tuple[str, ...]) -> bool:
    if not tokens:
        return True
    use = item.use or {}
    for token in tokens:
        system, bar, code = token.rpartition("|")
        if (not bar or system == "urn:ietf:bcp:47") and (item.language or "").lower() == code.lower():
            return True
        if bar and use.get("system") == system and (not code or use.get("code") == code):
            return True
    return False


def _property(item: Tree) -> Tree:
    """R4 has no place for a property in an expansion: R5's, as an extension."""
    name, value = value_of(item)
    return {
        "url": _PROPERTY,
        "extension": [{"url": "code", "valueCode": item["code"]}, {"url": "value", name: value}],
    }


def _bare(value_set: Tree, *, with_definition: bool) -> Tree:
    left_out = {"expansion", "text"} if with_definition else {"expansion", "text", "compose"}
    return {name: value for name, value in value_set.items() if name not in left_out}


def _versions(used: Iterable[tuple[str, str]]) -> list[Tree]:
    """What the expansion was made from, by R4's name and by those that say of which kind it is."""
    canonicals = list(used)
    return [
        *({"name": "version", "valueUri": canonical} for canonical, _ in canonicals if "|" in canonical),
        *({"name": f"used-{kind}", "valueUri": canonical} for canonical, kind in canonicals),
    ]
