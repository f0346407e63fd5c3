"""Part of a resource, as `_elements` and `_summary` ask: marked SUBSETTED, so that nobody stores it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from carespine.fhir import definitions
from carespine.fhir.definitions import Element
from carespine.kernel.errors import Invalid

_TAG = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_ALWAYS = frozenset({"resourceType", "id", "meta"})

Wanted = Callable[[Element], bool]


def subset(tree: dict[str, Any], *, elements: str | None, summary: str | None) -> dict[str, Any]:
    """The wanted elements of a resource; mandatory ones always stay. Raises Invalid for an unknown word."""
    wanted = _wanted(elements, summary)
    if wanted is None:
        return tree
    resource_type = tree["resourceType"]
    by_json_name = {
        name: element
        for element in definitions.type_definition(resource_type).elements.values()
        for name in element.json_names
    }
    kept = {
        key: value
        for key, value in tree.items()
        if key in _ALWAYS or _keeps(by_json_name.get(key.removeprefix("_")), wanted)
    }
    meta = dict(kept.get("meta", {}))
    meta["tag"] = [*(tag for tag in meta.get("tag", ()) if tag != _TAG), _TAG]
    return {**kept, "meta": meta}


def _keeps(element: Element | None, wanted: Wanted) -> bool:
    return element is not None and (element.min > 0 or element.modifier or wanted(element))


def _wanted(elements: str | None, summary: str | None) -> Wanted | None:
    if elements:
        names = frozenset(part.strip().rsplit(".", 1)[-1] for part in elements.split(","))
        return lambda element: element.name in names
    match summary:
        case None | "false" | "count":
            return None
        case "true":
            return lambda element: element.summary
        case "text":
            return lambda element: element.name == "text"
        case "data":
            return lambda element: element.name != "text"
    raise Invalid(f"_summary is one of true, text, data, count and false; not {summary[:40]!r}.")
