"""The practice as FHIR: valid, complete, in an order that loads, the same on every run."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carespine.demo.practice import DEFAULT_TODAY, as_bundles, codes, count, generate
from carespine.demo.practice.record import home_average_id
from carespine.demo.practice.story_people import CONSENTING_PATIENT, GP, HOSPITAL, PLACES, PRACTICE
from carespine.fhir import codec
from carespine.kernel.ids import is_fhir_id

Tree = dict[str, Any]
HISTORY = timedelta(days=3660)


@pytest.fixture(scope="module")
def resources() -> list[Tree]:
    return list(generate())


def of_type(resources: list[Tree], resource_type: str) -> list[Tree]:
    return [tree for tree in resources if tree["resourceType"] == resource_type]


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "reference" in node:
            yield node["reference"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def moment_of(tree: Tree) -> str | None:
    start: str | None = tree.get("period", {}).get("start")
    return start or tree.get("effectiveDateTime") or tree.get("authoredOn") or tree.get("onsetDateTime")


def day_of(tree: Tree) -> date:
    return date.fromisoformat((moment_of(tree) or "")[:10])


def number_of(observation: Tree) -> float:
    return float(observation["valueQuantity"]["value"])


def measured(resources: list[Tree], measure: codes.Measure, patient: str | None = None) -> list[Tree]:
    code = measure.codes[0].code
    return [
        tree
        for tree in of_type(resources, "Observation")
        if tree["code"]["coding"][0]["code"] == code
        and (patient is None or tree["subject"]["reference"] == f"Patient/{patient}")
    ]


def test_every_resource_is_valid_fhir_r4(resources: list[Tree]) -> None:
    for tree in resources:
        codec.check(tree)


def test_every_reference_points_backwards_and_every_id_is_new(resources: list[Tree]) -> None:
    seen: set[str] = set()
    for tree in resources:
        assert is_fhir_id(tree["id"])
        assert all(reference in seen for reference in references(tree))
        name = f"{tree['resourceType']}/{tree['id']}"
        assert name not in seen
        seen.add(name)


def test_the_practice_is_large_enough_to_be_real_and_small_enough_to_load_in_seconds(
    resources: list[Tree],
) -> None:
    assert 15_000 <= len(resources) <= 40_000
    assert len(of_type(resources, "Patient")) == 500


def test_the_totals_are_what_is_generated(resources: list[Tree]) -> None:
    totals = count()
    assert sum(totals.values()) == len(resources)
    assert totals["Organization"] == len(PLACES) == 4


def test_there_is_one_bundle_for_the_register_and_one_a_patient(resources: list[Tree]) -> None:
    bundles = list(as_bundles())
    assert len(bundles) == 501
    entries = [entry for bundle in bundles for entry in bundle["entry"]]
    assert [entry["resource"] for entry in entries] == resources
    for entry in entries:
        tree = entry["resource"]
        assert entry["request"] == {"method": "PUT", "url": f"{tree['resourceType']}/{tree['id']}"}
    codec.check(bundles[1])


def test_the_bytes_do_not_depend_on_the_order_of_hashes() -> None:
    script = (
        "from hashlib import sha256; from carespine.demo.practice import generate; "
        "from carespine.fhir import codec; h = sha256(); "
        "[h.update(codec.encode(t)) for t in generate(patients=40)]; print(h.hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "4711")
    }
    assert len(digests) == 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**9), st.integers(2, 12), st.dates(date(2024, 1, 1), date(2032, 12, 31)))
def test_for_any_seed_and_day_the_practice_is_repeatable_and_nothing_lies_outside_its_life(
    seed: int, patients: int, today: date
) -> None:
    def digest() -> str:
        return sha256(b"".join(codec.encode(tree) for tree in generate(seed, patients, today))).hexdigest()

    assert digest() == digest()
    born: dict[str, date] = {}
    for tree in generate(seed, patients, today):
        if tree["resourceType"] == "Patient":
            born[f"Patient/{tree['id']}"] = date.fromisoformat(tree["birthDate"])
        elif moment_of(tree):
            assert born[tree["subject"]["reference"]] <= day_of(tree) <= today
        if tree["resourceType"] in ("Observation", "Encounter"):
            assert today - day_of(tree) <= HISTORY


def test_another_seed_gives_another_practice() -> None:
    assert list(generate(1, 20)) != list(generate(2, 20))


def test_every_patient_is_registered_with_a_gp_of_the_practice_and_marked_as_test_data(
    resources: list[Tree],
) -> None:
    for patient in of_type(resources, "Patient"):
        assert patient["managingOrganization"]["reference"] == f"Organization/{PRACTICE.id}"
        assert patient["generalPractitioner"][0]["reference"].startswith("Practitioner/gp-")
        assert patient["meta"]["security"][0]["code"] == "HTEST"
        assert "profile" not in patient["meta"]
        assert "valueCodeableConcept" in patient["identifier"][0]["extension"][0]


def test_organisations_carry_ods_codes_of_the_right_shape(resources: list[Tree]) -> None:
    found = {tree["id"]: tree["identifier"][0] for tree in of_type(resources, "Organization")}
    assert all(identifier["system"] == codes.ODS_CODE for identifier in found.values())
    assert {found[place.id]["value"] for place in PLACES} == {place.ods_code for place in PLACES}
    assert len(found[HOSPITAL.id]["value"]) == 5
    assert all(len(place.ods_code) == 6 for place in PLACES if place is not HOSPITAL)


def test_systolic_is_well_above_diastolic_in_every_blood_pressure(resources: list[Tree]) -> None:
    for panel in measured(resources, codes.BLOOD_PRESSURE):
        systolic, diastolic = (part["valueQuantity"]["value"] for part in panel["component"])
        assert 80 <= systolic <= 230
        assert 40 <= diastolic <= systolic - 15


@pytest.mark.parametrize(
    ("measure", "low", "high"),
    [
        (codes.HBA1C, 25, 130),
        (codes.CHOLESTEROL, 2, 10),
        (codes.HDL, 0.5, 4),
        (codes.CREATININE, 30, 500),
        (codes.EGFR, 5, 150),
        (codes.WEIGHT, 3, 200),
        (codes.HEIGHT, 50, 210),
        (codes.BMI, 10, 60),
    ],
    ids=lambda value: value.name if isinstance(value, codes.Measure) else "",
)
def test_every_value_is_within_what_bodies_have(
    resources: list[Tree], measure: codes.Measure, low: float, high: float
) -> None:
    values = [number_of(tree) for tree in measured(resources, measure)]
    assert values
    assert low <= min(values)
    assert max(values) <= high


def test_hba1c_crosses_the_threshold_of_diabetes_only_once_it_is_diagnosed(resources: list[Tree]) -> None:
    diabetic = {codes.CONDITION_CODES[name].code for name in ("type-1-diabetes", "type-2-diabetes")}
    since = {
        tree["subject"]["reference"]: tree["onsetDateTime"]
        for tree in of_type(resources, "Condition")
        if tree["code"]["coding"][0]["code"] in diabetic
    }
    for tree in measured(resources, codes.HBA1C):
        diagnosed = since.get(tree["subject"]["reference"])
        if diagnosed is None or tree["effectiveDateTime"][:10] < diagnosed:
            assert number_of(tree) < 48


def test_people_with_long_term_conditions_are_measured_more_often(resources: list[Tree]) -> None:
    ill = {tree["subject"]["reference"] for tree in of_type(resources, "Condition")}
    measurements: dict[str, int] = defaultdict(int)
    for tree in of_type(resources, "Observation"):
        measurements[tree["subject"]["reference"]] += 1
    average_of_ill = sum(measurements[patient] for patient in ill) / len(ill)
    average_of_well = sum(n for patient, n in measurements.items() if patient not in ill) / (500 - len(ill))
    assert average_of_ill > 5 * average_of_well


def test_a_stopped_medicine_says_when_and_every_medicine_says_what_for(resources: list[Tree]) -> None:
    requests = of_type(resources, "MedicationRequest")
    assert {request["status"] for request in requests} == {"active", "stopped"}
    for request in requests:
        assert request["medicationCodeableConcept"]["coding"][0]["system"] == codes.DMD
        assert request["reasonReference"][0]["reference"].startswith("Condition/")
        period = request["dispenseRequest"]["validityPeriod"]
        assert (request["status"] == "stopped") == ("end" in period)
        assert period["start"] < period.get("end", "9999")


def test_moments_are_written_with_the_offset_london_had(resources: list[Tree]) -> None:
    for tree in of_type(resources, "Encounter"):
        start, end = (datetime.fromisoformat(tree["period"][edge]) for edge in ("start", "end"))
        assert start < end
        offset = start.utcoffset()
        assert offset is not None
        assert offset == timedelta(hours=1 if start.month in range(4, 10) else offset.seconds // 3600)


def test_the_record_of_the_consenting_patient_holds_home_averages_above_the_threshold(
    resources: list[Tree],
) -> None:
    by_id = {tree["id"]: tree for tree in of_type(resources, "Observation")}
    for number in (1, 2):
        panel = by_id[home_average_id(CONSENTING_PATIENT.id, number)]
        assert [part["code"]["coding"][0]["code"] for part in panel["component"]] == [
            "413606001",
            "413605002",
        ]
        # NICE NG136: stage 1 from a home average of 135/85.
        assert panel["component"][0]["valueQuantity"]["value"] >= 135


def test_the_consenting_patient_is_treated_and_was_seen_in_the_last_year(resources: list[Tree]) -> None:
    own = [
        tree
        for tree in resources
        if tree.get("subject", {}).get("reference") == f"Patient/{CONSENTING_PATIENT.id}"
    ]
    names = {tree["medicationCodeableConcept"]["text"] for tree in of_type(own, "MedicationRequest")}
    assert {"Metformin 500mg tablets", "Ramipril 5mg capsules", "Atorvastatin 20mg tablets"} <= names
    last = max(day_of(tree) for tree in measured(own, codes.BLOOD_PRESSURE))
    assert DEFAULT_TODAY - last < timedelta(days=365)
    patient = next(tree for tree in resources if tree["id"] == CONSENTING_PATIENT.id)
    assert patient["generalPractitioner"][0]["reference"] == f"Practitioner/{GP.id}"
