"""Pure decisions about what comes in: is it an Observation or Patient at all, can the value and time be."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta
from typing import Any

from wearable import numbers
from wearable.errors import Refusal

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
LOINC = "http://loinc.org"
# Beyond these no living person's value lies: LOINC code to lowest and highest, in the unit the reading has.
POSSIBLE = {
    "8867-4": (20, 300),  # heart rate, beats a minute
    "29463-7": (0.3, 650),  # body weight, kg
    "8480-6": (40, 320),  # systolic pressure, mm[Hg]
    "8462-4": (20, 220),  # diastolic pressure, mm[Hg]
    "15074-8": (0.3, 90),  # glucose, mmol/L
}
# No consumer device recorded before this; a clock that was reset shows 1970 or 2000.
_EARLIEST = datetime.fromisoformat("2007-01-01T00:00:00+00:00")
_AHEAD = timedelta(hours=1)
_STATUSES = {
    "registered",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
    "unknown",
}
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})")
_SHAPES: dict[str, dict[type, str]] = {
    "Observation": {
        str: "id implicitRules language status effectiveDateTime issued valueString",
        dict: "meta text code subject valueQuantity bodySite method device",
        list: "extension identifier basedOn partOf category performer interpretation note derivedFrom component",
    },
    "Patient": {
        str: "id gender birthDate",
        bool: "active",
        dict: "meta text managingOrganization",
        list: "extension identifier name telecom address contact generalPractitioner",
    },
}
_ELEMENTS = {
    kind: {name: shape for shape, names in shapes.items() for name in names.split()}
    for kind, shapes in _SHAPES.items()
}


def resource(raw: bytes, kind: str) -> dict[str, Any]:
    """The resource in `raw`. Raises Refusal where it is not JSON, or not of the kind and shape."""
    try:
        tree = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "structure", "the body is not JSON") from error
    if not isinstance(tree, dict) or tree.get("resourceType") != kind:
        raise Refusal(400, "structure", f"the body is not a resource of the type {kind}")
    for name, value in tree.items():
        shape = str if name == "resourceType" else _ELEMENTS[kind].get(name)
        if shape is None or not isinstance(value, shape) or value in ({}, [], ""):
            raise Refusal(422, "structure", f"{kind} has no element of that name and shape")
    return tree


def codes(reading: dict[str, Any]) -> set[str]:
    """The LOINC codes of a reading and of its components."""
    parts = [reading, *(each for each in reading.get("component", []) if isinstance(each, dict))]
    return {
        str(coding.get("code"))
        for part in parts
        for coding in (part.get("code") or {}).get("coding", [])
        if isinstance(coding, dict) and coding.get("system") == LOINC
    }


def effective(reading: dict[str, Any]) -> datetime:
    """When the reading was taken. Raises Refusal where that is missing or no instant with a zone."""
    text = reading.get("effectiveDateTime", "")
    if not _TIME.fullmatch(text):
        raise Refusal(422, "value", "effectiveDateTime must be a date and time with an offset")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(422, "value", "effectiveDateTime is not a time of the calendar") from error


def check_reading(reading: dict[str, Any], *, now: datetime, possible: bool = True) -> None:
    """Refuse an Observation that breaks FHIR's rules, or (where `possible`) that no body or clock can have
    given.
    """
    if reading.get("status") not in _STATUSES:
        raise Refusal(422, "code-invalid", "status is missing or not one of FHIR's")
    if not isinstance((reading.get("code") or {}).get("coding"), list) or not codes(reading):
        raise Refusal(422, "required", "code must carry a LOINC coding")
    if not isinstance((reading.get("subject") or {}).get("reference"), str):
        raise Refusal(422, "required", "subject must name a Patient")
    at = effective(reading)
    for part in (reading, *reading.get("component", [])):
        _check_quantity(part, possible=possible)
    if possible and not _EARLIEST <= at <= now + _AHEAD:
        raise Refusal(
            422, "business-rule", "the time lies in the far past or in the future: look at the device's clock"
        )


def _check_quantity(part: dict[str, Any], *, possible: bool) -> None:
    quantity = part.get("valueQuantity")
    if quantity is None:
        return
    value = quantity.get("value")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refusal(422, "value", "valueQuantity.value must be a number")
    for code in codes({"code": part.get("code")}):
        low, high = POSSIBLE.get(code, (float("-inf"), float("inf")))
        if possible and not low <= value <= high:
            raise Refusal(422, "business-rule", f"the value is not one a living person has (LOINC {code})")


def twin_of(reading: dict[str, Any]) -> str:
    """What two records of the same reading share: patient, code, instant, value and device."""
    parts = [
        reading["subject"]["reference"].rpartition("/")[2],
        sorted(codes(reading)),
        effective(reading).timestamp(),
        [each.get("valueQuantity") for each in (reading, *reading.get("component", []))],
        reading.get("device"),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def check_patient(patient: dict[str, Any], *, number_too: bool = True) -> str:
    """The NHS number of a new Patient. Raises Refusal where there is not one valid number (if
    `number_too`).
    """
    identifiers = [each for each in patient.get("identifier", []) if isinstance(each, dict)]
    found = [each.get("value") for each in identifiers if each.get("system") == NHS_NUMBER]
    if len(found) != 1 or (number_too and not numbers.is_valid(found[0])):
        raise Refusal(422, "value", "the Patient needs one valid NHS number")
    return str(found[0])
