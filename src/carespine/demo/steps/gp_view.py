"""Step 5: exactly one coded summary in the practice's inbox; the GP and the patient see the same numbers."""

from __future__ import annotations

import re

from carespine.demo.practice.story_people import CONSENTING_PATIENT, PRACTICE, REFUSING_PATIENT
from carespine.demo.stage import Stage, expect
from carespine.demo.visitor import Visitor, words
from carespine.kernel.ids import patient_key
from carespine.storage.types import type_number

_SUMMARY = f"/practice/patients/{CONSENTING_PATIENT.id}/summary"


def play(stage: Stage) -> str:
    """The GP opens the inbox and the summary; the patient their own page and who has looked."""
    _verify_one_summary(stage)
    gp = Visitor(stage.server.address)
    gp.sign_in(stage.sign_ins["gp"])
    inbox = gp.open("/practice/inbox")
    expect(
        inbox.count(f'href="{_SUMMARY}"') == 1, "the inbox does not hold exactly one summary of the patient"
    )
    page = gp.open(_SUMMARY)
    pressure = _verify_pressure(stage, words(page))
    charts = sorted(set(re.findall(r'src="(/practice/patients/[^"]+\.svg[^"]*)"', page)))
    expect(len(charts) >= 4, f"only {len(charts)} charts are on the page")
    for chart in charts:
        drawn = gp.fetch(chart.replace("&amp;", "&"))
        expect(drawn.status_code == 200 and b"<svg" in drawn.content, f"the chart {chart} is not drawn")
    gp.open(f"/practice/patients/{REFUSING_PATIENT.id}/summary", expect=404)
    patient = Visitor(stage.server.address)
    patient.sign_in(stage.sign_ins["patient"])
    expect(
        pressure in words(patient.open("/me")),
        "the patient's page shows another blood pressure than the GP's",
    )
    looked = words(patient.open("/me/access"))
    expect(stage.sign_ins["gp"].who.split(",")[0] in looked, "the patient cannot see that the GP has looked")
    patient.fetch(f"/practice/patients/{CONSENTING_PATIENT.id}/summary")
    return (
        f"one summary at {PRACTICE.name}, home blood pressure {pressure}, {len(charts)} charts; "
        f"the patient sees the same"
    )


def _verify_one_summary(stage: Stage) -> None:
    key = patient_key(CONSENTING_PATIENT.id)
    for name in ("DiagnosticReport", "Task"):
        found = stage.count(
            "select count(*) from resource where type = %s and patient = %s and not deleted",
            type_number(name),
            key,
        )
        expect(found == 1, f"{found} {name} resources tell the practice, not exactly one")


def _verify_pressure(stage: Stage, page: str) -> str:
    """The home average on the page is the one that is true of the export, by NICE NG136."""
    if stage.truth is None or stage.truth.pressure is None:
        expect(False, "the export holds no home blood pressure")
        return ""
    truth = stage.truth.pressure
    wanted = f"{round(truth.systolic)}/{round(truth.diastolic)}"
    expect(wanted in page, f"the GP's page does not show the home average {wanted}")
    return wanted
