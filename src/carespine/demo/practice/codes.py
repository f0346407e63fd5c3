"""The codes the practice writes, each with what vouches for it.

SNOMED CT and LOINC check digits are recomputed by the tests; a check digit does not prove a meaning, so the
last column says who does: R = shared reference pages (metrics, care), F = FHIR R4 vital signs profile,
S = used with this meaning by Synthea (Apache-2.0) and other public record sets, K = GP Connect.
"""

from __future__ import annotations

from dataclasses import dataclass

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
DMD = "https://dmd.nhs.uk"
ODS_CODE = "https://fhir.nhs.uk/Id/ods-organization-code"
SDS_USER = "https://fhir.nhs.uk/Id/sds-user-id"
CARESPINE = "https://carespine.example/fhir"
STAFF_ROLE = f"{CARESPINE}/CodeSystem/staff-role"

UK_CORE_EXTENSION = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
VERIFICATION_STATUS = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus"
ETHNIC_CATEGORY = "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland"

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
ACT_CODE = f"{TERMINOLOGY}v3-ActCode"
ACT_REASON = f"{TERMINOLOGY}v3-ActReason"
OBSERVATION_CATEGORY = f"{TERMINOLOGY}observation-category"
CONDITION_CLINICAL = f"{TERMINOLOGY}condition-clinical"
CONDITION_VERIFIED = f"{TERMINOLOGY}condition-ver-status"
CONDITION_CATEGORY = f"{TERMINOLOGY}condition-category"
MEDICATION_CATEGORY = f"{TERMINOLOGY}medicationrequest-category"
THERAPY_TYPE = f"{TERMINOLOGY}medicationrequest-course-of-therapy"
ORGANISATION_TYPE = f"{TERMINOLOGY}organization-type"


@dataclass(frozen=True, slots=True)
class Code:
    """A code with its display and what vouches for its meaning."""

    system: str
    code: str
    display: str
    source: str

    def coding(self) -> dict[str, str]:
        return {"system": self.system, "code": self.code, "display": self.display}


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured: its name, its codes, its unit as UCUM and as people write it, FHIR's category."""

    name: str
    codes: tuple[Code, ...]
    ucum: str
    unit: str
    category: str


def _snomed(code: str, display: str, source: str = "R") -> Code:
    return Code(SNOMED, code, display, source)


def _loinc(code: str, display: str, source: str = "R") -> Code:
    return Code(LOINC, code, display, source)


CONDITION_CODES: dict[str, Code] = {
    "hypertension": _snomed("59621000", "Essential hypertension", "S"),
    "type-1-diabetes": _snomed("46635009", "Diabetes mellitus type 1", "S"),
    "type-2-diabetes": _snomed("44054006", "Diabetes mellitus type 2", "S"),
    "asthma": _snomed("195967001", "Asthma", "S"),
    "copd": _snomed("13645005", "Chronic obstructive lung disease", "S"),
    "ckd-3": _snomed("433144002", "Chronic kidney disease stage 3", "S"),
    "coronary-heart-disease": _snomed("53741008", "Coronary arteriosclerosis", "S"),
    "atrial-fibrillation": _snomed("49436004", "Atrial fibrillation", "S"),
    "heart-failure": _snomed("84114007", "Heart failure", "S"),
}

SMOKING_CODES: dict[str, Code] = {
    "never": _snomed("266919005", "Never smoked tobacco", "S"),
    "former": _snomed("8517006", "Ex-smoker", "S"),
    "current": _snomed("77176002", "Smoker", "S"),
}

ENCOUNTER_CODES: dict[str, Code] = {
    "symptom": _snomed("185345009", "Encounter for symptom", "S"),
    "check-up": _snomed("185349003", "Encounter for check up", "S"),
    "telephone": _snomed("185317003", "Telephone encounter", "S"),
    "follow-up": _snomed("390906007", "Follow-up encounter", "S"),
}

REASON_CODES: tuple[Code, ...] = (
    _snomed("54150009", "Upper respiratory infection", "S"),
    _snomed("279039007", "Low back pain", "S"),
    _snomed("25064002", "Headache", "S"),
    _snomed("49650001", "Dysuria", "S"),
    _snomed("271807003", "Eruption of skin", "S"),
    _snomed("49727002", "Cough", "S"),
)

BLOOD_PRESSURE = Measure(
    "Blood pressure",
    (
        _loinc("85354-9", "Blood pressure panel with all children optional", "F"),
        _snomed("75367002", "Blood pressure", "K"),
    ),
    "mm[Hg]",
    "mmHg",
    "vital-signs",
)
SYSTOLIC = _loinc("8480-6", "Systolic blood pressure", "F")
DIASTOLIC = _loinc("8462-4", "Diastolic blood pressure", "F")
HOME_SYSTOLIC = _snomed("413606001", "Average home systolic blood pressure", "K")
HOME_DIASTOLIC = _snomed("413605002", "Average home diastolic blood pressure", "K")

WEIGHT = Measure(
    "Weight",
    (_loinc("29463-7", "Body weight", "F"), _snomed("27113001", "Body weight", "K")),
    "kg",
    "kg",
    "vital-signs",
)
HEIGHT = Measure(
    "Height",
    (_loinc("8302-2", "Body height", "F"), _snomed("50373000", "Body height", "K")),
    "cm",
    "cm",
    "vital-signs",
)
BMI = Measure(
    "BMI",
    (_loinc("39156-5", "Body mass index (BMI) [Ratio]", "F"), _snomed("60621009", "Body mass index", "K")),
    "kg/m2",
    "kg/m2",
    "vital-signs",
)
SMOKING = Measure(
    "Smoking status", (_loinc("72166-2", "Tobacco smoking status", "S"),), "", "", "social-history"
)
HBA1C = Measure(
    "HbA1c",
    (_loinc("59261-8", "Hemoglobin A1c/Hemoglobin.total in Blood by IFCC protocol", "S"),),
    "mmol/mol",
    "mmol/mol",
    "laboratory",
)
CHOLESTEROL = Measure(
    "Total cholesterol",
    (_loinc("14647-2", "Cholesterol [Moles/volume] in Serum or Plasma", "S"),),
    "mmol/L",
    "mmol/L",
    "laboratory",
)
HDL = Measure(
    "HDL cholesterol",
    (_loinc("14646-4", "Cholesterol in HDL [Moles/volume] in Serum or Plasma", "S"),),
    "mmol/L",
    "mmol/L",
    "laboratory",
)
CREATININE = Measure(
    "Creatinine",
    (_loinc("14682-9", "Creatinine [Moles/volume] in Serum or Plasma", "S"),),
    "umol/L",
    "umol/L",
    "laboratory",
)
EGFR = Measure(
    "eGFR",
    (
        _loinc(
            "62238-1",
            "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood "
            "by Creatinine-based formula (CKD-EPI)",
            "S",
        ),
    ),
    "mL/min/{1.73_m2}",
    "mL/min/1.73m2",
    "laboratory",
)
MEASURES: tuple[Measure, ...] = (
    BLOOD_PRESSURE,
    WEIGHT,
    HEIGHT,
    BMI,
    SMOKING,
    HBA1C,
    CHOLESTEROL,
    HDL,
    CREATININE,
    EGFR,
)


def snomed_and_loinc() -> list[Code]:
    """Every SNOMED CT and LOINC code the practice writes (the medicines are in medicines.py)."""
    codes = [*CONDITION_CODES.values(), *SMOKING_CODES.values(), *ENCOUNTER_CODES.values(), *REASON_CODES]
    codes += [SYSTOLIC, DIASTOLIC, HOME_SYSTOLIC, HOME_DIASTOLIC]
    for measure in MEASURES:
        codes += measure.codes
    return codes
