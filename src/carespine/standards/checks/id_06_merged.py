"""ID-06: whoever asks for a record that was merged gets the one that stands for it now."""

from __future__ import annotations

from typing import Any

from carespine.kernel.nhs_number import SYSTEM
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Finding


def leads_to(answer: Answer, surviving: str) -> bool:
    """Whether the answer is the surviving record, sends there, or names it as what replaces this one."""
    if answer.status in {301, 308} or answer.status == 410:
        return answer.header("location").rstrip("/").endswith(f"Patient/{surviving}")
    people = [each for each in answer.resources if each.get("resourceType") == "Patient"]
    return bool(people) and all(each.get("id") == surviving or _replaced(each, surviving) for each in people)


def _replaced(patient: dict[str, Any], surviving: str) -> bool:
    return patient.get("active") is False and any(
        link.get("type") == "replaced-by"
        and str((link.get("other") or {}).get("reference")).endswith(f"Patient/{surviving}")
        for link in patient.get("link", [])
    )


@check(
    "ID-06",
    "merged",
    title="A merged record leads to the surviving one",
    quote="Merged/invalidated record resolves to surviving record.",
    expected="Reading the sandbox's superseded Patient, and searching for its NHS number, answers the surviving "
    "Patient, a redirect to it, or an inactive Patient whose link of the type replaced-by names it.",
    advice="Keep the superseded identifiers, and resolve them wherever a patient is looked up.",
    needs=(one_identity, configured("merged")),
)
async def run(context: Context) -> Finding:
    told = context.config.merged
    assert told is not None  # noqa: S101 - `needs` has seen to it
    number = f"{SYSTEM}|{told.superseded_number}"
    answers = [
        await context.fhir("GET", f"Patient/{told.superseded_id}", identity=context.first),
        await context.fhir("GET", "Patient", identity=context.first, params=[("identifier", number)]),
    ]
    faults = [
        fault("a superseded record does not lead to the surviving one", each)
        for each in answers
        if not leads_to(each, told.surviving_id)
    ]
    return context.judge(faults, tried=len(answers), came="the superseded record leads to the surviving one")
