"""Who signed in at a provider, as a person of this platform: the level of assurance, the role, the organisation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from carespine.kernel import nhs_number
from carespine.kernel.errors import Unauthenticated
from carespine.security import roles
from carespine.security.accounts import Account
from carespine.security.audit_event import ODS_SYSTEM

if TYPE_CHECKING:
    from carespine.security.federation.provider import Configuration, Told
    from carespine.security.session import Session

# NHS login: P9 is a checked photo identity; at P5 and P0 nobody has checked whose NHS number it is.
IDENTITY_LEVEL = "P9"
_SDS_USER = "https://fhir.nhs.uk/Id/sds-user-id"
_UID = re.compile(r"[0-9]{1,20}")
_LONGEST_NAME = 140


async def patient(session: Session, configuration: Configuration, told: Told) -> Account:
    """The patient whose NHS number NHS login vouches for; raises Unauthenticated with the reason."""
    levels = {str(told.token.get("vot", "")).partition(".")[0]}
    if "identity_proofing_level" in told.token:
        levels.add(str(told.token["identity_proofing_level"]))
    if levels != {IDENTITY_LEVEL}:
        raise Unauthenticated(
            "You have not proved who you are to the level that a health record needs (P9). "
            "Prove who you are with photo identity, then sign in again."
        )
    number = told.get("nhs_number")
    if not isinstance(number, str) or not nhs_number.is_valid(number):
        raise Unauthenticated("It did not say which NHS number is yours.")
    found = await session.search("Patient", [("identifier", f"{nhs_number.SYSTEM}|{number}")])
    active = [each for each in found.entries if each.get("active", True)]
    if len(active) != 1:
        raise Unauthenticated("There is no record here for your NHS number. Ask your practice.")
    name = _name(told) or "A patient"
    return Account(
        user_name(configuration, told), name, "patient", "patient", None, f"Patient/{active[0]['id']}"
    )


async def member_of_staff(
    session: Session, configuration: Configuration, told: Told, *, level: int, job_roles: Mapping[str, str]
) -> Account:
    """The member of staff in the role they chose at CIS2; raises Unauthenticated with the reason.

    `level` is the least authenticator assurance level; `job_roles` is our role by national job role code.
    """
    if _assurance(told) < level:
        raise Unauthenticated(
            f"You signed in with too weak a factor: staff need authenticator assurance level {level} or more, "
            "such as a smartcard or a security key."
        )
    uid = str(told.token["sub"])
    if not _UID.fullmatch(uid):
        raise Unauthenticated("It did not name you by a user id.")
    chosen = _chosen(told)
    ours = job_roles.get(str(chosen.get("role_code", "")).rpartition(":")[2])
    if ours is None or roles.kind_of(ours) != "practitioner":
        raise Unauthenticated("The role that you chose has no access here. Sign in again with another role.")
    organisation = str(chosen.get("org_code", ""))
    if not await _works_here(session, organisation):
        raise Unauthenticated("The organisation of the role that you chose is not known here.")
    name = _name(told) or f"User {uid}"
    reference = await _practitioner(session, uid, name)
    return Account(user_name(configuration, told), name, "practitioner", ours, organisation, reference)


def user_name(configuration: Configuration, told: Told) -> str:
    """The account of a person at a provider: always the same for the same subject of the same issuer."""
    text = f"{configuration.issuer}\n{told.token['sub']}"
    return f"{configuration.kind}.{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _assurance(told: Told) -> int:
    """The authenticator assurance level (NIST SP 800-63B) that the signed token states; 0 where it states none."""
    stated = told.token.get("authentication_assurance_level")
    if stated is None:
        stated = str(told.token.get("acr", "")).removeprefix("AAL")
    return int(stated) if str(stated) in ("1", "2", "3") else 0


def _chosen(told: Told) -> Mapping[str, Any]:
    """The role that the person chose, among those that the provider says they hold."""
    chosen = told.get("selected_roleid")
    held = told.get("nhsid_nrbac_roles")
    if not isinstance(chosen, str) or not chosen or not isinstance(held, list):
        raise Unauthenticated("No role was chosen at the sign-in.")
    found = [role for role in held if isinstance(role, dict) and role.get("person_roleid") == chosen]
    if len(found) != 1:
        raise Unauthenticated("The role that was chosen is not one that you hold.")
    return found[0]


async def _practitioner(session: Session, uid: str, name: str) -> str:
    """The Practitioner with this user id, made at the first sign-in."""
    found = await session.search("Practitioner", [("identifier", f"{_SDS_USER}|{uid}")])
    if found.entries:
        return f"Practitioner/{found.entries[0]['id']}"
    identifier, names = [{"system": _SDS_USER, "value": uid}], [{"text": name}]
    # Under an id of its own, so that two sign-ins at once make one Practitioner.
    made: dict[str, Any] = {
        "resourceType": "Practitioner",
        "id": f"sds-{uid}",
        "active": True,
        "identifier": identifier,
        "name": names,
    }
    await session.update(made)
    return f"Practitioner/sds-{uid}"


async def _works_here(session: Session, ods: str) -> bool:
    """Whether an organisation is known here, and at work."""
    if not (1 <= len(ods) <= 12 and ods.isascii() and ods.isalnum()):
        return False
    found = await session.search("Organization", [("identifier", f"{ODS_SYSTEM}|{ods}")])
    return any(each.get("active", True) for each in found.entries)


def _name(told: Told) -> str:
    """What the provider calls the person; empty where it does not say."""
    parts = [told.get("name")]
    if not isinstance(parts[0], str) or not parts[0].strip():
        parts = [told.get("given_name"), told.get("family_name")]
    text = " ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())
    return text[:_LONGEST_NAME] if text.isprintable() else ""
