"""What each kind of actor may do with which resource type: tables one can read aloud."""

from __future__ import annotations

from carespine.kernel.errors import Invalid
from carespine.security import scope_reach
from carespine.security.actor import AccountKind, Actor

# Resource types that describe services, not patients; anyone who is signed in may read them.
DIRECTORY = frozenset(
    {
        "CodeSystem",
        "ConceptMap",
        "Endpoint",
        "HealthcareService",
        "Library",
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
# Every role that an account can have, with the kind of actor it makes of its holder.
ROLES: dict[str, AccountKind] = {
    **dict.fromkeys(_ROLES, "practitioner"),
    "patient": "patient",
    "carer": "patient",
    "administrator": "administrator",
    "privacy officer": "officer",
    "auditor": "officer",
}
_OTHERS = {
    "patient": "reads their own record, decides on sharing, sees who looked",
    "carer": "reads what they were given of the record of the person they care for, until a day",
    "administrator": "decides on products and their certificates; no patient data",
    "privacy officer": "sees every emergency access and reads the audit trail; no other patient data",
    "auditor": "reads the audit trail; no other patient data",
}
_PATIENT_MAY_WRITE = frozenset({"Consent"})


def kind_of(role: str) -> AccountKind:
    """The kind of actor that a role makes of its holder; raises Invalid where there is no such role."""
    if role not in ROLES:
        raise Invalid(f"There is no role {role!r}: {', '.join(sorted(ROLES))}.")
    return ROLES[role]


def about(role: str) -> str:
    """What a role may do, in a sentence."""
    if role in _ROLES:
        types, _ = _ROLES[role]
        of_what = "every type of resource" if types is None else ", ".join(sorted(types))
        return f"reads, searches and writes {of_what} of the patients its organisation looks after"
    return _OTHERS[role]


def allows(actor: Actor, resource_type: str, interaction: str) -> bool:
    """Whether the actor may use an interaction (one of c, r, u, d, s) on a resource type at all.

    Which patients' resources it then reaches is for the door to add.
    """
    if actor.kind in ("open", "system"):
        return True
    # Who may see a record is for the patient and for staff to say in person, never for an app.
    if resource_type == "Consent" and interaction not in "rs" and (actor.kind == "app" or actor.client):
        return False
    writes_directory = resource_type in DIRECTORY and interaction not in "rs"
    if actor.kind == "app" and writes_directory and not scope_reach.names(actor, resource_type, interaction):
        return False
    if actor.kind == "app" or actor.client:
        covered = scope_reach.covers(actor, resource_type, interaction)
        return covered and (actor.kind == "app" or _may(actor, resource_type, interaction))
    return _may(actor, resource_type, interaction)


def _may(actor: Actor, resource_type: str, interaction: str) -> bool:
    """What the person may do, whoever acts for them."""
    if resource_type in DIRECTORY:
        return interaction in "rs"
    if actor.proxy:  # a carer reads what they were given, and writes nothing
        return interaction in "rs" and ("*" in actor.proxy or resource_type in actor.proxy)
    if actor.kind == "patient":
        return interaction in "rs" or (resource_type in _PATIENT_MAY_WRITE and interaction in "cu")
    if actor.kind == "practitioner":
        types, letters = _ROLES.get(actor.role, (frozenset(), ""))
        return interaction in letters and (types is None or resource_type in types)
    return False
