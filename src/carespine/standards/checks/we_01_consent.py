"""WE-01: readings come in only with consent to their kind, and order nothing by themselves."""

from __future__ import annotations

from carespine.standards.engine import readings
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.engine.readings import Quantity
from carespine.standards.models import Fault, Finding

# A blood pressure that would alarm anybody: still a person decides (WE-01, never auto-trigger treatment).
_ALARMING = (("8480-6", "Systolic blood pressure", 225), ("8462-4", "Diastolic blood pressure", 128))
_ORDERS = ("MedicationRequest", "ServiceRequest", "Task", "CarePlan", "Appointment")


async def _orders(context: Context) -> dict[str, int]:
    """How many orders of each kind the patient has, of the kinds this identity may see."""
    counts: dict[str, int] = {}
    for name in _ORDERS:
        answer = await context.fhir(
            "GET", name, identity=context.first, params=[("patient", context.first.patient_id)]
        )
        if answer.ok:
            counts[name] = sum(each.get("resourceType") == name for each in answer.resources)
    return counts


@check(
    "WE-01",
    "consent",
    title="No reading without consent to its kind, no order from a reading",
    quote="Wearable/diet data need consent per class, show in GP summary, never auto-trigger treatment.",
    expected="Readings of a patient who did not consent, and of a kind that the identity's own patient "
    "did not consent to, are refused with 403 and an OperationOutcome and are not stored; an "
    "alarming blood pressure is stored and makes no order.",
    advice="Ask for consent by kind of data before storing, in the same place that decides who may reach a "
    "patient.",
    needs=(one_identity, configured("consent")),
)
async def run(context: Context) -> Finding:
    consent = context.config.consent
    assert consent is not None  # noqa: S101 - `needs` has seen to it
    refused = Quantity(consent.refused_loinc, "refused", consent.refused_unit, 5, 9)
    own, first = context.first.patient_id, context.first
    faults: list[Fault] = []
    for what, tree in (
        ("a patient who did not consent", readings.reading(context, consent.patient_id)),
        ("a kind of data without consent", readings.reading(context, own, quantity=refused)),
    ):
        answer = await context.fhir("POST", "Observation", identity=first, json=tree)
        if answer.status not in {403, 404} or not answer.issue_codes:
            faults.append(fault(f"a reading of {what} was not refused", answer))
    pairs = [("patient", own), ("code", f"{readings.LOINC}|{consent.refused_loinc}")]
    stored = await context.fhir("GET", "Observation", identity=first, params=pairs)
    if any(each.get("resourceType") == "Observation" for each in stored.resources):
        faults.append(fault("readings of a kind without consent are stored", stored))
    before = await _orders(context)
    alarming = readings.reading(
        context,
        own,
        component=[
            {
                "code": {"coding": [{"system": readings.LOINC, "code": code, "display": display}]},
                "valueQuantity": {
                    "value": value,
                    "unit": "mm[Hg]",
                    "system": readings.UCUM,
                    "code": "mm[Hg]",
                },
            }
            for code, display, value in _ALARMING
        ],
    )
    alarming["code"] = {
        "coding": [{"system": readings.LOINC, "code": "85354-9", "display": "Blood pressure panel"}]
    }
    del alarming["valueQuantity"]
    taken = await context.fhir("POST", "Observation", identity=first, json=alarming)
    if not taken.ok:
        faults.append(fault("an alarming but possible blood pressure was not stored", taken))
    if await _orders(context) != before:
        faults.append(fault("a reading made an order by itself", taken))
    return context.judge(
        faults, tried=5, came="readings without consent refused; an alarming one ordered nothing"
    )
