"""What the steps of a search path do to a tree, one value at a time; the compiled extraction uses parts of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carespine.fhir.search import forms
from carespine.fhir.search.paths import Equals, Field, First, HasExtension, IsTrue, Resolves, Step


def walk(steps: tuple[Step, ...], value: Any, resource: Any) -> Iterator[Any]:
    """The values at the end of the steps from `value`, which is in `resource`."""
    if not steps:
        yield value
        return
    for found in _enter(steps[0], value, resource):
        yield from walk(steps[1:], found, resource)


def _enter(step: Step, value: Any, resource: Any) -> list[Any]:
    match step:
        case Field(name, many):
            found = value.get(name)
            return [item for item in (found or () if many else (found,)) if item is not None]
        case First(name):
            return list(value.get(name, ())[:1])
        case IsTrue(names):
            return [is_true(value, names)]
        case _:
            return [value] if _passes(step, value, resource) else []


def _passes(step: Equals | HasExtension | Resolves, value: Any, resource: Any) -> bool:
    match step:
        case Equals(name, text):
            return bool(value.get(name) == text)
        case HasExtension(url):
            return has_extension(value, url)
        case Resolves(resource_type):
            return refers_to(value, resource, resource_type)


def refers_to(reference: dict[str, Any], resource: dict[str, Any], resource_type: str) -> bool:
    """Whether a Reference points to the type, as far as the resource tells (`resolve() is Patient`)."""
    text = reference.get("reference", "")
    if text.startswith("#"):
        contained = resource.get("contained", ())
        return any(item.get("id") == text[1:] and item["resourceType"] == resource_type for item in contained)
    if text.startswith(f"{resource_type}/") or f"/{resource_type}/" in text:
        return True
    return forms.local_reference(text) is None and reference.get("type") == resource_type


def has_extension(value: dict[str, Any], url: str) -> bool:
    """Whether an element has an extension of this URL."""
    return any(extension["url"] == url for extension in value.get("extension", ()))


def is_true(value: dict[str, Any], names: tuple[str, ...]) -> bool:
    """Whether one of the members is there and not false."""
    return any(value.get(name, False) is not False for name in names)
