"""What becomes of an element definition when a differential speaks of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

Tree = dict[str, Any]
# Kept beside what the base has; everything else a differential says takes the place of the base's.
_ADDED = {"alias", "condition", "mapping", "constraint", "example", "code"}
_OWN = {"id", "path", "base", "sliceName"}
_CHOICES = ("fixed", "pattern", "defaultValue", "minValue", "maxValue")
# FHIR R4, elementdefinition.html: these texts may begin with "..." and then follow the base's text.
_CONTINUED = ("definition", "comment", "requirements")


def merge(element: Tree, change: Tree, source: str, *, typed: Callable[[str], list[Tree]]) -> None:
    """Change an element of a snapshot as a differential says. `source` is the URL of the definition."""
    for name, value in change.items():
        if name in ("id", "path", "base"):
            continue
        if name in _ADDED:
            _add(element, name, value, source)
        elif name in _CONTINUED and isinstance(value, str) and value.startswith("..."):
            element[name] = f"{element.get(name, '')}\n{value[3:].lstrip()}"
        else:
            _replace(element, name, value)


def _replace(element: Tree, name: str, value: Any) -> None:
    stem = next(
        (each for each in _CHOICES if name.startswith(each) and name[len(each) :][:1].isupper()), None
    )
    if stem is not None:
        for key in [key for key in element if key.startswith(stem) and key[len(stem) :][:1].isupper()]:
            del element[key]
    if name == "binding" and "binding" in element:
        value = {**{k: v for k, v in element["binding"].items() if k in ("valueSet",)}, **value}
    element[name] = copy.deepcopy(value)


def _add(element: Tree, name: str, value: list[Any], source: str) -> None:
    rows: list[Any] = element.setdefault(name, [])
    for each in value:
        row = copy.deepcopy(each)
        if name == "constraint":
            row.setdefault("source", source)
            rows[:] = [old for old in rows if old["key"] != row["key"]]
        if row not in rows:
            rows.append(row)


def without_slicing(element: Tree) -> Tree:
    """A copy of an element to make a slice of."""
    found = copy.deepcopy(element)
    found.pop("slicing", None)
    return found
