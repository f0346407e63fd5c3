"""Whether references and canonicals point to what they may point to."""

from __future__ import annotations

from typing import Any

from carespine.fhir import definitions
from carespine.fhir.faults import shown
from carespine.fhir.validation import reference_text
from carespine.fhir.validation.findings import ERROR, WARNING
from carespine.fhir.validation.places import Place
from carespine.fhir.validation.scope import Scope

_WITHIN_BUNDLE = ("urn:uuid:", "urn:oid:")


class Targets:
    """The check of a Reference that may point to `types` (empty: any)."""

    def __init__(self, types: tuple[str, ...]) -> None:
        self.types = frozenset() if set(types) & {"Resource", "Any"} else frozenset(types)

    def check(self, value: Any, place: Place, scope: Scope) -> None:
        """Report what is wrong with a reference."""
        text = value.get("reference")
        if not isinstance(text, str):
            self._declared(value.get("type"), place, scope)
            return
        named = _form(text, place, scope)
        found = None
        if named is None or scope.bundle is not None or scope.context.require_references:
            found = _resolved(text, place, scope)
        actual = found.get("resourceType") if found is not None else named
        declared = value.get("type")
        if actual is None:
            self._declared(declared, place, scope)
            return
        if declared is not None and declared != actual:
            message = f"says its type is {shown(declared)}, but points to {actual} ({shown(text)})."
            scope.findings.add(ERROR, "structure", place, message, "reference-type")
        self._allowed(str(actual), shown(text), place, scope)

    def _declared(self, declared: Any, place: Place, scope: Scope) -> None:
        if isinstance(declared, str) and "/" not in declared:
            self._allowed(declared, "its type", place, scope)

    def _allowed(self, actual: str, what: str, place: Place, scope: Scope) -> None:
        if self.types and actual not in self.types:
            message = f"points to {actual} ({what}); expected {_one_of(self.types)}."
            scope.findings.add(ERROR, "structure", place, message, "reference-target")


def _form(text: str, place: Place, scope: Scope) -> str | None:
    """The type that a reference names; a text that can be no reference is reported."""
    named = reference_text.type_of(text)
    if named is None and not (
        text.startswith("#") or reference_text.is_absolute(text) or reference_text.is_conditional(text)
    ):
        message = (
            f"has the reference {shown(text)}; expected Type/id with a resource type of R4, an absolute URL, "
            "a URN, or # and the id of a contained resource."
        )
        scope.findings.add(ERROR, "value", place, message, "reference-form")
    return named


def _resolved(text: str, place: Place, scope: Scope) -> dict[str, Any] | None:
    found = scope.resolve(text)
    if found is not None or text.startswith("#"):  # what is not contained is the rule ref-1
        return found
    if text.startswith(_WITHIN_BUNDLE) and scope.bundle is not None:
        severity = ERROR if scope.bundle.type in ("document", "transaction", "message") else WARNING
        message = f"refers to {shown(text)}, and the bundle has no entry with that fullUrl."
        scope.findings.add(severity, "not-found", place, message, "reference-in-bundle")
    elif scope.context.require_references and not reference_text.is_conditional(text):
        message = f"refers to {shown(text)}, which cannot be found."
        scope.findings.add(ERROR, "not-found", place, message, "reference-found")
    return None


def target_types(row: dict[str, Any], code: str) -> tuple[str, ...]:
    """The resource types that R4's own profiles allow as targets of a type of an element definition."""
    names = (
        profile.rpartition("/")[2]
        for part in row.get("type", ())
        if part["code"] == code
        for profile in part.get("targetProfile", ())
    )
    return tuple(name for name in names if definitions.is_resource(name))


def _one_of(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))
