"""The code systems this domain writes, and our own codes where no standard code means exactly the same."""

from __future__ import annotations

from carespine.devices.models import Coding

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"

CARESPINE = "https://carespine.example/fhir"
LOCAL_METRIC = f"{CARESPINE}/CodeSystem/device-metric"
LOCAL_RESULT = f"{CARESPINE}/CodeSystem/device-result"
LOCAL_LABEL = f"{CARESPINE}/CodeSystem/data-label"
LOCAL_SOURCE = f"{CARESPINE}/CodeSystem/source-app"
LOCAL_METHOD = f"{CARESPINE}/CodeSystem/measurement-method"
LOCAL_TASK = f"{CARESPINE}/CodeSystem/task"
LOCAL_ORDER = f"{CARESPINE}/CodeSystem/standing-order"
LOCAL_THRESHOLD = f"{CARESPINE}/CodeSystem/threshold"
LOCAL_REASON = f"{CARESPINE}/CodeSystem/reading-refused"
LOCAL_MESSAGE = f"{CARESPINE}/CodeSystem/message"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
IDENTIFIER_CLIENT = "https://carespine.example/oauth-client"
IDENTIFIER_SHA256 = f"{CARESPINE}/Id/file-sha256"
IDENTIFIER_PERIOD = f"{CARESPINE}/Id/review-period"

# SNOMED CT as GP Connect lists them: the coded result of home monitoring is the average, never one reading.
HOME_SYSTOLIC = Coding(SNOMED, "413606001", "Average home systolic blood pressure")
HOME_DIASTOLIC = Coding(SNOMED, "413605002", "Average home diastolic blood pressure")
BP_PANEL = Coding(LOINC, "85354-9", "Blood pressure panel with all children optional")
BP_PANEL_SNOMED = Coding(SNOMED, "75367002", "Blood pressure")

# HL7 CGM implementation guide, checked 2026-11. LOINC owns the display texts; ours stand beside the codes.
CGM_SUMMARY = Coding(LOINC, "107931-8", "")
CGM_MEAN = Coding(LOINC, "105273-7", "")
CGM_GMI = Coding(LOINC, "97506-0", "")
CGM_IN_RANGE = Coding(LOINC, "97510-2", "")
CGM_BELOW = Coding(LOINC, "104642-4", "")
CGM_VERY_LOW = Coding(LOINC, "104641-6", "")
CGM_ABOVE = Coding(LOINC, "104640-8", "")
CGM_VERY_HIGH = Coding(LOINC, "104639-0", "")
CGM_CV = Coding(LOINC, "104638-2", "")
CGM_DAYS = Coding(LOINC, "104636-6", "")
CGM_ACTIVE = Coding(LOINC, "104637-4", "")

# The consensus speaks of all time below and above; LOINC codes its two parts only.
CGM_BELOW_ALL = Coding(LOCAL_RESULT, "cgm-below-range", "Glucose time below 3.9 mmol/L")
CGM_ABOVE_ALL = Coding(LOCAL_RESULT, "cgm-above-range", "Glucose time above 10.0 mmol/L")

# LOINC, as listed for sleep by the VA's patient-contributed data guide.
SLEEP_DEEP = Coding(LOINC, "93831-6", "Deep sleep duration")
SLEEP_LIGHT = Coding(LOINC, "93830-8", "Light sleep duration")
SLEEP_REM = Coding(LOINC, "93829-0", "REM sleep duration")

PATIENT_GENERATED = Coding(LOCAL_LABEL, "patient-generated", "Patient-generated data from a personal device")
NOT_FOR_CLINICAL_USE = Coding(
    LOCAL_LABEL, "not-for-clinical-use", "Not for clinical use until signed by the clinical safety officer"
)
SELF_MEASUREMENT = Coding(LOCAL_ORDER, "self-measurement", "The patient measures at home")
REPLY = Coding(LOCAL_MESSAGE, "reply-to-readings", "The practice's reply to readings from home")
REVIEW_READINGS = Coding(LOCAL_TASK, "review-device-readings", "Review the patient's device readings")


def local_result(code: str, display: str) -> Coding:
    """A result that no sourced code names exactly, such as the change of weight over four weeks."""
    return Coding(LOCAL_RESULT, code, display)
