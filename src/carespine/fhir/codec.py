"""FHIR R4 JSON in and out: bytes to a plain tree whose structure has been checked, and back.

A tree is what JSON has: dict, list, str, bool and int; a number with a fraction or an exponent is a Decimal,
so that its digits are kept. The structure checked is that of the official definitions: only known elements,
cardinalities, one value per choice, primitive formats, codes of required bindings, `_name` siblings,
contained resources. Not checked here: invariants, profiles, other bindings, reference targets.
"""

from __future__ import annotations

from typing import Any

from carespine.fhir import json_text
from carespine.fhir.definitions import resource_types
from carespine.fhir.faults import find_faults
from carespine.fhir.structure import Broken, count_keys
from carespine.kernel.errors import Invalid, Issue, Unprocessable


def decode(raw: bytes, expected_type: str | None = None) -> dict[str, Any]:
    """The resource in a JSON text.

    Raises Invalid when the text cannot be read (or is not a resource, or not of `expected_type`),
    Unprocessable when its structure is not that of R4; the issues name each place as FHIRPath.
    """
    tree = json_text.read(raw)
    require_resource(tree, expected_type)
    keys = _checked_keys(tree)
    duplicates = json_text.duplicate_keys(raw, keys)
    if duplicates:
        raise Invalid(f"The JSON text repeats a key within one object: {', '.join(duplicates)}.")
    checked: dict[str, Any] = tree
    return checked


def encode(tree: Any) -> bytes:
    """Compact JSON; a Decimal is written with its digits."""
    return json_text.write(tree)


def check(tree: Any) -> None:
    """Check a tree that is already in memory, as `decode` does. A float is refused: use Decimal."""
    require_resource(tree, None)
    _checked_keys(tree)


def require_resource(tree: Any, expected_type: str | None) -> None:
    """Raise Invalid unless the tree says that it is a resource, of `expected_type` if that is given."""
    if not isinstance(tree, dict):
        raise Invalid("The body is not a FHIR resource: expected a JSON object with a resourceType.")
    name = tree.get("resourceType")
    if name is None:
        raise Invalid("The body is not a FHIR resource: it has no resourceType.")
    if name not in resource_types():
        raise Invalid(f"The body has the resourceType {name!r}: R4 has no such resource type.")
    if expected_type is not None and name != expected_type:
        raise Invalid(f"The body is of resourceType {name}; expected {expected_type}.")


def _checked_keys(tree: Any) -> int:
    try:
        return count_keys(tree)
    except Broken:
        raise _refusal(tree) from None


def _refusal(tree: Any) -> Unprocessable:
    issues = find_faults(tree)
    if not issues:
        issues = [Issue("structure", "The structure is not that of R4, at a place that could not be named.")]
    more = f" ({len(issues) - 1} more)" if len(issues) > 1 else ""
    return Unprocessable(issues[0].diagnostics + more, issues=issues)
