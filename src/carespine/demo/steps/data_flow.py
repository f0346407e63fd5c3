"""Step 4: the certified app sends a consenting patient's export; no consent or no certificate: refused."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx

from carespine.demo.apple_export import wearer_of, write_export
from carespine.demo.practice.story_people import CONSENTING_PATIENT, REFUSING_PATIENT
from carespine.demo.stage import Stage, expect, expect_within
from carespine.demo.steps.certify import BROKEN, SOUND
from carespine.demo.visitor import Visitor
from carespine.devices.metrics import data_classes
from carespine.kernel.ids import patient_key

# Issue terms: 60,000 records are imported in at most ten seconds.
IMPORT_WITHIN_S = 10.0
_TIMEOUT_S = 120.0


def play(stage: Stage) -> str:
    """The patient consents in their own page; then both apps try, for two patients."""
    _consent(stage)
    export = stage.data / "export.zip"
    stage.truth = write_export(export, person=wearer_of(CONSENTING_PATIENT))
    stage.sent = {"file": export, "number": CONSENTING_PATIENT.nhs_number}
    for name in (SOUND, BROKEN):
        connect(stage, name)
    without = send_export(stage, BROKEN, CONSENTING_PATIENT.nhs_number, export)
    expect(without.status_code >= 400, "the app without a certificate got in")
    expect(
        "certificate" in without.text, f"its refusal does not speak of the certificate: {without.text[:300]}"
    )
    began = time.monotonic()
    answer = send_export(stage, SOUND, CONSENTING_PATIENT.nhs_number, export)
    seconds = time.monotonic() - began
    expect(answer.status_code == 201, f"the import was answered {answer.status_code}: {answer.text[:300]}")
    counts = answer.json()
    _verify_counts(stage, counts, seconds)
    unwilling = send_export(stage, SOUND, REFUSING_PATIENT.nhs_number, export)
    expect(unwilling.status_code >= 400, "readings of a patient who has not consented were taken")
    _verify_nothing_of(stage, REFUSING_PATIENT.id)
    again = send_export(stage, SOUND, CONSENTING_PATIENT.nhs_number, export)
    expect(again.status_code == 200, f"the same export again was answered {again.status_code}, not 200")
    expect(again.json()["stored"] == counts["stored"], "the repeated export changed the answer")
    return (
        f"{counts['read']} records in {seconds:.1f} s: {counts['stored']} stored, {counts['duplicate']} duplicate, "
        f"{counts['rejected']} rejected with a reason; no consent: {unwilling.status_code}; "
        f"no certificate: no token"
    )


def _consent(stage: Stage) -> None:
    patient = Visitor(stage.server.address)
    patient.sign_in(stage.sign_ins["patient"])
    patient.open("/me/sharing")
    client_id = stage.apps[SOUND].about["client_id"]
    answer = patient.send("/me/sharing", {"app": client_id, "data_class": list(data_classes())})
    expect(answer.status_code == 303, f"the patient's consent was answered {answer.status_code}")
    patient.close()


def connect(stage: Stage, name: str) -> None:
    """Tell an app where Carespine is."""
    app = stage.apps[name]
    answer = httpx.post(
        f"{app.address}/connect",
        json={"carespine": stage.server.address},
        headers=app.operator(),
        timeout=_TIMEOUT_S,
        trust_env=False,
    )
    expect(answer.status_code == 200, f"{name} could not connect: {answer.text[:300]}")


def send_export(stage: Stage, name: str, number: str, export: Path) -> httpx.Response:
    """Hand an export to an app, as its user would; the answer is Carespine's, through the app."""
    app = stage.apps[name]
    with export.open("rb") as file:
        return httpx.post(
            f"{app.address}/patients/{number}/exports",
            content=file.read(),
            headers=app.operator(),
            timeout=_TIMEOUT_S,
            trust_env=False,
        )


def _verify_counts(stage: Stage, counts: dict[str, Any], seconds: float) -> None:
    total = counts["stored"] + counts["duplicate"] + counts["rejected"]
    expect(counts["read"] == total, f"{counts['read']} were read, but {total} accounted for")
    explained = sum(reason["count"] for reason in counts["reasons"])
    expect(explained == counts["rejected"], f"{counts['rejected']} were rejected, {explained} with a reason")
    written = stage.truth.records if stage.truth else 0
    expect(counts["read"] >= written, f"the export holds {written} records, only {counts['read']} were read")
    expect_within(stage, seconds, IMPORT_WITHIN_S, "the import")
    held = stage.count(
        "select coalesce(sum(readings), 0) from device_chunk where patient = %s",
        patient_key(CONSENTING_PATIENT.id),
    )
    expect(held == counts["stored"], f"{counts['stored']} readings were acknowledged, {held} are stored")


def _verify_nothing_of(stage: Stage, patient_id: str) -> None:
    held = stage.count("select count(*) from device_chunk where patient = %s", patient_key(patient_id))
    expect(held == 0, "readings of a patient who has not consented are stored")
