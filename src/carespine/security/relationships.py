"""Why an organisation may see a patient: registered there, referred to it, an episode, an appointment, a consent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from carespine.fhir import json_text
from carespine.fhir.search import moments
from carespine.security.audit_event import ODS_SYSTEM
from carespine.security.compartment import patient_key_of
from carespine.storage import resources
from carespine.storage.instants import FIRST, LAST, instant

if TYPE_CHECKING:
    from carespine.storage.database import Connection

ODS = "ods:"
TYPES = frozenset({"Appointment", "Consent", "EpisodeOfCare", "Patient", "ServiceRequest"})
# R4 value sets: the states in which each is under way.
_BOOKED = frozenset({"pending", "booked", "arrived", "checked-in", "fulfilled"})
_UNDER_WAY = frozenset({"planned", "waitlist", "active", "onhold"})
_REFERRED = frozenset({"active", "on-hold"})
# Ours: how long an appointment is a reason to look at the record after it has ended (letters, results).
_AFTER_APPOINTMENT = timedelta(days=90)
# Where the organisation behind a reference to something else stands.
_ORGANISATION_IN = {
    "HealthcareService": "providedBy",
    "Location": "managingOrganization",
    "PractitionerRole": "organization",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One organisation's reason, between two moments. `party` is a FHIR Reference."""

    kind: str
    party: dict[str, Any]
    starts: datetime = FIRST
    ends: datetime = LAST


async def file(tx: Connection, tree: dict[str, Any]) -> None:
    """Replace the reasons that a resource gives by those it gives now."""
    source, patient = f"{tree['resourceType']}/{tree['id']}", patient_key_of(tree)
    rows = []
    for reason in _reasons(tree):
        organisation = await _organisation(tx, reason.party)
        if organisation and patient:
            rows.append((patient, organisation, reason.kind, source, reason.starts, reason.ends))
    await tx.execute("delete from care_relationship where source = $1", source)
    await _insert(tx, rows)


async def unfile(tx: Connection, resource_type: str, resource_id: str) -> None:
    """Follow a deletion."""
    await tx.execute("delete from care_relationship where source = $1", f"{resource_type}/{resource_id}")


async def _insert(tx: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    for row in rows:
        await tx.execute(
            "insert into care_relationship (patient, organisation, kind, source, starts, ends) "
            "values ($1, $2, $3, $4, $5, $6) on conflict (patient, organisation, source) do update "
            "set starts = least(care_relationship.starts, excluded.starts), "
            "ends = greatest(care_relationship.ends, excluded.ends)",
            *row,
        )


def _reasons(tree: dict[str, Any]) -> Iterator[Reason]:
    status = tree.get("status")
    match tree["resourceType"]:
        case "Patient":
            for party in registered(tree):
                yield Reason("registered", party)
        case "ServiceRequest" if status in _REFERRED:
            for party in tree.get("performer", ()):
                yield Reason("referral", party)
        case "EpisodeOfCare" if status in _UNDER_WAY and "managingOrganization" in tree:
            starts, ends = _period(tree.get("period") or {})
            yield Reason("episode", tree["managingOrganization"], starts, ends)
        case "Appointment" if status in _BOOKED:
            _, ends = _period({"end": tree.get("end") or tree.get("start")})
            for participant in tree.get("participant", ()):
                if participant.get("status") != "declined":
                    until = min(ends, LAST - _AFTER_APPOINTMENT) + _AFTER_APPOINTMENT
                    yield Reason("appointment", participant.get("actor") or {}, FIRST, until)
        case "Consent":
            yield from _consented(tree)


def registered(patient: dict[str, Any]) -> list[dict[str, Any]]:
    """Where a patient is registered: one FHIR Reference, or none.

    UK Core names the registered practice in generalPractitioner; managingOrganization counts where none is.
    """
    practices = [each for each in patient.get("generalPractitioner", ()) if _names_organisation(each)]
    if practices:
        return practices[:1]
    own = patient.get("managingOrganization")
    return [own] if own else []


def _names_organisation(reference: dict[str, Any]) -> bool:
    by_code = (reference.get("identifier") or {}).get("system") == ODS_SYSTEM
    return reference.get("reference", "").startswith("Organization/") or by_code


def _consented(consent: dict[str, Any]) -> Iterator[Reason]:
    """A patient who shares everything with an organisation gives it a reason; whatever narrows it gives none."""
    provision = consent.get("provision") or {}
    plain = not any(
        name in provision for name in ("class", "code", "data", "purpose", "securityLabel", "action")
    )
    if consent.get("status") == "active" and provision.get("type") == "permit" and plain:
        starts, ends = _period(provision.get("period") or {})
        for actor in provision.get("actor", ()):
            party = actor.get("reference") or {}
            if _names_organisation(party):
                yield Reason("consent", party, starts, ends)


def _period(period: dict[str, Any]) -> tuple[datetime, datetime]:
    starts = instant(moments.interval(period["start"])[0]) if period.get("start") else FIRST
    ends = instant(moments.interval(period["end"])[1]) if period.get("end") else LAST
    return starts, ends


async def _organisation(tx: Connection, party: dict[str, Any]) -> str | None:
    """The organisation that a reference names, or stands for; None where it is none that is known."""
    identifier = party.get("identifier") or {}
    if identifier.get("system") == ODS_SYSTEM and identifier.get("value"):
        return f"{ODS}{identifier['value']}"
    kind, _, resource_id = party.get("reference", "").partition("/")
    if kind == "Organization" and resource_id:
        return str(resource_id)
    if kind == "Practitioner":
        ods = await tx.fetchval(
            "select organisation from account where reference = $1 and kind = 'practitioner'",
            party["reference"],
        )
        return f"{ODS}{ods}" if ods else None
    if kind not in _ORGANISATION_IN:
        return None
    found = await resources.read(tx, kind, resource_id)
    inner = json_text.read(found.body).get(_ORGANISATION_IN[kind]) if found and not found.deleted else None
    return await _organisation(tx, inner) if isinstance(inner, dict) else None
