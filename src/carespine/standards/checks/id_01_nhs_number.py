"""ID-01: every patient record carries a valid NHS number with its verification status."""

from __future__ import annotations

from typing import Any

from carespine.kernel import nhs_number
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

_STATUS = "Extension-UKCore-NHSNumberVerificationStatus"
# UK Core code system NHSNumberVerificationStatus and the NHS Data Dictionary attribute of the same name.
_TRACED = frozenset({"01", "number-present-and-verified"})
_WITHOUT_NUMBER = frozenset(
    {"06", "07", "08", "trace-in-progress", "number-not-present-and-trace-not-required"}
)
_STATUSES = (
    _TRACED | _WITHOUT_NUMBER | {"02", "03", "04", "05", "number-present-but-not-traced", "trace-required"}
)
_STATUSES |= {
    "trace-attempted-no-match-or-multiple-match-found",
    "trace-needs-to-be-resolved",
    "trace-postponed",
}


def _codes(identifier: dict[str, Any]) -> set[str]:
    """The verification status codes an identifier carries."""
    return {
        str(coding.get("code"))
        for extension in identifier.get("extension", [])
        if str(extension.get("url", "")).endswith(_STATUS)
        for coding in extension.get("valueCodeableConcept", {}).get("coding", [])
    }


def _fault(patient: dict[str, Any]) -> str | None:
    """What is wrong with the NHS number of this Patient, or None."""
    found = [each for each in patient.get("identifier", []) if each.get("system") == nhs_number.SYSTEM]
    if len(found) != 1:
        return f"the Patient has {len(found)} identifiers of the system {nhs_number.SYSTEM}"
    codes = _codes(found[0])
    if not codes & _STATUSES:
        return "the NHS number has no verification status"
    value = found[0].get("value")
    if value is None:
        return None if codes & _WITHOUT_NUMBER else "there is no number, and no status that says why"
    return None if nhs_number.is_valid(str(value)) else "the NHS number fails Modulus 11"


@check(
    "ID-01",
    "nhs-number",
    title="Patients carry a valid NHS number and say how far it was verified",
    quote="Every patient record exchanged carries a checksum-valid 10-digit NHS number with its verification "
    "status",
    expected="Each Patient read or found has one identifier of the system https://fhir.nhs.uk/Id/nhs-number, "
    "valid by Modulus 11, with the UK Core extension NHSNumberVerificationStatus (or the extension "
    "alone where not traced).",
    advice="Add the verification status extension to the NHS number identifier wherever a Patient leaves the "
    "service.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    apart = context.config.hindered
    faults: list[Fault] = []
    tried = 0
    for identity in context.config.identities:
        if not identity.patient_id or identity.name in apart:
            continue
        wanted = ("identifier", f"{nhs_number.SYSTEM}|{identity.nhs_number}")
        for answer in (
            await context.fhir("GET", f"Patient/{identity.patient_id}", identity=identity),
            await context.fhir("GET", "Patient", identity=identity, params=[wanted]),
        ):
            patients = [each for each in answer.resources if each.get("resourceType") == "Patient"]
            tried += max(1, len(patients))
            if not patients:
                faults.append(fault("the identity's own patient was not found", answer))
            faults += [fault(text, answer) for patient in patients if (text := _fault(patient))]
    if not tried:
        return context.skipped("no identity of the configuration reads a patient freely")
    return context.judge(faults, tried=tried, came=f"{tried} Patients carried a valid number and its status")
