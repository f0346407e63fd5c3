"""A FHIR Patient as a page shows one: name, NHS number, age, practice."""

from __future__ import annotations

from datetime import date
from typing import Any

from carespine.kernel import nhs_number
from carespine.security.filing import practice_of
from carespine.security.session import Session
from carespine.web.pages.views import PatientBanner


async def banner(session: Session, patient_id: str, *, today: date) -> PatientBanner:
    """The identity strip of a patient the session may reach."""
    patient = await session.read("Patient", patient_id)
    organisation = practice_of(patient)
    practice = (await session.read("Organization", organisation)).get("name") if organisation else None
    born = birth_date(patient)
    return PatientBanner(
        patient_id,
        name(patient),
        number(patient),
        born,
        age(born, today),
        patient.get("gender", "not known"),
        practice or "not registered",
    )


def name(patient: dict[str, Any]) -> str:
    """The official name, else the first one given, as it is said aloud."""
    names = patient.get("name", [])
    chosen: dict[str, Any] = (
        next((each for each in names if each.get("use") == "official"), {}) or (names or [{}])[0]
    )
    parts = [*chosen.get("prefix", ()), *chosen.get("given", ()), chosen.get("family", "")]
    return chosen.get("text") or " ".join(part for part in parts if part) or "Name not known"


def number(patient: dict[str, Any]) -> str:
    """The NHS number; empty where there is none."""
    found = (
        each.get("value", "")
        for each in patient.get("identifier", ())
        if each.get("system") == nhs_number.SYSTEM
    )
    return next(found, "")


def birth_date(patient: dict[str, Any]) -> date | None:
    """The date of birth where it is known to the day."""
    text = patient.get("birthDate", "")
    return date.fromisoformat(text) if len(text) == len("2000-01-01") else None


def age(born: date | None, today: date) -> int | None:
    """Whole years lived."""
    return (
        None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    )
