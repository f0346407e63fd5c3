"""Whether coded values belong to the value sets they are bound to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from carespine.fhir.faults import shown
from carespine.fhir.validation.findings import ERROR, INFORMATION, WARNING
from carespine.fhir.validation.membership import inside
from carespine.fhir.validation.places import Place
from carespine.fhir.validation.scope import Scope

_MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
_SYSTEM_TYPE = "http://hl7.org/fhirpath/System."
_SEVERITY = {"required": ERROR, "extensible": WARNING, "preferred": INFORMATION}
_WISH = {
    "required": "a code from it is required",
    "extensible": "a code from it is expected unless none of them fits",
    "preferred": "a code from it is recommended",
}
CODED = frozenset({"code", "Coding", "CodeableConcept", "Quantity", "string", "uri"})


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding of some strength, and the value set that must hold in any case, if the binding names one."""

    strength: str
    value_set: str
    widest: str | None = None

    def check(self, value: Any, type_name: str, place: Place, scope: Scope) -> None:
        """Report a value outside. What the terminology does not know is not held against the value."""
        if type(value) is str and value.startswith(_SYSTEM_TYPE):
            return  # R4's own types of `id`, `url` and `value`, which its list of types leaves out
        terminology = scope.context.terminology
        if inside(value, type_name, self.value_set, terminology) is not False:
            return
        if self.widest is not None and inside(value, type_name, self.widest, terminology) is False:
            _report(ERROR, value, self.widest, "a code from it is required", place, scope)
            return
        _report(_SEVERITY[self.strength], value, self.value_set, _WISH[self.strength], place, scope)


def binding_of(row: dict[str, Any]) -> Binding | None:
    """The binding of an element definition; None for one that nothing can break (`example`, or no value set)."""
    found = row.get("binding")
    if found is None or found["strength"] not in _SEVERITY or "valueSet" not in found:
        return None
    widest = next(
        (each.get("valueCanonical") for each in found.get("extension", ()) if each["url"] == _MAX_VALUE_SET),
        None,
    )
    return Binding(found["strength"], found["valueSet"], widest)


def _report(severity: str, value: Any, value_set: str, wish: str, place: Place, scope: Scope) -> None:
    described = _described(value)
    message = (
        f"has {described}, which is not in the value set {value_set}; {wish}."
        if described
        else f"has no code of the value set {value_set}; {wish}."
    )
    scope.findings.add(severity, "code-invalid", place, message, value_set.partition("|")[0])


def _described(value: Any) -> str:
    if not isinstance(value, dict):
        return f"the code {shown(value)}"
    if "coding" in value:
        return "the codes " + ", ".join(_code_text(each) for each in value["coding"][:5])
    if "code" in value:
        return f"the code {_code_text(value)}"
    return ""


def _code_text(coding: dict[str, Any]) -> str:
    system = coding.get("system")
    code = shown(coding["code"]) if "code" in coding else "(none)"
    return f"{code} of {system}" if system else f"{code} without a system"
