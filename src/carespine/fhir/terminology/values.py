"""Values in terminology resources: the one `value[x]` of a thing, as it is and as text."""

from __future__ import annotations

import re
from typing import Any

from carespine.fhir.terminology.models import Designation, Tree
from carespine.kernel.errors import Unprocessable

# Ours: a repeated group that repeats itself within can take for ever on a text that does not match.
_NESTED_REPEAT = re.compile(r"\((?:[^()\\]|\\.)*[*+{](?:[^()\\]|\\.)*\)[*+{]")
_LONGEST_PATTERN = 500


def value_of(item: Tree) -> tuple[str, Any]:
    """(`valueCode`, the value) of a property or parameter; ("", None) where it has none."""
    return next(((name, item[name]) for name in item if name.startswith("value")), ("", None))


def value_text(item: Tree) -> str:
    """The value as filters compare it: a Coding by its code."""
    _, value = value_of(item)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return str(value.get("code", ""))
    return "" if value is None else str(value)


def designations(items: list[Tree]) -> tuple[Designation, ...]:
    """Designations as CodeSystem and ValueSet write them."""
    return tuple(Designation(item["value"], item.get("language"), item.get("use")) for item in items)


def split_canonical(canonical: str) -> tuple[str, str | None]:
    """URL and version of a canonical."""
    url, _, version = canonical.partition("|")
    return url, version or None


def safe_pattern(pattern: str) -> str:
    """The regular expression of a filter; Unprocessable for one that could take for ever."""
    if len(pattern) > _LONGEST_PATTERN or _NESTED_REPEAT.search(pattern):
        raise Unprocessable("The filter's regular expression is too long, or repeats a repetition.")
    return pattern
