"""The filters of ValueSet.compose: a property, an operator and a value to the set of concepts they select."""

from __future__ import annotations

import re

from carespine.fhir.fhirpath import patterns
from carespine.fhir.terminology import ecl, masks, words
from carespine.fhir.terminology.models import Mask, Ords, Tree
from carespine.fhir.terminology.system import BELOW, CHILD, HAS, PROPERTY, REFSET, STEM, WORD, System
from carespine.fhir.terminology.system import property_name as name_of
from carespine.fhir.terminology.system import value_of as value_in
from carespine.fhir.terminology.values import safe_pattern
from carespine.kernel.errors import Unprocessable

SNOMED = "http://snomed.info/sct"
_OPERATORS = "=, is-a, descendent-of, is-not-a, regex, in, not-in, generalizes, exists"
# Names under which a filter means the concept itself.
_ITSELF = frozenset({"concept", "code"})


async def matching(system: System, filter: Tree) -> Mask:
    """The concepts that one filter selects; Unprocessable where it cannot be understood."""
    name, operator, value = filter["property"], filter["op"], filter["value"]
    if system.about.url == SNOMED and name in ("constraint", "expression") and operator == "=":
        return await ecl.matching(system, value)
    if system.about.url == SNOMED and name == "expressions":
        return masks.every(system.size)
    match operator:
        case "is-a":
            return await _below(system, value, itself=True)
        case "descendent-of":
            return await _below(system, value, itself=False)
        case "is-not-a":
            return ~await _below(system, value, itself=True)
        case "generalizes":
            place = await _place(system, value)
            return masks.of(system.size, await system.ancestors(place), masks.array([place]))
        case "=":
            return await _equal(system, name, [value])
        case "in" if system.about.url == SNOMED and name in _ITSELF and "," not in value:
            return await _members(system, value)
        case "in":
            return await _equal(system, name, _listed(value))
        case "not-in":
            return ~await _equal(system, name, _listed(value))
        case "exists":
            return await _exists(system, name, value)
        case "regex":
            return await _like(system, name, value)
    raise Unprocessable(f"The filter operator {operator!r} is none of {_OPERATORS}.")


async def with_text(system: System, text: str) -> Mask:
    """The concepts with every word of the text at the beginning of some word, or with the text as their code."""
    mask = masks.every(system.size)
    wanted = words.words(text)
    for word in wanted:
        mask &= masks.of(system.size, *(await _beginning(system, word)))
    if not wanted and text.strip():
        mask = masks.none(system.size)
    for place in (await system.locate([text.strip()])).values():
        mask[place] = True
    return mask


async def _beginning(system: System, word: str) -> list[Ords]:
    if len(word) <= words.LONGEST_STEM:
        return list((await system.sets(STEM, [word])).values())
    return list((await system.sets_from(WORD, word)).values())


async def _place(system: System, code: str) -> int:
    found = await system.locate([code])
    if not found:
        raise Unprocessable(f"A filter names the code {code[:60]!r}, which {system.about.url} does not have.")
    return next(iter(found.values()))


async def _below(system: System, code: str, *, itself: bool) -> Mask:
    place = await _place(system, code)
    found = await system.sets(BELOW, [code])
    own = [masks.array([place])] if itself else []
    return masks.of(system.size, *found.values(), *own)


async def _members(system: System, refset: str) -> Mask:
    await _place(system, refset)
    return masks.of(system.size, *(await system.sets(REFSET, [refset])).values())


async def _equal(system: System, name: str, values: list[str]) -> Mask:
    if name in _ITSELF:
        return masks.of(system.size, masks.array((await system.locate(values)).values()))
    if name == "display":
        alternatives = "|".join(re.escape(value) for value in values)
        return masks.of(system.size, await system.codes_like(alternatives, display=True))
    if name == "child":
        places = (await system.locate(values)).values()
        parents = {code for concept in await system.concepts(list(places)) for code in concept.parents}
        return masks.of(system.size, masks.array((await system.locate(sorted(parents))).values()))
    found = await system.sets(PROPERTY, [name_of(name, value) for value in values])
    if name == "parent":
        found |= await system.sets(CHILD, values)
    elif not found:
        await _demand_property(system, name)
    return masks.of(system.size, *found.values())


async def _exists(system: System, name: str, value: str) -> Mask:
    if value not in ("true", "false"):
        raise Unprocessable(f"A filter with 'exists' has the value true or false, not {value[:40]!r}.")
    found = await system.sets(HAS, [name])
    if not found:
        await _demand_property(system, name)
    mask = masks.of(system.size, *found.values())
    return mask if value == "true" else ~mask


async def _like(system: System, name: str, pattern: str) -> Mask:
    if name in (*_ITSELF, "display"):
        return masks.of(system.size, await system.codes_like(pattern, display=name == "display"))
    await _demand_property(system, name)
    matches = patterns.compiled(safe_pattern(pattern)).fullmatch
    found = await system.sets_from(PROPERTY, name_of(name, ""))
    return masks.of(system.size, *(ords for key, ords in found.items() if matches(value_in(key))))


async def _demand_property(system: System, name: str) -> None:
    if name not in system.about.properties and not await system.sets(HAS, [name]):
        raise Unprocessable(f"{system.about.url} has no property {name[:60]!r}, which a filter names.")


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]
