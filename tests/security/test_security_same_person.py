"""The wrong-patient control: a reference and an NHS number that name two people reach neither."""

from __future__ import annotations

from typing import Any

import pytest

from carespine.kernel import nhs_number
from carespine.kernel.errors import Unprocessable
from carespine.security.actor import system_job
from carespine.web.platform import Platform
from carespine.web.settings import Settings

ANN, BEN = nhs_number.synthetic(71_001), nhs_number.synthetic(71_002)


def patient(name: str, number: str | None) -> dict[str, Any]:
    identifiers = [{"system": nhs_number.SYSTEM, "value": number}] if number else []
    return {"resourceType": "Patient", "id": name, **({"identifier": identifiers} if identifiers else {})}


def condition(name: str, number: str, *, system: str = nhs_number.SYSTEM) -> dict[str, Any]:
    subject = {"reference": f"Patient/{name}", "identifier": {"system": system, "value": number}}
    return {"resourceType": "Condition", "id": f"c-{name}", "code": {"text": "asthma"}, "subject": subject}


async def test_nothing_is_written_to_one_person_that_names_another(database_url, tmp_path):
    platform = Platform.build(Settings(data=tmp_path), database_url)
    await platform.open()
    try:
        async with platform.door.enter(system_job("test"), purpose="TREAT") as session:
            people = [patient("ann", ANN), patient("ben", BEN), patient("cat", None)]
            await session.upsert_many(people)
            await session.upsert_many([condition("ann", ANN), condition("cat", BEN)])
            await session.upsert_many([condition("ben", "123", system="urn:local")])
            for wrong in ([condition("ann", BEN)], [patient("dan", ANN), condition("dan", BEN)]):
                with pytest.raises(Unprocessable, match="two different people") as refused:
                    await session.upsert_many(wrong)
                assert refused.value.issues[0].expression == "Condition.subject.identifier"
            assert (await session.read("Condition", "c-ann"))["meta"]["versionId"] == "1"
    finally:
        await platform.close()
