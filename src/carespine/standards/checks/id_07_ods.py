"""ID-07: a record names only organisations that exist and are open."""

from __future__ import annotations

from typing import Any

from carespine.kernel import nhs_number
from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.config import Identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.engine.episodes import ODS
from carespine.standards.models import Fault, Finding

_TEST_RANGE = 90_000


async def _managed(context: Context, registrar: Identity, code: str) -> Answer:
    number = nhs_number.synthetic(context.random.randrange(_TEST_RANGE))
    managing: dict[str, Any] = {"identifier": {"system": ODS, "value": code}}
    tree = readings.patient(context, number, managingOrganization=managing)
    return await context.fhir("POST", "Patient", identity=registrar, json=tree)


@check(
    "ID-07",
    "ods",
    title="Only organisations that are open are named",
    quote="Organisations and sites use ODS codes that exist and are open at the date of use.",
    expected="A Patient whose managingOrganization is a closed organisation, one that does not exist, or a code of "
    "another shape is refused with a coded error; with an open one it is taken.",
    advice="Look each code up in the Organisation Data Service, with the dates between which it is open.",
    needs=(one_identity, configured("ods"), configured("registrar")),
)
async def run(context: Context) -> Finding:
    told = context.config.ods
    assert told is not None  # noqa: S101 - `needs` has seen to it
    registrar = context.config.identity(context.config.registrar or "") or context.first
    # 409: the number drawn belongs to somebody here, and the organisation was taken.
    good = await _managed(context, registrar, told.open)
    if not good.ok and good.status != 409:
        return context.failed(f"a Patient of an open organisation was not taken: {good}", good)
    bad = [told.closed, told.unknown, "not an ODS code", ""]
    faults: list[Fault] = []
    for code in bad:
        answer = await _managed(context, registrar, code)
        if not answer.refused or not answer.issue_codes or answer.status == 409:
            faults.append(fault(f"the organisation {code!r} was not refused with a coded error", answer))
    return context.judge(faults, tried=1 + len(bad), came="open organisations are taken, others refused")
