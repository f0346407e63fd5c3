"""Invariants of R4 that are checked in Python: the ones whose expression is slow, wrong, or says less than it could."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from carespine.fhir.fhirpath import narrative, ucum
from carespine.fhir.validation.scope import Scope, contained

# The problem in words, or None.
Native = Callable[[Any, Scope], "str | None"]
_NO_CONTENT = "the narrative has no content"


@dataclass(frozen=True, slots=True)
class NativeRule:
    """`members` as of an Invariant."""

    check: Native
    members: frozenset[str] | None = None


def _extension(value: Any, _scope: Scope) -> str | None:
    has_value = any(name.startswith(("value", "_value")) for name in value)
    if has_value == ("extension" in value):
        return "it has both" if has_value else "it has neither"
    return None


def _has_narrative(value: Any, scope: Scope) -> str | None:
    """dom-6. A contained resource should have none: FHIR R4, domainresource.html, contained resources."""
    text = value.get("text")
    return (
        None
        if scope.resource is not scope.root or (isinstance(text, dict) and "div" in text)
        else "it has none"
    )


def _narrative(value: Any, _scope: Scope) -> str | None:
    problem = narrative.fault(value)
    return None if problem == _NO_CONTENT else problem


def _narrative_content(value: Any, _scope: Scope) -> str | None:
    return _NO_CONTENT if narrative.fault(value) == _NO_CONTENT else None


def _contained_used(value: Any, _scope: Scope) -> str | None:
    """dom-3. R4's expression is right for references, and wrong where a contained resource has no id."""
    used: set[str] = set()
    _collect(value, used)
    unused = [
        str(each.get("id"))
        for each in value.get("contained", ())
        if f"#{each.get('id')}" not in used and not _refers_up(each)
    ]
    return f"nothing refers to {', '.join(unused)}" if unused else None


def _collect(value: Any, used: set[str]) -> None:
    if type(value) is dict:
        for each in value.values():
            _collect(each, used)
    elif type(value) is list:
        for each in value:
            _collect(each, used)
    elif type(value) is str and value.startswith("#"):
        used.add(value)


def _refers_up(resource: Any) -> bool:
    used: set[str] = set()
    _collect(resource, used)
    return "#" in used


def _local_reference(value: Any, scope: Scope) -> str | None:
    reference = value.get("reference")
    if not isinstance(reference, str) or not reference.startswith("#") or reference == "#":
        return None
    if contained(scope.root, reference[1:]) is not None:
        return None
    ids = [str(each.get("id")) for each in scope.root.get("contained", ()) if isinstance(each, dict)]
    there = f"contained are {', '.join(ids)}" if ids else "nothing is contained"
    return f"{reference} is not there, {there}"


def _range(value: Any, _scope: Scope) -> str | None:
    """rng-2. R4's expression has no answer for units that are only written, such as `years` without a code."""
    low, high = value.get("low", {}), value.get("high", {})
    if "value" not in low or "value" not in high:
        return None
    least, most = Decimal(low["value"]), Decimal(high["value"])
    if any(low.get(name) != high.get(name) for name in ("system", "code", "unit")):
        units = [ucum.unit(str(each.get("code"))) for each in (low, high)]
        if low.get("system") != ucum.SYSTEM or high.get("system") != ucum.SYSTEM or None in units:
            return None  # different units that cannot be converted: nothing can be told
        first, second = (each for each in units if each is not None)
        if first.dimensions != second.dimensions:
            return "they are of different kinds"
        return _above(first.in_base(least), second.in_base(most), low, high)
    return _above(least, most, low, high)


def _above(least: Any, most: Any, low: Any, high: Any) -> str | None:
    return f"{low['value']} is more than {high['value']}" if least > most else None


_DOM_3 = (
    "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) "
    "| %resource.descendants().as(uri) | %resource.descendants().as(url))) or descendants().where(reference "
    "= '#').exists() or descendants().where(as(canonical) = '#').exists() or "
    "descendants().where(as(canonical) = '#').exists()).not()).trace('unmatched', id).empty()"
)
_REF_1 = (
    "reference.startsWith('#').not() or (reference.substring(1).trace('url') in "
    "%rootResource.contained.id.trace('ids'))"
)
# By key and expression, so that a profile's own rule of the same key is not taken for R4's.
NATIVE: dict[tuple[str, str], NativeRule] = {
    ("ext-1", "extension.exists() != value.exists()"): NativeRule(_extension),
    ("dom-6", "text.`div`.exists()"): NativeRule(_has_narrative),
    ("txt-1", "htmlChecks()"): NativeRule(_narrative),
    ("txt-2", "htmlChecks()"): NativeRule(_narrative_content),
    ("dom-3", _DOM_3): NativeRule(_contained_used, frozenset({"contained"})),
    ("rng-2", "low.empty() or high.empty() or (low <= high)"): NativeRule(_range, frozenset({"low"})),
    ("ref-1", _REF_1): NativeRule(_local_reference, frozenset({"reference"})),
}
