"""CodeSystem/$lookup and CodeSystem/$subsumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carespine.fhir.terminology import masks, outcomes
from carespine.fhir.terminology.expanding import display_in
from carespine.fhir.terminology.models import Concept, Tree
from carespine.fhir.terminology.segments import concepts_of, is_listed
from carespine.fhir.terminology.system import CHILD, HAS, Grammar, System
from carespine.fhir.terminology.values import value_of
from carespine.kernel.errors import Invalid, NotFound

# R4 names these as properties of every system; the others are a system's own (operation-codesystem-lookup).
_EVERYWHERE = frozenset(
    {"url", "name", "version", "display", "definition", "designation", "parent", "child", "lang"}
)
_EQUIVALENT, _SUBSUMES, _SUBSUMED, _NEITHER = "equivalent", "subsumes", "subsumed-by", "not-subsumed"


async def lookup(
    system: System | Grammar, code: str, *, properties: Sequence[str], language: str | None
) -> Tree:
    """The outputs of $lookup; NotFound where the system has no such code.

    Without `properties` all of the concept's are told; `lang.X` asks for the designations of a language.
    """
    concept = (await concepts_of(system, [code])).get(code)
    if concept is None:
        raise NotFound(f"The code {code[:100]!r} is not a code of {system.about.canonical}.")
    await _demand_properties(system, properties)
    languages = {name[5:] for name in properties if name.startswith("lang.")}
    about = system.about

    def asked(name: str) -> bool:
        return not properties or name in properties

    designations = [
        outcomes.parts(
            "designation",
            outcomes.item("language", "Code", item.language),
            outcomes.item("use", "Coding", item.use),
            outcomes.item("value", "String", item.value),
        )
        for item in concept.designations
        if asked("designation") or item.language in languages
    ]
    told = [_property(item) for item in concept.properties if asked(item["code"])]
    definition = (
        [_told("definition", "valueString", concept.definition)]
        if concept.definition and asked("definition")
        else []
    )
    return outcomes.parameters(
        outcomes.item("name", "String", about.name or about.url),
        outcomes.item("version", "String", about.version),
        outcomes.item("display", "String", display_in(concept, language) or code),
        *designations,
        *definition,
        *(await _family(system, concept, parents=asked("parent"), children="child" in properties)),
        *(
            [_told("inactive", "valueBoolean", True)]
            if concept.inactive and _unsaid(concept, "inactive")
            else []
        ),
        *told,
    )


async def subsumption(system: System | Grammar, left: str, right: str) -> str:
    """`equivalent`, `subsumes`, `subsumed-by` or `not-subsumed`; NotFound for a code that does not exist."""
    found = await concepts_of(system, [left, right])
    for code in (left, right):
        if code not in found:
            raise NotFound(f"The code {code[:100]!r} is not a code of {system.about.canonical}.")
    if found[left].code == found[right].code:
        return _EQUIVALENT
    if not is_listed(system):
        raise Invalid(f"{system.about.url} has no hierarchy by which a code could subsume another.")
    places = await system.locate([left, right])
    if places[left] in await system.ancestors(places[right]):
        return _SUBSUMES
    return _SUBSUMED if places[right] in await system.ancestors(places[left]) else _NEITHER


async def _family(system: System | Grammar, concept: Concept, *, parents: bool, children: bool) -> list[Tree]:
    stated = {
        value for item in concept.properties if item["code"] == "parent" for _, value in [value_of(item)]
    }
    told = [_told("parent", "valueCode", code) for code in concept.parents if parents and code not in stated]
    if children and is_listed(system):
        found = await system.sets(CHILD, [concept.code])
        places = [int(place) for place in found.get(concept.code, masks.array(()))]
        told += [_told("child", "valueCode", child.code) for child in await system.concepts(places)]
    return told


def _unsaid(concept: Concept, name: str) -> bool:
    return all(item["code"] != name for item in concept.properties)


def _told(code: str, name: str, value: Any) -> Tree:
    return outcomes.parts("property", {"name": "code", "valueCode": code}, {"name": "value", name: value})


def _property(item: Tree) -> Tree:
    name, value = value_of(item)
    return _told(item["code"], name, value)


async def _demand_properties(system: System | Grammar, names: Sequence[str]) -> None:
    own = [name for name in names if name not in _EVERYWHERE and not name.startswith("lang.")]
    known = set(system.about.properties) | {"inactive"}
    if is_listed(system):
        known |= set(await system.sets(HAS, own))
    if unknown := sorted(set(own) - known):
        raise Invalid(f"{system.about.url} has no property {unknown[0][:60]!r}.")
