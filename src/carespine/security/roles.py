"""What each kind of actor may do with which resource type: tables one can read aloud."""

from __future__ import annotations

import re

from carespine.security.actor import Actor

# Resource types that describe services, not patients; anyone who is signed in may read them.
DIRECTORY = frozenset(
    {
        "CodeSystem",
        "ConceptMap",
        "Endpoint",
        "HealthcareService",
        "Location",
        "Medication",
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Schedule",
        "SearchParameter",
        "Slot",
        "StructureDefinition",
        "ValueSet",
    }
)
_ADMINISTRATIVE = frozenset({"Appointment", "Patient", "RelatedPerson", "Task"})

# Interactions by their SMART letter: create, read, update, delete, search.
_CLINICIAN = "crus"
_ROLES: dict[str, tuple[frozenset[str] | None, str]] = {
    # role: (resource types with patient data it reaches, None for all; interactions)
    "general practitioner": (None, _CLINICIAN),
    "nurse": (None, _CLINICIAN),
    "receptionist": (_ADMINISTRATIVE, _CLINICIAN),
}
_PATIENT_MAY_WRITE = frozenset({"Consent"})
_SCOPE = re.compile(r"(?:system|user|patient)/(?P<type>\*|[A-Za-z]+)\.(?P<letters>c?r?u?d?s?)")


def allows(actor: Actor, resource_type: str, interaction: str) -> bool:
    """Whether the actor may use an interaction (one of c, r, u, d, s) on a resource type at all.

    Which patients' resources it then reaches is for the door to add.
    """
    if actor.kind in ("open", "system"):
        return True
    if actor.kind == "app":
        return _scoped(actor.scopes, resource_type, interaction)
    if resource_type in DIRECTORY:
        return interaction in "rs"
    if actor.kind == "patient":
        return interaction in "rs" or (resource_type in _PATIENT_MAY_WRITE and interaction in "cu")
    if actor.kind == "practitioner":
        types, letters = _ROLES.get(actor.role, (frozenset(), ""))
        return interaction in letters and (types is None or resource_type in types)
    return False


def _scoped(scopes: frozenset[str], resource_type: str, interaction: str) -> bool:
    for scope in scopes:
        found = _SCOPE.fullmatch(scope)
        if found and found["type"] in ("*", resource_type) and interaction in found["letters"]:
            return True
    return False


def is_scope(text: str) -> bool:
    """Whether `text` is a SMART v2 resource scope this server understands."""
    found = _SCOPE.fullmatch(text)
    return bool(found and found["letters"])


def within(wanted: str, granted: frozenset[str]) -> bool:
    """Whether a wanted scope asks for nothing beyond the granted ones."""
    found = _SCOPE.fullmatch(wanted)
    if not found or not found["letters"]:
        return False
    if found["type"] == "*":
        return wanted in granted or all(_scoped_any(granted, letter) for letter in found["letters"])
    return all(_scoped(granted, found["type"], letter) for letter in found["letters"])


def _scoped_any(granted: frozenset[str], letter: str) -> bool:
    matches = (_SCOPE.fullmatch(scope) for scope in granted)
    return any(found and found["type"] == "*" and letter in found["letters"] for found in matches)
