"""Two practices, their patients and people, and the apps that some of the patients share with."""

from __future__ import annotations

from typing import Any

from carespine.security.actor import Actor

Tree = dict[str, Any]
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
EVERYTHING = frozenset({"system/*.cruds"})

GP = Actor("practitioner", "gp", "Dr Elm", "general practitioner", organisation="A10001")
NURSE = Actor("practitioner", "nurse", "Nurse Elm", "nurse", organisation="A10001")
RECEPTIONIST = Actor("practitioner", "desk", "Reception Elm", "receptionist", organisation="A10001")
OAK_GP = Actor("practitioner", "oak", "Dr Oak", "general practitioner", organisation="B20002")
LOCUM = Actor("practitioner", "locum", "Dr None", "general practitioner")
CLEANER = Actor("practitioner", "cleaner", "Mr Mop", "cleaner", organisation="A10001")
ANN = Actor("patient", "ann", "Ann", "patient", patient="ann")
ADMINISTRATOR = Actor("administrator", "admin", "Admin", "administrator", organisation="A10001")
BAND = Actor("app", "band", "Band", "certified app", scopes=EVERYTHING)
PULSE = Actor("app", "pulse", "Pulse", "certified app", scopes=frozenset({"system/Observation.rs"}))
STRANGE = Actor("app", "strange", "Strange", "registered app", scopes=EVERYTHING)


def practice(name: str, ods: str) -> Tree:
    return {
        "resourceType": "Organization",
        "id": name,
        "name": name,
        "identifier": [{"system": ODS, "value": ods}],
    }


def person(name: str, place: str) -> Tree:
    return {
        "resourceType": "Patient",
        "id": name,
        "name": [{"family": name.title()}],
        "generalPractitioner": [{"reference": f"Organization/{place}"}],
    }


def observation(name: str, patient: str | None, code: str = "bp") -> Tree:
    tree: Tree = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"code": code}]},
    }
    return {**tree, "subject": {"reference": f"Patient/{patient}"}} if patient else tree


def condition(name: str, patient: str) -> Tree:
    return {"resourceType": "Condition", "id": name, "subject": {"reference": f"Patient/{patient}"}}


def actor(client: str) -> Tree:
    return {"role": {"text": "recipient"}, "reference": {"identifier": {"value": client}}}


def classes(*codes: str) -> list[Tree]:
    return [{"code": code} for code in codes]


def consent(name: str, patient: str, provision: Tree, **more: Any) -> Tree:
    return {
        "resourceType": "Consent",
        "id": name,
        "status": "active",
        "scope": {"text": "privacy"},
        "category": [{"text": "sharing"}],
        "patient": {"reference": f"Patient/{patient}"},
        "policyRule": {"text": "opt in"},
        "provision": provision,
        **more,
    }


def permit(client: str, *codes: str, **more: Any) -> Tree:
    shared = {"class": classes(*codes)} if codes else {}
    return {"type": "permit", "actor": [actor(client)], **shared, **more}


# Ann and Cy are at Elm, Bob at Oak. Ann shares everything with Band but no Conditions; Bob only Observations
# with Pulse; Cy nothing with anybody.
PEOPLE: tuple[Tree, ...] = (
    practice("elm", "A10001"),
    practice("oak", "B20002"),
    person("ann", "elm"),
    person("bob", "oak"),
    person("cy", "elm"),
    observation("ann-bp", "ann"),
    observation("bob-bp", "bob", "secret"),
    observation("cy-bp", "cy"),
    observation("nobody-bp", None),
    condition("ann-asthma", "ann"),
    condition("bob-asthma", "bob"),
    {
        "resourceType": "Appointment",
        "id": "ann-visit",
        "status": "booked",
        "participant": [{"actor": {"reference": "Patient/ann"}, "status": "accepted"}],
    },
    {
        "resourceType": "Questionnaire",
        "id": "form",
        "status": "active",
    },
    consent(
        "ann-band",
        "ann",
        permit("band", provision=[{"type": "deny", "class": classes("Condition")}]),
    ),
    consent("bob-pulse", "bob", permit("pulse", "Observation")),
)
