"""The values that `_sort` orders a resource by, for parameters of any type, taken from the resource itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carespine.fhir.definitions import SearchParameter
from carespine.fhir.search import forms, normal, ranges
from carespine.fhir.search.extraction import typed_paths
from carespine.fhir.search.steps import walk

# A Period that has no start is before all others.
_FIRST = -(2**62)
Comparable = str | float | int


def value(
    tree: dict[str, Any], resource_type: str, parameter: SearchParameter, *, descending: bool
) -> Comparable | None:
    """Of several values the least, or descending the greatest; None where there is none.

    Codes are ordered by the code, or their text where they have none; references by what they refer to; texts as they
    compare; ranges by their beginning; all quantities by their number.
    """
    found = list(_values(tree, resource_type, parameter))
    if not found:
        return None
    return max(found) if descending else min(found)


def _values(tree: dict[str, Any], resource_type: str, parameter: SearchParameter) -> Iterator[Comparable]:
    for path in typed_paths(parameter, resource_type):
        for item in walk(path.steps, tree, tree):
            yield from _of(parameter.type, path.type, item)


def _of(kind: str, fhir_type: str, item: Any) -> Iterator[Comparable]:
    match kind:
        case "date" if fhir_type in ranges.DATES:
            span = ranges.DATES[fhir_type](item)
            if span is not None:
                yield _FIRST if span[0] is None else span[0]
        case "number" if fhir_type in ranges.NUMBERS:
            yield from _low(ranges.NUMBERS[fhir_type](item))
        case "quantity" if fhir_type in ranges.AMOUNTS:
            yield from _low(ranges.AMOUNTS[fhir_type](item))
        case "string":
            yield from (normal.text(text) for text in _texts(fhir_type, item))
        case "token":
            yield from _token(item)
        case "reference":
            yield from _reference(item)
        case "uri":
            yield str(item)


def _low(span: tuple[Any, ...] | None) -> Iterator[float]:
    if span is not None:
        yield float("-inf") if span[0] is None else float(span[0])


def _texts(fhir_type: str, item: Any) -> list[str]:
    if fhir_type == "HumanName":
        return forms.parts(item, forms.NAME_PARTS)
    if fhir_type == "Address":
        return forms.parts(item, forms.ADDRESS_PARTS)
    return [item] if isinstance(item, str) else []


def _token(item: Any) -> Iterator[str]:
    if isinstance(item, bool):
        yield "true" if item else "false"
    elif isinstance(item, str):
        yield item
    elif isinstance(item, dict):
        codings = item.get("coding", ())
        for part in codings or (item,):
            text = part.get("code") or part.get("value") or part.get("display") or part.get("text")
            if text:
                yield str(text)


def _reference(item: Any) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    elif isinstance(item, dict):
        text = item.get("reference") or item.get("identifier", {}).get("value") or item.get("display")
        if text:
            yield str(text)
