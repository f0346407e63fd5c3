"""What a query leaves to other resources: members of value sets, codes and references above and below, lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from carespine.fhir import definitions, json_text
from carespine.fhir.search import filed, index, keys, reference_keys
from carespine.fhir.search.criteria import Criterion, ReferenceValue, TokenValue, UriValue, Value
from carespine.fhir.search.keys import Form
from carespine.fhir.terminology import masks
from carespine.fhir.terminology.segments import Codes, Open, Segment, is_listed
from carespine.fhir.terminology.selection import NO_VERSIONS
from carespine.fhir.terminology.system import BELOW, System
from carespine.fhir.terminology.values import split_canonical
from carespine.kernel.errors import Invalid, Issue
from carespine.storage.bodies import unpack
from carespine.storage.sql import Arguments
from carespine.storage.terminology.library import StoredLibrary
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from carespine.fhir.terminology.selection import Selection
    from carespine.storage.database import Connection

    Reachable = Callable[[Arguments, str], str]

Identity = tuple[str, str]
# Ours: codes that a search looks for at once, resources of one hierarchy, and how deep that may be.
MOST_CODES, MOST_RELATED, _DEEPEST = 20_000, 5_000, 50


async def codes(connection: Connection, criterion: Criterion, reachable: Reachable) -> frozenset[int]:
    """The keys of all the codes that `:in`, `:not-in`, `:above` or `:below` of a token names.

    Raises Invalid where the value set, the system or the code is not known here, or names too many codes.
    """
    library = StoredLibrary(connection)
    found: set[Form] = set()
    for value in criterion.values:
        if isinstance(value, UriValue):
            found |= await _members(connection, library, value.uri, reachable)
        elif isinstance(value, TokenValue):
            found |= await _related(library, value, above=criterion.modifier == "above")
        if len(found) > MOST_CODES:
            raise _refused(
                f"{criterion.parameter.code}:{criterion.modifier} names more than {MOST_CODES} codes."
            )
    names = filed(criterion.resource_type, criterion.parameter.code).names
    return frozenset(keys.key(criterion.resource_type, name, form) for name in names for form in found)


async def _members(
    connection: Connection, library: StoredLibrary, uri: str, reachable: Reachable
) -> set[Form]:
    url, version = split_canonical(uri)
    kind, slash, resource_id = uri.partition("/")
    tree = None
    if slash and kind == "ValueSet" and definitions.is_resource(kind):
        stored = await bodies(connection, [(kind, resource_id)], reachable)
        tree = json_text.read(stored[0]) if stored else None
    else:
        tree = await library.value_set(url, version)
    if tree is None:
        raise _refused(f"The value set {uri[:200]} is not known here.")
    selection: Selection = await library.selecting(library, tree, NO_VERSIONS)
    if selection.unknown:
        raise _refused(f"The content of {', '.join(sorted(selection.unknown))[:300]} is not known here.")
    return {form for segment in selection.segments for form in await _forms(segment)}


async def _forms(segment: Segment) -> list[Form]:
    if isinstance(segment, Open):
        raise _refused(f"The codes of {segment.url} are made by rules and cannot be listed.")
    if isinstance(segment, Codes):
        return [_form(segment.url, code) for code in segment.listed]
    if int(segment.chosen.sum()) > MOST_CODES:
        raise _refused(f"The value set has more than {MOST_CODES} codes of {segment.url}.")
    concepts = await segment.system.concepts([int(place) for place in masks.ords(segment.chosen)])
    return [_form(segment.url, concept.code) for concept in concepts]


async def _related(library: StoredLibrary, value: TokenValue, *, above: bool) -> set[Form]:
    """The code itself, and all that subsume it or that it subsumes."""
    if not value.system or not value.code:
        raise _refused("The modifiers :above and :below need a code with its system: system|code.")
    system = await library.system(value.system)
    if system is None or not is_listed(system):
        raise _refused(f"The content of the code system {value.system[:200]} is not known here.")
    places = await system.locate([value.code])
    if value.code not in places:
        raise _refused(f"The code system {value.system[:200]} has no code {value.code[:60]!r}.")
    others = await _ords(system, value.code, places[value.code], above=above)
    if len(others) > MOST_CODES:
        raise _refused(f"More than {MOST_CODES} codes are below {value.code[:60]!r}.")
    concepts = await system.concepts(others)
    return {_form(value.system, code) for code in (value.code, *(concept.code for concept in concepts))}


async def _ords(system: System, code: str, place: int, *, above: bool) -> list[int]:
    if above:
        return [int(ord) for ord in await system.ancestors(place)]
    below = await system.sets(BELOW, [code])
    return [int(ord) for ords in below.values() for ord in ords]


def _form(system: str, code: str) -> Form:
    return keys.token_form(system, code)


def _refused(message: str) -> Invalid:
    return Invalid(message, issues=[Issue("not-supported", message)])


async def hierarchy(connection: Connection, criterion: Criterion, reachable: Reachable) -> frozenset[int]:
    """The keys of references to the resources named and to all above or below them, by their `partOf`.

    Source: FHIR R4 search.html#recursive. Raises Invalid where the type named is in no hierarchy.
    """
    found: set[Identity] = set()
    for value in criterion.values:
        for identity in _named(criterion, value):
            found |= await _closure(connection, identity, reachable, above=criterion.modifier == "above")
    return reference_keys(criterion.resource_type, criterion.parameter.code, found)


def _named(criterion: Criterion, value: Value) -> list[Identity]:
    assert isinstance(value, ReferenceValue)  # noqa: S101 -- the reader of a reference gives nothing else
    kinds = [value.type] if value.type else list(criterion.parameter.targets)
    known = [kind for kind in kinds if parent_code(kind) is not None]
    if not known or value.url:
        raise _refused(
            f"{criterion.parameter.code}:{criterion.modifier} needs a resource of a type that can be part of another "
            "of its type, such as a Location or an Organization."
        )
    return [(kind, value.id) for kind in known]


def parent_code(resource_type: str) -> str | None:
    """The parameter by which a resource of a type says what it is part of, if it can be part of another such."""
    for code, parameter in sorted(definitions.search_parameters(resource_type).items()):
        if parameter.type == "reference" and parameter.expression == f"{resource_type}.partOf":
            return code if resource_type in parameter.targets or not parameter.targets else None
    return None


async def _closure(
    connection: Connection, start: Identity, reachable: Reachable, *, above: bool
) -> set[Identity]:
    kind, code = start[0], parent_code(start[0]) or ""
    found, fresh = {start}, {start}
    for _ in range(_DEEPEST):
        step = _parents if above else _children
        fresh = await step(connection, kind, code, fresh, reachable) - found
        found |= fresh
        if len(found) > MOST_RELATED:
            raise _refused(f"More than {MOST_RELATED} resources are related to {start[0]}/{start[1]}.")
        if not fresh:
            return found
    raise _refused(f"The hierarchy of {start[0]}/{start[1]} is deeper than {_DEEPEST}.")


async def _children(
    connection: Connection, kind: str, code: str, of: Iterable[Identity], reachable: Reachable
) -> set[Identity]:
    arguments = Arguments(type_number(kind), sorted(reference_keys(kind, code, of)))
    reach = reachable(arguments, "r")
    rows = await connection.fetch(
        f"select r.id from resource r where r.type = $1 and r.keys && $2::bigint[] and not r.deleted and ({reach}) "  # noqa: S608
        f"limit {MOST_RELATED + 1}",
        *arguments.values,
    )
    return {(kind, row["id"]) for row in rows}


async def _parents(
    connection: Connection, kind: str, code: str, of: Iterable[Identity], reachable: Reachable
) -> set[Identity]:
    return {
        (target, resource_id)
        for body in await bodies(connection, sorted(of), reachable)
        for name, target, resource_id in index(json_text.read(body)).references
        if name == code and target == kind
    }


async def listed(connection: Connection, criterion: Criterion, reachable: Reachable) -> list[str]:
    """The ids of the resources of the criterion's type that the Lists within reach hold."""
    lists = [
        (value.type or "List", value.id) for value in criterion.values if isinstance(value, ReferenceValue)
    ]
    found = set()
    for body in await bodies(connection, lists, reachable):
        for entry in json_text.read(body).get("entry", ()):
            kind, slash, rest = entry["item"].get("reference", "").partition("/")
            if slash and kind == criterion.resource_type and not entry.get("deleted"):
                found.add(rest.split("/", 1)[0])
    return sorted(found)


async def bodies(connection: Connection, identities: Sequence[Identity], reachable: Reachable) -> list[bytes]:
    """The JSON of those of the resources that are there and within reach."""
    arguments = Arguments([type_number(kind) for kind, _ in identities], [name for _, name in identities])
    reach = reachable(arguments, "r")
    rows = await connection.fetch(
        f"select r.body from resource r join unnest($1::smallint[], $2::text[]) as wanted(type, id) "  # noqa: S608
        f"on r.type = wanted.type and r.id = wanted.id where not r.deleted and ({reach})",
        *arguments.values,
    )
    return [unpack(row["body"]) for row in rows]
