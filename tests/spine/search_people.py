"""The small population that the search tests ask about: each resource differs where a parameter looks."""

from __future__ import annotations

from typing import Any

Tree = dict[str, Any]
LOINC, SCT, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"


def concept(system: str | None, code: str, text: str | None = None) -> Tree:
    coding = {"system": system, "code": code} if system else {"code": code}
    return {"coding": [coding], **({"text": text} if text else {})}


def amount(value: Any, unit: str, code: str | None = None) -> Tree:
    return {"value": value, "unit": unit, **({"system": UCUM, "code": code} if code else {})}


def observation(name: str, patient: str | None, code: str, **more: Any) -> Tree:
    tree = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": concept(LOINC, code),
        **more,
    }
    return {**tree, "subject": {"reference": f"Patient/{patient}"}} if patient else tree


def pressure(name: str, patient: str, systolic: int, diastolic: int) -> Tree:
    parts = [("8480-6", systolic), ("8462-4", diastolic)]
    components = [
        {"code": concept(LOINC, code), "valueQuantity": amount(value, "mmHg", "mm[Hg]")}
        for code, value in parts
    ]
    return observation(name, patient, "85354-9", component=components)


PEOPLE: tuple[Tree, ...] = (
    {"resourceType": "Organization", "id": "trust", "name": "The Trust"},
    {
        "resourceType": "Organization",
        "id": "elm",
        "name": "Elm Surgery",
        "partOf": {"reference": "Organization/trust"},
    },
    {"resourceType": "Organization", "id": "oak", "name": "Oak Surgery"},
    {"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Young"}]},
    {
        "resourceType": "Patient",
        "id": "ann",
        "active": True,
        "name": [{"family": "Abel", "given": ["Ann", "Zoë"]}, {"text": "Annie O'Brien-Smith"}],
        "gender": "female",
        "birthDate": "1980-05-17",
        "identifier": [
            {"system": "http://mrn", "value": "1", "type": concept("http://t", "MR")},
            {"value": "bare"},
        ],
        "telecom": [{"system": "phone", "use": "home", "value": "(01632) 960 001"}],
        "address": [{"city": "York", "postalCode": "YO1 7HH"}],
        "managingOrganization": {"reference": "Organization/elm"},
        "generalPractitioner": [{"reference": "Practitioner/doc"}],
        "meta": {"tag": [{"system": "http://tag", "code": "red"}], "profile": ["http://profile|1.0"]},
    },
    {
        "resourceType": "Patient",
        "id": "bob",
        "active": False,
        "name": [{"family": "Abelard", "given": ["Bob"]}],
        "gender": "male",
        "birthDate": "1980-05",
        "identifier": [{"system": "http://mrn", "value": "2"}, {"system": "http://other", "value": "1"}],
        "managingOrganization": {"reference": "Organization/oak"},
        "deceasedBoolean": True,
    },
    {"resourceType": "Patient", "id": "cy", "birthDate": "1981", "name": [{"family": "MÜLLER"}]},
    {"resourceType": "Patient", "id": "dee"},
    observation(
        "weight",
        "ann",
        "29463-7",
        valueQuantity=amount(70.5, "kg", "kg"),
        effectiveDateTime="2026-03-01T09:30:00Z",
        performer=[{"reference": "Practitioner/doc"}],
    ),
    observation(
        "heavy",
        "bob",
        "29463-7",
        valueQuantity=amount(120, "kg", "kg"),
        effectiveDateTime="2026-03-31T23:30:00-02:00",
    ),
    observation(
        "stones", "bob", "29463-7", valueQuantity=amount(12, "stone"), effectivePeriod={"start": "2026-03-02"}
    ),
    observation("less", "cy", "2160-0", valueQuantity={**amount(10, "umol/L", "umol/L"), "comparator": "<"}),
    observation(
        "smoking",
        "ann",
        "72166-2",
        valueCodeableConcept=concept(SCT, "8517006", "Ex-smoker"),
        effectivePeriod={"start": "2020", "end": "2021-06"},
    ),
    observation("note", "dee", "48767-8", valueString="walks  the Dog"),
    observation("orphan", None, "48767-8"),
    pressure("calm", "ann", 118, 76),
    pressure("tense", "bob", 165, 118),
    {
        "resourceType": "Condition",
        "id": "asthma",
        "code": concept(SCT, "195967001", "Asthma"),
        "subject": {"reference": "Patient/ann"},
        "asserter": {"identifier": {"system": "http://gmc", "value": "77"}},
    },
    {
        "resourceType": "RiskAssessment",
        "id": "risk",
        "status": "final",
        "subject": {"reference": "Patient/ann"},
        "prediction": [{"probabilityDecimal": 0.25}, {"probabilityDecimal": 0.250}],
    },
    {"resourceType": "ValueSet", "id": "vs", "status": "active", "url": "http://a.example/set/one"},
    {"resourceType": "ValueSet", "id": "vs2", "status": "active", "url": "http://a.example/settle"},
    {
        "resourceType": "ValueSet",
        "id": "weights",
        "status": "active",
        "url": "http://b.example/weights",
        "compose": {"include": [{"system": LOINC, "concept": [{"code": "29463-7"}, {"code": "3141-9"}]}]},
    },
    {
        "resourceType": "CodeSystem",
        "id": "kinds",
        "status": "active",
        "content": "complete",
        "url": "http://a.example/kinds",
        "hierarchyMeaning": "is-a",
        "concept": [{"code": "clinic", "concept": [{"code": "eye", "concept": [{"code": "retina"}]}]}],
    },
    {
        "resourceType": "List",
        "id": "round",
        "status": "current",
        "mode": "working",
        "entry": [
            {"item": {"reference": "Patient/cy"}},
            {"item": {"reference": "Patient/ann"}, "deleted": True},
            {"item": {"reference": "Patient/dee/_history/1"}},
            {"item": {"reference": "Observation/weight"}},
        ],
    },
    {
        "resourceType": "Condition",
        "id": "problem",
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml"><b>Bone</b> metastases&#160;of O\'Brien</div>',
        },
        "code": concept(SCT, "94222008", "Secondary tumour"),
        "subject": {"reference": "Patient/bob"},
        "category": [
            concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")
        ],
        "clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
        "note": [{"text": "liver, too; seen in Zürich"}],
    },
    {
        "resourceType": "Location",
        "id": "site",
        "name": "Site",
        "type": [concept("http://a.example/kinds", "clinic")],
    },
    {
        "resourceType": "Location",
        "id": "wing",
        "name": "Wing",
        "partOf": {"reference": "Location/site"},
        "type": [concept("http://a.example/kinds", "eye")],
    },
    {
        "resourceType": "Location",
        "id": "ward",
        "name": "Ward",
        "partOf": {"reference": "Location/wing"},
        "type": [concept("http://a.example/kinds", "retina")],
    },
    {
        "resourceType": "Encounter",
        "id": "stay",
        "status": "finished",
        "class": {"code": "IMP"},
        "location": [{"location": {"reference": "Location/ward"}}],
    },
    {"resourceType": "Location", "id": "leeds", "position": {"latitude": 53.8, "longitude": -1.55}},
    {"resourceType": "Location", "id": "york", "position": {"latitude": 53.96, "longitude": -1.08}},
    {"resourceType": "Location", "id": "fiji", "position": {"latitude": -17.0, "longitude": 179.9}},
    {"resourceType": "Location", "id": "pole", "position": {"latitude": 89.9, "longitude": 10}},
    {
        "resourceType": "Appointment",
        "id": "visit",
        "status": "booked",
        "participant": [
            {"actor": {"reference": "Patient/cy"}, "status": "accepted"},
            {"actor": {"reference": "Patient/ann"}, "status": "accepted"},
        ],
    },
    {"resourceType": "Person", "id": "person", "link": [{"target": {"reference": "Patient/ann"}}]},
    {
        "resourceType": "SupplyRequest",
        "id": "supply",
        "quantity": {"value": 1},
        "itemCodeableConcept": {"text": "pads"},
        "deliverTo": {"reference": "Patient/ann"},
    },
    {
        "resourceType": "AppointmentResponse",
        "id": "reply",
        "appointment": {"reference": "Appointment/visit"},
        "actor": {"reference": "Patient/ann"},
        "participantStatus": "accepted",
    },
)
