"""Carespine's own FHIR server is held to the standards that it holds others to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from joserfc.jwk import ECKey

from carespine.kernel import nhs_number
from carespine.security import clients
from carespine.security.actor import system_job
from carespine.standards import catalogue
from carespine.standards.engine import config, runner
from carespine.standards.models import Outcome
from carespine.storage.bell import Bell
from carespine.web import app as web_app
from carespine.web import workers
from carespine.web.platform import Platform
from carespine.web.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "own-standards.md"
# What a run against this server cannot prove yet, and why.
NOT_PROVEN = {
    **dict(re.findall(r"^\| ([A-Z]{2}-\d{2}) \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)),
    **{
        each.id: "its documents are the deployer's: this server publishes none of its own"
        for each in catalogue.requirements().values()
        if not set(each.method) - {"document", "attestation"} and "record-system" in each.applies_to
    },
}
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
VERIFIED = {
    "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
    "valueCodeableConcept": {
        "coding": [
            {
                "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus",
                "code": "number-present-and-verified",
            }
        ]
    },
}


def patient(number: str) -> dict[str, Any]:
    identifier = {"system": nhs_number.SYSTEM, "value": number, "extension": [VERIFIED]}
    return {
        "resourceType": "Patient",
        "identifier": [identifier],
        "name": [{"family": "Example", "given": ["Erin"]}],
        "birthDate": "1980-01-01",
    }


def consent(patient_id: str, client_id: str) -> dict[str, Any]:
    """The patient shares everything with this client."""
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient_id}"},
        "policyRule": {"coding": [{"code": "OPTIN"}]},
        "provision": {
            "type": "permit",
            "actor": [
                {"role": {"coding": [{"code": "IRCP"}]}, "reference": {"identifier": {"value": client_id}}}
            ],
        },
    }


async def an_identity(session: Any, name: str, index: int) -> dict[str, Any]:
    """A client with a key of its own and a patient who consents, as a run's configuration names it."""
    key = ECKey.generate_key("P-384")
    jwk = {**key.as_dict(private=True), "kid": key.thumbprint()}
    public = {part: value for part, value in jwk.items() if part != "d"}
    scopes = frozenset({"system/*.cruds"})
    client = clients.Client(name, name, "A99999", {"keys": [public]}, scopes, certified=False, enabled=True)
    await clients.register(session.tx, client)
    number = nhs_number.synthetic(index)
    created = await session.create(patient(number))
    await session.create(consent(created["id"], name))
    await session.create(letter(created["id"]))
    return {"name": name, "client_id": name, "jwk": jwk, "patient_id": created["id"], "nhs_number": number}


def letter(patient_id: str) -> dict[str, Any]:
    """A letter that a machine can read."""
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": f"Patient/{patient_id}"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "V2VsbC4="}}],
    }


async def a_restricted_patient(session: Any, client_id: str) -> dict[str, str]:
    """Somebody whom the client may know of, and not where they are."""
    tree = patient(nhs_number.synthetic(70_010)) | {
        "meta": {"security": [{"system": CONFIDENTIALITY, "code": "R"}]},
        "name": [{"family": "Hidden", "given": ["Hope"]}],
        "address": [{"line": ["1 Quiet Mews"], "postalCode": "ZZ99 3VZ"}],
        "generalPractitioner": [{"identifier": {"system": ODS, "value": "Y99999"}}],
    }
    created = await session.create(tree)
    await session.create(consent(created["id"], client_id))
    return {
        "patient_id": created["id"],
        "nhs_number": nhs_number.synthetic(70_010),
        "family": "Hidden",
        "postcode": "ZZ99 3VZ",
        "practice": "Y99999",
    }


@pytest.fixture
async def platform(database_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    built = Platform.build(Settings(data=tmp_path), database_url)
    await built.open()
    bell = Bell(built.database)
    work = [asyncio.create_task(each) for each in (bell.run(), workers.runner(built, bell).run())]
    yield built
    for each in work:
        each.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    await built.close()
    structlog.reset_defaults()


async def test_our_own_server_meets_every_standard_that_can_be_proven_on_it(platform):
    async with platform.door.enter(system_job("test"), purpose="TREAT") as session:
        identities = [
            await an_identity(session, name, place) for place, name in enumerate(("first", "second"), 70_000)
        ]
        restricted = await a_restricted_patient(session, "first")
    plan = runner.Plan(
        platform.settings.address,
        profile="record-system",
        config=config.parse({"identities": identities, "restricted": restricted}),
        seed="ours",
        transport=httpx.ASGITransport(web_app.build(platform), raise_app_exceptions=False),
    )

    report = await runner.run(plan)

    faults = {
        each.requirement: each.finding.faults[:3] for each in report.results if each.outcome is Outcome.FAIL
    }
    assert faults == {}
    outcomes = {each.requirement: each.outcome for each in report.results}
    assert {name for name, outcome in outcomes.items() if outcome is Outcome.SKIP} == set(NOT_PROVEN)
    assert {name for name, outcome in outcomes.items() if outcome is Outcome.OMIT} == {
        "SE-01",
        "SE-02",
        "SE-03",
    }
    assert Outcome.ERROR not in outcomes.values()
