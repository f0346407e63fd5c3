"""CS-03: what names one person by reference and another by number or birth date reaches neither."""

from __future__ import annotations

from carespine.kernel.nhs_number import SYSTEM
from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, two_identities
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding


async def _write(context: Context, number: str) -> Answer:
    """Write a reading whose subject is the first patient by reference, and whoever has this number."""
    own = context.first.patient_id
    subject = {"reference": f"Patient/{own}", "identifier": {"system": SYSTEM, "value": number}}
    tree = readings.reading(context, own, subject=subject)
    return await context.fhir("POST", "Observation", identity=context.first, json=tree)


@check(
    "CS-03",
    "right-patient",
    title="A mismatch of person and demographics is stopped",
    quote="Wrong-patient controls: demographic cross-check before write/show.",
    expected="A reading whose subject is the patient by reference and another by NHS number is "
    "refused with a coded error; "
    "with the patient's own number it is taken; a search by the patient's number with another birth date or family "
    "name finds nobody.",
    advice="Compare every identifier and demographic that comes with a reference to the record that it points to.",
    needs=(two_identities,),
)
async def run(context: Context) -> Finding:
    first, second = context.first, context.second
    good = await _write(context, first.nhs_number)
    if not good.ok:
        return context.failed(f"a reading with the patient's own NHS number was not taken: {good}", good)
    faults: list[Fault] = []
    wrong = await _write(context, second.nhs_number)
    if not wrong.refused or not wrong.issue_codes:
        faults.append(fault("a reading that names two people was not refused with a coded error", wrong))
    number = ("identifier", f"{SYSTEM}|{first.nhs_number}")
    others = [("birthdate", "1901-01-01"), ("family", "Nobody-at-all")]
    for other in others:
        answer = await context.fhir("GET", "Patient", identity=first, params=[number, other])
        if answer.ok and any(each.get("resourceType") == "Patient" for each in answer.resources):
            faults.append(fault(f"the NHS number with another {other[0]} found somebody", answer))
    return context.judge(faults, tried=2 + len(others), came="mismatches were stopped, a match was taken")
