"""Taking out what a patch left empty: FHIR's JSON has no empty objects and arrays."""

from __future__ import annotations

from typing import Any


def is_empty(value: Any) -> bool:
    """Whether a value is an empty object or array, or an array of nothing but nulls."""
    if isinstance(value, list):
        return all(item is None for item in value)
    return isinstance(value, dict) and not value


def has_empties(value: Any) -> bool:
    """Whether there is an empty object or array anywhere in a value."""
    if isinstance(value, (dict, list)) and not value:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(has_empties, inner))


def prune(tree: dict[str, Any]) -> None:
    """Take empty objects and arrays out of a tree, and what becomes empty by that.

    In the array of a `_name` sibling, and in the array beside it, places count: there an empty object is null.
    """
    for name in list(tree):
        value = tree[name]
        if isinstance(value, dict):
            prune(value)
        elif isinstance(value, list):
            _prune_list(value, keep_places=name.startswith("_") or f"_{name}" in tree)
        if is_empty(value):
            del tree[name]


def _prune_list(values: list[Any], *, keep_places: bool) -> None:
    for position in range(len(values) - 1, -1, -1):
        value = values[position]
        if isinstance(value, dict):
            prune(value)
        if isinstance(value, (dict, list)) and is_empty(value):
            if keep_places:
                values[position] = None
            else:
                del values[position]
