"""Registrations and screening as EpisodeOfCare, as docs/service-contract.md describes them."""

from __future__ import annotations

from typing import Any

from carespine.kernel import nhs_number
from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.config import Identity
from carespine.standards.engine.context import Context

ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
TYPES = "urn:carespine:episode-type"
REGISTRATION, SCREENING = "registration", "screening"
_TEST_RANGE, _TRIES = 90_000, 20


async def newcomer(context: Context, registrar: Identity) -> str:
    """The id of a synthetic Patient that the registrar has just added. Ends the check where it may not."""
    for _ in range(_TRIES):
        number = nhs_number.synthetic(context.random.randrange(_TEST_RANGE))
        tree = readings.patient(context, number)
        answer = await context.fhir("POST", "Patient", identity=registrar, json=tree)
        if answer.ok and answer.tree.get("id"):
            return str(answer.tree["id"])
        if answer.status != 409:  # 409: the number drawn belongs to somebody here already
            context.end(f"the registrar could not add a patient: {answer}", answer)
    return context.end(f"{_TRIES} NHS numbers of the test range are all taken")


def registration(patient_id: str, site: str, **over: Any) -> dict[str, Any]:
    """A registration of the patient at the site."""
    return {
        "resourceType": "EpisodeOfCare",
        "status": "active",
        "type": [{"coding": [{"system": TYPES, "code": REGISTRATION}]}],
        "patient": {"reference": f"Patient/{patient_id}"},
        "managingOrganization": {"identifier": {"system": ODS, "value": site}},
        **over,
    }


async def register(context: Context, registrar: Identity, patient_id: str, site: str) -> Answer:
    """Register the patient at the site."""
    return await context.fhir(
        "POST", "EpisodeOfCare", identity=registrar, json=registration(patient_id, site)
    )


async def change(context: Context, registrar: Identity, old: dict[str, Any], **over: Any) -> Answer:
    """Change a registration, naming the version that is changed."""
    version = str((old.get("meta") or {}).get("versionId", "1"))
    return await context.fhir(
        "PUT",
        f"EpisodeOfCare/{old['id']}",
        identity=registrar,
        headers={"if-match": f'W/"{version}"'},
        json={**old, **over},
    )
