"""ID-08: who proved little about themselves reads no record."""

from __future__ import annotations

from carespine.standards.engine import assertions, readings
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding


@check(
    "ID-08",
    "assurance",
    title="A sign-in at P5 reads no record, one at P9 does",
    quote="Patient sign-in for records at high assurance; level is carried in the token and enforced.",
    expected="The identity that the configuration calls low_assurance is given no token, or is "
    "refused (401, 403) when it "
    "reads, searches and writes its own patient's record; the first identity is not.",
    advice="Carry the level of the sign-in in the token, and ask for it where records are read.",
    needs=(one_identity, configured("low_assurance")),
)
async def run(context: Context) -> Finding:
    low = context.config.identity(context.config.low_assurance or "") or context.first
    control = await context.fhir("GET", f"Patient/{context.first.patient_id}", identity=context.first)
    if not control.ok:
        return context.failed(f"a sign-in of high assurance does not read its own record: {control}", control)
    asked = assertions.good(low, audience=context.token_url, now=context.now(), jti=context.uuid())
    given = await context.ask_token(low, asked)
    if "access_token" not in given.tree:
        return context.passed("a sign-in of low assurance is given no token")
    own = low.patient_id
    answers = [
        await context.fhir("GET", f"Patient/{own}", identity=low),
        await context.fhir("GET", "Observation", identity=low, params=[("patient", own)]),
        await context.fhir("POST", "Observation", identity=low, json=readings.reading(context, own)),
        await context.fhir("GET", f"Patient/{own}/$everything", identity=low),
    ]
    faults: list[Fault] = [
        fault("a sign-in of low assurance reached a record", each)
        for each in answers
        if each.status not in {401, 403}
    ]
    return context.judge(faults, tried=len(answers), came="a sign-in of low assurance reaches no record")
