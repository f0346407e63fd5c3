"""Conditions, medication requests and encounters as FHIR trees."""

from __future__ import annotations

from datetime import date

from carespine.demo.practice import codes
from carespine.demo.practice.codes import Code
from carespine.demo.practice.directory import location_id
from carespine.demo.practice.medicines import MEDICINES
from carespine.demo.practice.story_people import PRACTICE, Staff
from carespine.demo.practice.treatment import Course
from carespine.demo.practice.trees import Tree, coded, concept, period, reference
from carespine.demo.practice.visits import Visit

_ENCOUNTER_OF_VISIT = {
    "review": "check-up",
    "health-check": "check-up",
    "follow-up": "follow-up",
    "symptom": "symptom",
}
_ISSUES_A_YEAR = 6  # repeat prescriptions of 56 days


def condition(resource_id: str, patient_id: str, *, name: str, since: date, recorder: Staff) -> Tree:
    code = codes.CONDITION_CODES[name]
    return {
        "resourceType": "Condition",
        "id": resource_id,
        "clinicalStatus": coded(codes.CONDITION_CLINICAL, "active"),
        "verificationStatus": coded(codes.CONDITION_VERIFIED, "confirmed"),
        "category": [coded(codes.CONDITION_CATEGORY, "problem-list-item", "Problem List Item")],
        "code": concept(code, text=code.display),
        "subject": reference("Patient", patient_id),
        "onsetDateTime": since.isoformat(),
        "recordedDate": since.isoformat(),
        "recorder": reference("Practitioner", recorder.id, recorder.name),
    }


def medication_request(
    resource_id: str, patient_id: str, *, course: Course, reason_id: str, requester: Staff
) -> Tree:
    """A repeat prescription of one medicine; stopped where the course has an end."""
    medicine = MEDICINES[course.medicine]
    coding = {"system": codes.DMD, "code": medicine.code, "display": medicine.name}
    supplied: Tree = {"start": course.start.isoformat()}
    if course.end:
        supplied["end"] = course.end.isoformat()
    return {
        "resourceType": "MedicationRequest",
        "id": resource_id,
        "status": "stopped" if course.end else "active",
        "intent": "order",
        "category": [coded(codes.MEDICATION_CATEGORY, "community", "Community")],
        "medicationCodeableConcept": {"coding": [coding], "text": medicine.name},
        "subject": reference("Patient", patient_id),
        "authoredOn": course.start.isoformat(),
        "requester": reference("Practitioner", requester.id, requester.name),
        "reasonReference": [reference("Condition", reason_id)],
        "courseOfTherapyType": coded(codes.THERAPY_TYPE, "continuous", "Continuous long term therapy"),
        "dosageInstruction": [{"text": medicine.dose}],
        "dispenseRequest": {
            "validityPeriod": supplied,
            "numberOfRepeatsAllowed": _ISSUES_A_YEAR,
            "quantity": {"value": medicine.supply, "unit": medicine.unit},
            "expectedSupplyDuration": {
                "value": medicine.supply_days,
                "unit": "day",
                "system": codes.UCUM,
                "code": "d",
            },
        },
    }


def encounter(
    resource_id: str, patient_id: str, *, visit: Visit, minute: int, staff: Staff, reason: Code | None
) -> Tree:
    kind = codes.ENCOUNTER_CODES[_ENCOUNTER_OF_VISIT[visit.kind]]
    types = [kind, codes.ENCOUNTER_CODES["telephone"]] if visit.by_telephone else [kind]
    tree: Tree = {
        "resourceType": "Encounter",
        "id": resource_id,
        "status": "finished",
        "class": _virtual() if visit.by_telephone else _ambulatory(),
        "type": [concept(each, text=each.display) for each in types],
        "subject": reference("Patient", patient_id),
        "participant": [{"individual": reference("Practitioner", staff.id, staff.name)}],
        "period": period(visit.on, minute, 10 if visit.kind == "symptom" else 20),
        "serviceProvider": reference("Organization", PRACTICE.id, PRACTICE.name),
    }
    if reason:
        tree["reasonCode"] = [concept(reason, text=reason.display)]
    if not visit.by_telephone:
        tree["location"] = [{"location": reference("Location", location_id(PRACTICE))}]
    return tree


def _ambulatory() -> Tree:
    return {"system": codes.ACT_CODE, "code": "AMB", "display": "ambulatory"}


def _virtual() -> Tree:
    return {"system": codes.ACT_CODE, "code": "VR", "display": "virtual"}
