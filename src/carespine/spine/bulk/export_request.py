"""What a kick-off asks to be exported, checked. Source: FHIR Bulk Data Access IG 2.0.0, export.html."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.search import parse
from carespine.kernel.errors import Invalid
from carespine.kernel.ids import is_fhir_id
from carespine.spine.fhir_api.pairs import query_pairs

# IG 2.0.0, query parameters: the three ways to name NDJSON.
FORMATS = ("application/fhir+ndjson", "application/ndjson", "ndjson")
KNOWN = frozenset(
    {"_outputFormat", "_since", "_type", "_typeFilter", "_elements", "includeAssociatedData", "patient"}
)
# IG 2.0.0: a filter may not use what is about a page and not about a resource.
_NOT_IN_FILTERS = frozenset({"_include", "_revinclude", "_sort", "_count", "_elements", "_summary", "_total"})
_NEXT_FILTER = re.compile(r",(?=[A-Z][A-Za-z]+\?)")
_ELEMENT = re.compile(r"(?:([A-Z][A-Za-z]+)\.)?([a-z][A-Za-z]*)")
Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters, as they are kept with the job. `filters` are searches such as Observation?code=x."""

    types: tuple[str, ...]
    filters: tuple[str, ...]
    elements: tuple[str, ...]


def asked(pairs: Pairs, *, in_compartment: bool) -> Asked:
    """Types, filters and elements; raises Invalid with what is wrong with them."""
    pairs = list(pairs)
    _demand_format(pairs)
    types = _types(pairs)
    filters = tuple(
        text for name, value in pairs if name == "_typeFilter" for text in _NEXT_FILTER.split(value) if text
    )
    for text in filters:
        _demand_filter(text, types)
    if types and in_compartment and not set(types) & definitions.compartment("Patient").keys():
        raise Invalid("_type names only types that are no part of a patient's record.")
    return Asked(types, filters, _elements(pairs))


def query_of(text: str) -> Any:
    """A filter as a search of its type."""
    kind, _, criteria = text.partition("?")
    return parse(kind, query_pairs(criteria))


def elements_of(names: Iterable[str], resource_type: str) -> str | None:
    """Those of `_elements` that are about this type, as `_elements` of a read; None where all are wanted."""
    found = [name.rpartition(".")[2] for name in names if name.partition(".")[0] in (resource_type, name)]
    return ",".join(found) if found else None


def _demand_format(pairs: Pairs) -> None:
    for name, value in pairs:
        # In a query, + stands for a blank.
        if name == "_outputFormat" and value.replace(" ", "+") not in FORMATS:
            raise Invalid(f"_outputFormat is one of {', '.join(FORMATS)}; not {value[:60]!r}.")


def _types(pairs: Pairs) -> tuple[str, ...]:
    names = [part.strip() for name, value in pairs if name == "_type" for part in value.split(",")]
    for name in names:
        if name not in definitions.resource_types():
            raise Invalid(f"_type names {name[:60]!r}, which is not a resource type of R4.")
    return tuple(dict.fromkeys(names))


def _demand_filter(text: str, types: tuple[str, ...]) -> None:
    kind, mark, criteria = text.partition("?")
    if kind not in definitions.resource_types() or not mark or not criteria:
        raise Invalid(f"A _typeFilter is a search such as Observation?code=x; {text[:80]!r} is not.")
    if types and kind not in types:
        raise Invalid(f"_typeFilter names {kind}, which is not in _type.")
    names = {name.partition(":")[0] for name, _ in query_pairs(criteria)}
    if wrong := sorted(names & _NOT_IN_FILTERS):
        raise Invalid(f"A _typeFilter filters; it does not take {', '.join(wrong)}.")
    query_of(text)


def _elements(pairs: Pairs) -> tuple[str, ...]:
    names = [part.strip() for name, value in pairs if name == "_elements" for part in value.split(",")]
    for name in names:
        found = _ELEMENT.fullmatch(name)
        if not found or (found[1] and found[1] not in definitions.resource_types()):
            raise Invalid(f"_elements names elements such as id or Patient.name; {name[:60]!r} is none.")
    return tuple(names)


def patients(references: Iterable[str]) -> list[str]:
    """The ids in the references of the parameter `patient`."""
    found = []
    for reference in references:
        kind, _, resource_id = reference.rpartition("/")
        if kind.rpartition("/")[2] != "Patient" or not is_fhir_id(resource_id):
            raise Invalid(f"patient is a reference such as Patient/123, not {reference[:80]!r}.")
        found.append(resource_id)
    return list(dict.fromkeys(found))
