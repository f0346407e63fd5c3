"""Finding what a reference points to: a contained resource, an entry of the bundle, the caller's store."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from carespine.fhir.fhirpath.environment import Frame
from carespine.fhir.fhirpath.model import Item, Node, fhir_type, is_type, root, system

_RELATIVE = re.compile(
    r"(?:^|/)([A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?$", re.ASCII
)


def reference_text(item: Item) -> str | None:
    """The text of a Reference, or of a uri, canonical or String; None for anything else."""
    if type(item) is tuple and isinstance(item[0], dict):
        text = item[0].get("reference")
        return text if isinstance(text, str) else None
    value = system(item)
    return value if isinstance(value, str) else None


def resolve(item: Item, frame: Frame) -> Node | None:
    """The resource an item refers to, or None where it is not to be found."""
    text = reference_text(item)
    if text is None:
        return None
    holder = frame.root_resource[0]
    found = _contained(holder, text[1:]) if text.startswith("#") else _in_bundle(holder, text)
    if found is None and not text.startswith("#") and frame.environment.resolve is not None:
        found = frame.environment.resolve(text)
    return None if found is None else root(found)


def referred_type(item: Item) -> str | None:
    """The resource type that a reference names itself, nothing being looked up; None if it names none."""
    if type(item) is tuple and isinstance(item[0], dict) and isinstance(item[0].get("type"), str):
        return str(item[0]["type"])
    match = _RELATIVE.search(reference_text(item) or "")
    return match.group(1) if match and is_type(match.group(1)) else None


def is_of_type(item: Item, frame: Frame, test: Callable[[Item], bool]) -> bool | None:
    """The answer to `resolve() is Patient`: from the reference if it names a type, else by resolving it."""
    name = referred_type(item)
    if name is not None and is_type(name):
        return test((None, fhir_type(name), None))
    node = resolve(item, frame)
    return None if node is None else test(node)


def _contained(holder: Any, identifier: str) -> dict[str, Any] | None:
    if not identifier:
        return holder if isinstance(holder, dict) else None
    contained = holder.get("contained", []) if isinstance(holder, dict) else []
    return next((each for each in contained if each.get("id") == identifier), None)


def _in_bundle(holder: Any, text: str) -> dict[str, Any] | None:
    if not isinstance(holder, dict) or holder.get("resourceType") != "Bundle":
        return None
    for entry in holder.get("entry", []):
        resource = entry.get("resource")
        if resource is not None and _is_at(entry.get("fullUrl", ""), resource, text):
            found: dict[str, Any] = resource
            return found
    return None


def _is_at(full_url: str, resource: dict[str, Any], text: str) -> bool:
    local = f"{resource.get('resourceType')}/{resource.get('id')}"
    return full_url == text or (local == text and (not full_url or full_url.endswith(f"/{local}")))
