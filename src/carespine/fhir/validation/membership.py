"""Whether a coded value is in a value set."""

from __future__ import annotations

from typing import Any

from carespine.fhir.validation.terminology import Terminology

_QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration", "Money", "SimpleQuantity"})


def belongs(value: Any, value_set: str, terminology: Terminology) -> bool | None:
    """Whether a code, Coding or CodeableConcept is in a value set, as memberOf() asks."""
    if isinstance(value, str):
        return terminology.validate_code(None, value, value_set)
    return inside(value, "CodeableConcept" if "coding" in value else "Coding", value_set, terminology)


def inside(value: Any, type_name: str, value_set: str, terminology: Terminology) -> bool | None:
    if type(value) is str:
        return terminology.validate_code(None, value, value_set)
    if type(value) is not dict:
        return None
    if type_name == "CodeableConcept":
        answers = [_coding_inside(each, value_set, terminology) for each in value.get("coding", ())]
        return True if True in answers else None if None in answers else False
    if type_name in _QUANTITIES and "code" not in value:
        return None
    return _coding_inside(value, value_set, terminology)


def _coding_inside(coding: Any, value_set: str, terminology: Terminology) -> bool | None:
    code = coding.get("code")
    if code is None:
        return False
    system = coding.get("system")
    if system is None and terminology.validate_code(None, code, value_set) is None:
        return None
    return False if system is None else terminology.validate_code(system, code, value_set)
