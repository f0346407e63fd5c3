"""The keys that a resource must carry to match a criterion: the query's side of `keys`."""

from __future__ import annotations

from carespine.fhir.search import keys
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

_BY_KEY = frozenset({None, "not", "exact", "identifier", "of-type"})


def keys_for(criterion: Criterion) -> frozenset[int] | None:
    """The keys of which a resource must carry one (for `:not`: none; for `:missing=true`: not the one).

    None where the criterion is no question of equality: ranges, beginnings and parts of strings, `:text`,
    `:above`, `:below`, `:in`, `:not-in`, near, full text.
    """
    code = criterion.parameter.code
    if criterion.modifier == "missing":
        return frozenset({keys.key(criterion.resource_type, code, keys.PRESENT_FORM)})
    if criterion.modifier not in _BY_KEY:
        return None
    found = [form_of(value, code, criterion.modifier) for value in criterion.values]
    if any(form is None for form in found):
        return None
    return frozenset(keys.key(criterion.resource_type, code, form) for form in found if form)


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
    return (keys.NORMAL, normal) if code == "phonetic" else None


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
