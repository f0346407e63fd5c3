"""The keys that a resource must carry to match a criterion: the query's side of `keys`."""

from __future__ import annotations

from collections.abc import Iterable

from carespine.fhir import definitions
from carespine.fhir.search import extraction, keys
from carespine.fhir.search.criteria import (
    CompositeValue,
    Criterion,
    MissingValue,
    OfTypeValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from carespine.fhir.search.keys import Form

_BY_KEY = frozenset({None, "not", "exact", "identifier", "of-type", "whole"})


def keys_for(criterion: Criterion) -> frozenset[int] | None:
    """The keys of which a resource must carry one (for `:not`: none; for `:missing=true`: not the one).

    None where the criterion is no question of equality: ranges, beginnings and parts of strings, `:text`,
    `:above`, `:below`, `:in`, `:not-in`, near, full text.
    """
    code, kind = criterion.parameter.code, criterion.resource_type
    names = extraction.filed(kind, code).names
    if criterion.modifier == "missing":
        return _keys(kind, names, [keys.PRESENT_FORM])
    if criterion.modifier not in _BY_KEY:
        return None
    local = [value for value in criterion.values if isinstance(value, ReferenceValue) and not value.url]
    others = [value for value in criterion.values if value not in local]
    found = [form_of(value, code, criterion.modifier) for value in others]
    if any(form is None for form in found):
        return None
    wanted = [_identities(value, criterion.parameter.targets) for value in local]
    references = reference_keys(kind, code, [identity for each in wanted for identity in each])
    return _keys(kind, names, [form for form in found if form]) | references


def reference_keys(resource_type: str, code: str, identities: Iterable[tuple[str, str]]) -> frozenset[int]:
    """The keys of references under a parameter to any of the (type, id) pairs, resources on this server."""
    return frozenset(
        keys.key(resource_type, name, (keys.REFERENCE, *identity))
        for identity in identities
        for name, only in extraction.filed(resource_type, code).local
        if only in (None, identity[0])
    )


def row_names(criterion: Criterion) -> tuple[str, ...]:
    """The names of the index rows that a criterion of ranges, beginnings or parts compares with."""
    if criterion.row != criterion.parameter.code:
        return (criterion.row,)
    return extraction.filed(criterion.resource_type, criterion.row).names


def _keys(resource_type: str, names: Iterable[str], forms: Iterable[Form]) -> frozenset[int]:
    return frozenset(keys.key(resource_type, name, form) for name in names for form in forms)


def _identities(value: ReferenceValue, targets: Iterable[str]) -> list[tuple[str, str]]:
    """The resources that a value may mean: where it names no type, one of each that the parameter may refer to."""
    if value.type:
        return [(value.type, value.id)]
    return [(name, value.id) for name in tuple(targets) or definitions.resource_types()]


def must_be_missing(criterion: Criterion) -> bool:
    """Whether a `:missing` criterion asks for resources without the value."""
    return any(isinstance(value, MissingValue) and value.missing for value in criterion.values)


def form_of(value: Value, code: str, modifier: str | None) -> Form | None:
    """The form that a value asks for; None if it is no question of equality."""
    match value:
        case TokenValue(system, token):
            form = keys.token_form(system, token)
            return keys.identifier_form(form) if modifier == "identifier" else form
        case OfTypeValue(system, type_code, text):
            return (keys.OF_TYPE, system, type_code, text)
        case StringValue(text, normal):
            return _string_form(text, normal, code, modifier)
        case UriValue(uri):
            return (keys.URI, uri)
        case ReferenceValue():
            return _reference_form(value)
        case CompositeValue(parts):
            return keys.composite_form([component_form(part) for part in parts])
        case _:
            return None


def _string_form(text: str, normal: str, code: str, modifier: str | None) -> Form | None:
    if modifier == "exact":
        return (keys.EXACT, text)
    if code == "_text":
        return (keys.WORD, normal)
    return (keys.NORMAL, normal) if code == "phonetic" or modifier == "whole" else None


def _reference_form(value: ReferenceValue) -> Form:
    if value.url:
        return (keys.URL, value.url)
    return (keys.REFERENCE, value.type, value.id) if value.type else (keys.REFERENCE_ID, value.id)


def component_form(value: Value) -> Form:
    """The form of an equality component of a composite; ValueError where it has none."""
    form = (keys.NORMAL, value.normal) if isinstance(value, StringValue) else form_of(value, "", None)
    if form is None:
        raise ValueError("this component of a composite cannot be compared for equality")
    return form
