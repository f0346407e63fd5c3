"""ID-09: staff come in with two factors, and their token says in which role and for whom they work."""

from __future__ import annotations

import re

from carespine.standards.engine import assertions
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.config import Identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# An ODS code is three to twelve capital letters and digits.
_ODS = re.compile(r"[A-Z0-9]{3,12}")


async def _token(context: Context, identity: Identity) -> Answer:
    asked = assertions.good(identity, audience=context.token_url, now=context.now(), jti=context.uuid())
    return await context.ask_token(identity, asked)


@check(
    "ID-09",
    "staff",
    title="One factor is not enough, and a token of staff carries role and organisation",
    quote="Staff sign-in multi-factor, role and organisation in token.",
    expected="The identity that signed in with one factor is given no token, or is refused (401, 403) at its patient's "
    "record; the token response for staff carries `role` and `organisation` (an ODS code).",
    advice="Demand the level of the sign-in where tokens are given, and bind role and organisation to the token there.",
    needs=(one_identity, configured("staff")),
)
async def run(context: Context) -> Finding:
    told = context.config.staff
    assert told is not None  # noqa: S101 - `needs` has seen to it
    staff = context.config.identity(told.identity) or context.first
    single = context.config.identity(told.single_factor) or context.first
    given = await _token(context, staff)
    if "access_token" not in given.tree:
        return context.failed("a member of staff with two factors was given no token", given)
    faults: list[Fault] = []
    if not str(given.tree.get("role") or "").strip():
        faults.append(fault("the token of a member of staff carries no role", given))
    if not _ODS.fullmatch(str(given.tree.get("organisation") or "")):
        faults.append(fault("the token of a member of staff carries no organisation's ODS code", given))
    lesser = await _token(context, single)
    if "access_token" in lesser.tree:
        read = await context.fhir("GET", f"Patient/{single.patient_id}", identity=single)
        if read.status not in {401, 403}:
            faults.append(fault("a sign-in with one factor reached a record", read))
    return context.judge(
        faults, tried=3, came="one factor reaches nothing; the token says as what and for whom"
    )
