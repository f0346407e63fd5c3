"""ID-05: whoever may know that a restricted patient exists does not learn where they are."""

from __future__ import annotations

from functools import partial

from carespine.kernel.nhs_number import SYSTEM
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.config import Restricted
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, ID-05: 50 probes.
_PROBES = 50
# The elements of a Patient that tell where somebody lives, or where they are looked after.
_WHERE = ("address", "telecom", "contact", "generalPractitioner", "managingOrganization")
Call = tuple[str, list[tuple[str, str]]]


def by_name(told: Restricted) -> list[Call]:
    """Ways to ask for the person: what comes back must not tell where they are."""
    number = ("identifier", f"{SYSTEM}|{told.nhs_number}")
    path = f"Patient/{told.patient_id}"
    return [
        (path, []),
        (path, [("_elements", "address,telecom,generalPractitioner")]),
        (path, [("_summary", "data")]),
        (f"{path}/_history", []),
        (f"{path}/$everything", []),
        ("Patient", [("_id", told.patient_id)]),
        ("Patient", [number]),
        ("Patient", [number, ("_elements", "address")]),
        ("Patient", [number, ("_include", "Patient:general-practitioner")]),
        ("Patient", [("family", told.family)]),
    ]


def by_place(told: Restricted) -> list[Call]:
    """Ways to ask for the place: the person must not come back."""
    practice = f"https://fhir.nhs.uk/Id/ods-organization-code|{told.practice}"
    return [
        ("Patient", [(name, value)])
        for name, value in (
            ("address-postalcode", told.postcode),
            ("address-postalcode", told.postcode.partition(" ")[0]),
            ("address", told.postcode),
            ("address:contains", told.postcode),
            ("address-postalcode:exact", told.postcode),
            ("general-practitioner.identifier", practice),
            ("general-practitioner:identifier", practice),
            ("organization.identifier", practice),
            ("_has:Appointment:patient:location.address", told.postcode),
            ("_text", told.postcode),
        )
    ]


def leak(answer: Answer, told: Restricted, *, found_by_place: bool) -> str | None:
    """What of the patient's whereabouts is in this answer, or None. An echoed address of the search is none."""
    if not answer.ok:
        return None
    mine = [each for each in answer.resources if each.get("id") == told.patient_id]
    if found_by_place and mine:
        return "a restricted patient was found by their whereabouts"
    held = [name for each in mine for name in _WHERE if each.get(name)]
    if held:
        return f"a restricted patient's {', '.join(held)} came back"
    words = "".join(str(each) for each in answer.resources)
    return (
        "the whereabouts stand in what came back"
        if told.postcode in words or told.practice in words
        else None
    )


@check(
    "ID-05",
    "restricted",
    title="A restricted patient cannot be located",
    quote="Restricted patients never leak location by search or response.",
    expected="Of 50 reads and searches, by the person and by postcode and practice, none returns the address, the "
    "telephone or the practice of the sandbox's restricted patient, and none by place finds them at all.",
    advice="Strip whereabouts where the resource leaves the service, and leave restricted patients out of every index "
    "of places.",
    needs=(one_identity, configured("restricted")),
)
async def run(context: Context) -> Finding:
    told = context.config.restricted
    assert told is not None  # noqa: S101 - `needs` has seen to it
    control = await context.fhir("GET", f"Patient/{told.patient_id}", identity=context.first)
    if not control.ok:
        return context.failed("the first identity does not reach the restricted patient at all", control)
    calls = [(call, False) for call in by_name(told)] + [(call, True) for call in by_place(told)]
    calls += context.random.choices(calls, k=_PROBES - len(calls))
    context.random.shuffle(calls)
    jobs = [
        partial(context.fhir, "GET", path, identity=context.first, params=how) for (path, how), _ in calls
    ]
    faults: list[Fault] = []
    for answer, (_, found_by_place) in zip(await context.together(jobs), calls, strict=True):
        text = leak(answer, told, found_by_place=found_by_place)
        if text:
            faults.append(fault(text, answer))
    return context.judge(faults, tried=_PROBES, came=f"{_PROBES} probes told nothing of where the patient is")
