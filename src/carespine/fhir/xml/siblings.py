"""The ids and extensions of primitives: in XML within their element, in JSON in a `_name` beside `name`."""

from __future__ import annotations

from typing import Any

Tree = dict[str, Any]


def add_sibling(parent: Tree, key: str, many: bool, sibling: Tree, padded: list[tuple[Tree, str]]) -> None:
    """File what stands beside the value of the primitive just read; lists so begun are noted in `padded`."""
    if not many:
        parent[f"_{key}"] = sibling
        if parent[key] is None:
            del parent[key]
        return
    siblings = parent.get(f"_{key}")
    if siblings is None:
        siblings = parent[f"_{key}"] = []
        padded.append((parent, key))
    siblings.extend([None] * (len(parent[key]) - 1 - len(siblings)))
    siblings.append(sibling)


def align(parent: Tree, key: str) -> None:
    """Make `name` and `_name` equally long; leave out a `name` that holds no value at all."""
    values, siblings = parent[key], parent[f"_{key}"]
    siblings.extend([None] * (len(values) - len(siblings)))
    if not any(value is not None for value in values):
        del parent[key]
