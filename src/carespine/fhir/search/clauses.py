"""One `name=value` of a search as a clause: modifiers, chains, `_has`, composites.

What is malformed raises ValueError with a sentence that names the parameter and says what is allowed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from functools import partial

from carespine.fhir import definitions
from carespine.fhir.definitions import SearchParameter
from carespine.fhir.search import composites, filters, grammar, keys, lookup, words
from carespine.fhir.search.criteria import (
    AllOf,
    AnyOf,
    Chain,
    Clause,
    CompositeValue,
    Criterion,
    Has,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from carespine.fhir.search.extraction import value_types
from carespine.kernel.ids import is_fhir_id

# FHIR R4 search.html#modifiers, by parameter type; references also take a resource type.
MODIFIERS: dict[str, tuple[str, ...]] = {
    "number": ("missing",),
    "date": ("missing",),
    "quantity": ("missing",),
    "composite": ("missing",),
    "string": ("missing", "exact", "contains"),
    "token": ("missing", "not", "text", "above", "below", "in", "not-in", "of-type"),
    "reference": ("missing", "identifier", "above", "below"),
    "uri": ("missing", "above", "below"),
    "special": ("missing",),
}
# Ours: deeper chains cost more than they are worth.
MAX_CHAIN = 5
LIST_PARAMETER = SearchParameter(
    code="_list",
    type="special",
    expression="",
    targets=("List",),
    components=(),
    url="http://hl7.org/fhir/SearchParameter/Resource-list",
)
_HAS = "_has:"
# R4's standard functional lists (lifecycle.html#lists) that are a search of the current record: by list and type.
FUNCTIONAL_LISTS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("$current-problems", "Condition"): (
        ("category", "problem-list-item"),
        ("clinical-status", "active,recurrence,relapse"),
        ("verification-status:not", "refuted,entered-in-error"),
    ),
    ("$current-allergies", "AllergyIntolerance"): (
        ("clinical-status", "active"),
        ("verification-status:not", "refuted,entered-in-error"),
    ),
    ("$current-drug-allergies", "AllergyIntolerance"): (
        ("category", "medication"),
        ("clinical-status", "active"),
        ("verification-status:not", "refuted,entered-in-error"),
    ),
    ("$current-medications", "MedicationRequest"): (("status", "active"),),
    ("$current-medications", "MedicationStatement"): (("status", "active,intended"),),
}


def clause(resource_type: str, name: str, text: str, *, base_url: str = "", depth: int = 0) -> Clause:
    """The clause of one parameter of a search of `resource_type`."""
    if depth > MAX_CHAIN:
        raise ValueError(
            f"The search parameter {name!r} chains too far: at most {MAX_CHAIN} links are followed."
        )
    if name.startswith(_HAS):
        return _has(resource_type, name, text, base_url=base_url, depth=depth)
    head, dot, rest = name.partition(".")
    code, colon, modifier = head.partition(":")
    found = parameter(resource_type, code)
    if colon and not modifier:
        raise ValueError(f"The search parameter {name!r} has a colon without a modifier behind it.")
    if dot:
        return _chain(resource_type, found, modifier, rest, text, base_url=base_url, depth=depth)
    _require_modifier(resource_type, found, modifier)
    try:
        if found.code in _SPECIAL:
            return _SPECIAL[found.code](resource_type, found, text, base_url)
        if found.type == "composite":
            return _composite(resource_type, found, modifier, text, base_url)
        return criterion(resource_type, found, modifier or None, text, base_url)
    except ValueError as error:
        raise ValueError(f"The search parameter {name!r} cannot be {text!r}: {error}.") from error


def parameter(resource_type: str, code: str) -> SearchParameter:
    """A search parameter of a type by its code; ValueError with those that there are."""
    known = definitions.search_parameters(resource_type)
    if code == LIST_PARAMETER.code:
        return LIST_PARAMETER
    if code in known:
        if not definitions.is_ready(resource_type, code):
            raise ValueError(
                f"{resource_type} cannot be searched by {code!r} yet: not everything stored is indexed by it. "
                "Run $reindex first."
            )
        return known[code]
    close = difflib.get_close_matches(code, known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise ValueError(
        f"{resource_type} has no search parameter {code!r}.{hint} It has: {', '.join(sorted(known))}."
    )


def criterion(
    resource_type: str, found: SearchParameter, modifier: str | None, text: str, base_url: str = ""
) -> Criterion:
    """A parameter that is not a composite, with the values that a comma separates."""
    read = _reader(resource_type, found, modifier, base_url)
    if definitions.is_resource(modifier or ""):
        modifier = None
    single = modifier == "missing" or found.type == "special"
    parts = [text] if single else grammar.split(text, ",")
    return Criterion(resource_type, found, modifier, tuple(read(part) for part in parts), found.code)


def _reader(
    resource_type: str, found: SearchParameter, modifier: str | None, base_url: str
) -> Callable[[str], Value]:
    if found.type == "reference" and (modifier is None or definitions.is_resource(modifier)):
        return partial(grammar.reference, only_type=modifier, base_url=base_url)
    types = value_types(resource_type, found.code) if found is not LIST_PARAMETER else frozenset()
    return grammar.reader(found.type, found.code, modifier, types)


def _require_modifier(resource_type: str, found: SearchParameter, modifier: str) -> None:
    allowed = allowed_modifiers(resource_type, found)
    if not modifier or modifier in allowed:
        return
    if found.type == "reference" and modifier in definitions.resource_types():
        if not found.targets or modifier in found.targets:
            return
        raise ValueError(
            f"The search parameter {found.code!r} of {resource_type} does not refer to {modifier}; "
            f"it refers to {', '.join(found.targets)}."
        )
    names = ", ".join(f":{name}" for name in allowed) or "none"
    also = " or a resource type" if found.type == "reference" else ""
    raise ValueError(
        f"The search parameter {found.code!r} of {resource_type} has no modifier :{modifier}; "
        f"as a {found.type} parameter it has {names}{also}."
    )


def allowed_modifiers(resource_type: str, found: SearchParameter) -> tuple[str, ...]:
    """The modifiers that a parameter takes (besides a resource type for a reference)."""
    if found.code in _SPECIAL:
        return ()
    if found.code == "phonetic":
        return ("missing",)
    names = MODIFIERS[found.type]
    if found.type == "token" and "Identifier" not in value_types(resource_type, found.code):
        return tuple(name for name in names if name != "of-type")
    return names


def _chain(
    resource_type: str,
    found: SearchParameter,
    modifier: str,
    rest: str,
    text: str,
    *,
    base_url: str,
    depth: int,
) -> Clause:
    if found.type != "reference":
        raise ValueError(
            f"The search parameter {found.code!r} of {resource_type} is no reference: it cannot be chained."
        )
    if modifier:
        _require_modifier(resource_type, found, modifier)
        if modifier not in definitions.resource_types():
            raise ValueError(
                f"A chain takes a resource type as modifier: {found.code}:{modifier}.{rest} has none."
            )
    targets = (modifier,) if modifier else found.targets or definitions.resource_types()
    return _followed(
        resource_type,
        found,
        targets,
        lambda target: clause(target, rest, text, base_url=base_url, depth=depth + 1),
    )


def _followed(
    resource_type: str, found: SearchParameter, targets: Iterable[str], of_target: Callable[[str], Clause]
) -> Clause:
    """A chain to those of the targets that the clause can be said of; where it can of none, the best reason."""
    branches: list[Clause] = []
    refusals: list[ValueError] = []
    for target in targets:
        try:
            branches.append(of_target(target))
        except ValueError as error:
            refusals.append(error)
    if not branches:
        raise min(refusals, key=lambda error: " has no search parameter " in str(error))
    return Chain(resource_type, found, tuple(branches))


def _words(resource_type: str, found: SearchParameter, text: str, _base_url: str) -> Clause:
    """`_text`, `_content`: a comma means or, besides the word."""
    ways = [words.parse(resource_type, found, grammar.plain(part)) for part in grammar.split(text, ",")]
    return ways[0] if len(ways) == 1 else AnyOf(resource_type, tuple(ways))


def _list(resource_type: str, found: SearchParameter, text: str, base_url: str) -> Clause:
    """`_list`: the id of a List, or one of R4's functional lists."""
    ways: list[Clause] = []
    for part in grammar.split(text, ","):
        value = grammar.plain(part)
        if value.startswith("$"):
            ways.append(_functional(resource_type, value, base_url))
        elif is_fhir_id(value.removeprefix("List/")):
            listed = (ReferenceValue("List", value.removeprefix("List/")),)
            ways.append(Criterion(resource_type, found, None, listed, found.code))
        else:
            raise ValueError("expected the id of a List")
    return ways[0] if len(ways) == 1 else AnyOf(resource_type, tuple(ways))


def _functional(resource_type: str, name: str, base_url: str) -> Clause:
    pairs = FUNCTIONAL_LISTS.get((name, resource_type))
    if pairs is None:
        known = ", ".join(sorted(each for each, kind in FUNCTIONAL_LISTS if kind == resource_type))
        raise ValueError(f"expected the id of a List, or one of: {known or f'none for {resource_type}'}")
    parts = tuple(clause(resource_type, code, value, base_url=base_url) for code, value in pairs)
    return AllOf(resource_type, parts)


def _filter(resource_type: str, _found: SearchParameter, text: str, base_url: str) -> Clause:
    def follow(source: str, code: str, of_target: Callable[[str], Clause]) -> Clause:
        found = parameter(source, code)
        if found.type != "reference":
            raise ValueError(f"{code} is no reference: there is nothing behind it")
        return _followed(source, found, found.targets or definitions.resource_types(), of_target)

    def make(of_type: str, name: str, value: str) -> Clause:
        return clause(of_type, name, value, base_url=base_url)

    saying = filters.Saying(parameter, make, follow)
    return saying.clause(resource_type, filters.read(text))


_SPECIAL: dict[str, Callable[[str, SearchParameter, str, str], Clause]] = {
    "_text": _words,
    "_content": _words,
    "_list": _list,
    "_filter": _filter,
}


def _has(resource_type: str, name: str, text: str, *, base_url: str, depth: int) -> Clause:
    parts = name.removeprefix(_HAS).split(":", 2)
    if len(parts) != 3 or not all(parts):
        raise ValueError(
            f"The search parameter {name!r} is malformed; expected _has:Type:reference:parameter."
        )
    source, code, rest = parts
    if source not in definitions.resource_types():
        raise ValueError(f"The search parameter {name!r} names {source!r}; R4 has no such resource type.")
    found = parameter(source, code)
    if found.type != "reference" or (found.targets and resource_type not in found.targets):
        raise ValueError(
            f"The search parameter {name!r} is malformed: {source}.{code} does not refer to {resource_type}."
        )
    return Has(resource_type, source, found, clause(source, rest, text, base_url=base_url, depth=depth + 1))


def _composite(resource_type: str, found: SearchParameter, modifier: str, text: str, base_url: str) -> Clause:
    if modifier:
        return _missing_composite(resource_type, found, text)
    known = definitions.search_parameters(resource_type)
    components = [known[code] for code in composites.component_codes(found.code, resource_type)]
    at_root, in_groups = composites.has_groups(found.code, resource_type)
    branches: list[Clause] = []
    for part in grammar.split(text, ","):
        pieces = grammar.split(part, "$")
        if len(pieces) != len(components):
            wanted = "$".join(component.code for component in components)
            raise ValueError(f"expected {len(components)} values joined by $: {wanted}")
        if at_root:
            pairs = zip(composites.root_codes(found.code, resource_type), pieces, strict=True)
            parts = [criterion(resource_type, known[code], None, piece, base_url) for code, piece in pairs]
            branches.append(AllOf(resource_type, tuple(parts)))
        if in_groups:
            branches.append(_in_group(resource_type, found, components, pieces, base_url))
    return branches[0] if len(branches) == 1 else AnyOf(resource_type, tuple(branches))


def _missing_composite(resource_type: str, found: SearchParameter, text: str) -> Clause:
    """`:missing`: no group is complete, and on the resource itself some component is missing."""
    value = grammar.missing(text)
    known = definitions.search_parameters(resource_type)
    at_root, in_groups = composites.has_groups(found.code, resource_type)
    branches: list[Clause] = []
    if at_root:
        codes = composites.root_codes(found.code, resource_type)
        parts = tuple(Criterion(resource_type, known[code], "missing", (value,), code) for code in codes)
        branches.append((AnyOf if value.missing else AllOf)(resource_type, parts))
    if in_groups:
        branches.append(Criterion(resource_type, found, "missing", (value,), found.code))
    if len(branches) == 1:
        return branches[0]
    return (AllOf if value.missing else AnyOf)(resource_type, tuple(branches))


def _in_group(
    resource_type: str,
    found: SearchParameter,
    components: list[SearchParameter],
    pieces: list[str],
    base_url: str,
) -> Clause:
    read: list[tuple[SearchParameter, Value]] = [
        (each, criterion(resource_type, each, None, piece, base_url).values[0])
        for each, piece in zip(components, pieces, strict=True)
    ]
    equal = tuple(
        value for _, value in read if isinstance(value, TokenValue | StringValue | ReferenceValue | UriValue)
    )
    if len(equal) == len(components):
        return Criterion(resource_type, found, None, (CompositeValue(equal),), found.code)
    forms = [lookup.component_form(value) for value in equal]
    if any(form[0] == keys.SYSTEM for form in forms):
        raise ValueError("expected a code beside the system")
    filed_as = composites.row_code(found.code, resource_type)
    ranged: list[Clause] = [
        Criterion(resource_type, each, None, (value,), keys.composite_row(filed_as, place, forms))
        for place, (each, value) in enumerate(read)
        if each.type in composites.RANGED
    ]
    return ranged[0] if len(ranged) == 1 else AllOf(resource_type, tuple(ranged))
