"""What a patient shares with which app: FHIR Consents read and written in the patient's own name."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import Forbidden, NotFound
from carespine.security.actor import PATIENT_REQUEST, Actor
from carespine.web.pages.views import Choice, Sharing, SharingPage, Visitor

if TYPE_CHECKING:
    from carespine.kernel.clock import Clock
    from carespine.security.door import Door

CLIENT_SYSTEM = "https://carespine.example/oauth-client"
CLASS_SYSTEM = "https://carespine.example/data-class"
EVERYTHING = "everything"
# What the codes of the metrics' data classes are called on a page, and what belongs to each.
CLASSES = (
    Choice("vital-signs", "Vital signs", "Blood pressure, heart rate, oxygen saturation, temperature"),
    Choice("activity", "Activity", "Steps, distance, exercise, energy used"),
    Choice("sleep", "Sleep", "Time asleep and sleep stages"),
    Choice("glucose", "Glucose", "Readings of a sensor or a finger-prick meter"),
    Choice("body-measurements", "Body measurements", "Weight, height, body fat"),
    Choice("respiratory", "Breathing tests", "Peak flow, spirometry, reliever inhaler"),
    Choice("diet", "Diet", "Energy, nutrients, drinks, fruit and vegetables"),
)
_NAMES = {choice.value: choice.text.lower() for choice in CLASSES}


class SharingChoices:
    """Every verb here acts as the signed-in patient, through the door."""

    def __init__(self, door: Door, clock: Clock) -> None:
        self._door, self._clock = door, clock

    async def page(self, visitor: Visitor, apps: tuple[Choice, ...]) -> SharingPage:
        """What is shared now and what was stopped; `apps` are those that could be chosen."""
        actor, patient_id = _patient(visitor)
        async with self._door.glance(actor, purpose=PATIENT_REQUEST) as session:
            found = await session.search("Consent", [("patient", patient_id), ("_count", "200")])
        known = {app.value: app for app in apps}
        told = [(tree, _sharing(tree, known)) for tree in found.entries]
        active = tuple(item for tree, item in told if tree["status"] == "active" and not item.ended_at)
        ended = tuple(item for tree, item in told if item not in active)
        return SharingPage(active, ended, apps, CLASSES)

    async def withdraw(self, visitor: Visitor, consent_id: str) -> None:
        """Stop a sharing from now on; what it was and when it ended stays in the record."""
        actor, patient_id = _patient(visitor)
        async with self._door.enter(actor, purpose=PATIENT_REQUEST) as session:
            consent = await session.read("Consent", consent_id)
            if consent["patient"]["reference"] != f"Patient/{patient_id}":
                raise NotFound("You are not sharing this.")
            if consent["status"] != "active":
                return
            period = {**consent.get("provision", {}).get("period", {}), "end": fhir_instant(self._clock())}
            consent["status"] = "inactive"
            consent["provision"] = {**consent.get("provision", {}), "period": period}
            await session.update(consent, if_match=int(consent["meta"]["versionId"]))

    async def share(self, visitor: Visitor, app: Choice, data_classes: tuple[str, ...]) -> None:
        """Share these kinds of readings with the app from now on."""
        actor, patient_id = _patient(visitor)
        tree = consent_tree(
            patient_id, client_id=app.value, name=app.text, data_classes=data_classes, now=self._clock()
        )
        async with self._door.enter(actor, purpose=PATIENT_REQUEST) as session:
            await session.create(tree)


def consent_tree(
    patient_id: str, *, client_id: str, name: str, data_classes: tuple[str, ...], now: datetime
) -> dict[str, Any]:
    """An R4 Consent that permits the app to send and see these classes of data, and nothing else."""
    patient = {"reference": f"Patient/{patient_id}"}
    recipient = {"identifier": {"system": CLIENT_SYSTEM, "value": client_id}, "display": name}
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": _concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [_concept("http://loinc.org", "59284-0")],
        "patient": patient,
        "dateTime": fhir_instant(now),
        "performer": [patient],
        "policyRule": _concept("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN"),
        "provision": {
            "type": "permit",
            "period": {"start": fhir_instant(now)},
            "actor": [
                {
                    "role": _concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"),
                    "reference": recipient,
                }
            ],
            "class": [{"system": CLASS_SYSTEM, "code": code} for code in data_classes],
        },
    }


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _patient(visitor: Visitor) -> tuple[Actor, str]:
    if visitor.actor is None or visitor.patient_id is None:
        raise Forbidden("Only a patient can decide what they share.")
    return visitor.actor, visitor.patient_id


def _sharing(consent: dict[str, Any], apps: dict[str, Choice]) -> Sharing:
    provision = consent.get("provision", {})
    recipient: dict[str, Any] = next((actor["reference"] for actor in provision.get("actor", ())), {})
    client_id = recipient.get("identifier", {}).get("value") or recipient.get("reference", "")
    classes = [coding.get("code", "") for coding in provision.get("class", ())]
    certified = client_id in apps
    return Sharing(
        consent_id=consent["id"],
        app=recipient.get("display") or (apps[client_id].text if certified else client_id),
        shared=tuple(_NAMES.get(code, code) for code in classes if code != "*") or (EVERYTHING,),
        since=_moment(provision.get("period", {}).get("start") or consent.get("dateTime")),
        ended_at=_moment(provision.get("period", {}).get("end")),
        note=None if certified else "This app holds no valid certificate now, so it cannot send readings.",
    )


def _moment(text: str | None) -> datetime | None:
    """A FHIR dateTime with a zone as an instant; a bare date has no hour, so it is not shown as one."""
    if not text or "T" not in text:
        return None
    return datetime.fromisoformat(text)
