"""JSON Merge Patch (RFC 7396), which some clients send instead of the patches that R4 names."""

from __future__ import annotations

from typing import Any

from carespine.fhir import json_text
from carespine.kernel.errors import Invalid

MERGE_PATCH = "application/merge-patch+json"


def read(body: bytes) -> dict[str, Any]:
    """The patch; raises Invalid where it is no object."""
    given = json_text.read(body)
    if repeated := json_text.duplicate_keys(body, _keys(given)):
        raise Invalid(f"The patch repeats a key within one object: {', '.join(repeated)[:100]}.")
    if not isinstance(given, dict):
        raise Invalid("A merge patch is a JSON object.")
    return given


def apply(tree: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A new tree: what is null goes, objects are merged, everything else is replaced, lists as a whole."""
    merged = dict(tree)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            before = merged.get(name)
            merged[name] = apply(before if isinstance(before, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _keys(node: Any) -> int:
    if isinstance(node, dict):
        return len(node) + sum(map(_keys, node.values()))
    return sum(map(_keys, node)) if isinstance(node, list) else 0
