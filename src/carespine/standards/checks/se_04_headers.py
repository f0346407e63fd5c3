"""SE-04: answers protect themselves in a browser and in a cache."""

from __future__ import annotations

from carespine.kernel.nhs_number import SYSTEM
from carespine.standards.engine import assertions
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding


def _lacks(answer: Answer, *, personal: bool) -> list[str]:
    """The protections that this answer lacks."""
    policy = answer.header("content-security-policy")
    held = {
        "X-Content-Type-Options: nosniff": answer.header("x-content-type-options").lower() == "nosniff",
        "Content-Security-Policy with frame-ancestors": "frame-ancestors" in policy,
        "Cache-Control: no-store": not personal or "no-store" in answer.header("cache-control"),
    }
    return [name for name, there in held.items() if not there]


@check(
    "SE-04",
    "headers",
    title="Records are not cached, framed or sniffed",
    quote="Security headers + no-store on personal data.",
    expected="Every answer carries Content-Security-Policy with frame-ancestors and X-Content-Type-Options: "
    "nosniff; records, searches, refusals and tokens also Cache-Control: no-store.",
    advice="Add the three headers in one middleware; exempt only public documents from no-store.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    own, who = context.first.patient_id, context.first
    token = assertions.good(who, audience=context.token_url, now=context.now(), jti=context.uuid())
    personal = [
        await context.fhir("GET", f"Patient/{own}", identity=who),
        await context.fhir("GET", "Observation", identity=who, params=[("patient", own)]),
        await context.fhir(
            "POST", "Patient/_search", identity=who, data={"identifier": f"{SYSTEM}|{who.nhs_number}"}
        ),
        await context.fhir("GET", f"Observation/{context.uuid()}", identity=who),
        await context.fhir("GET", f"Patient/{own}"),
        await context.ask_token(who, token),
    ]
    public = [
        await context.fhir("GET", "metadata"),
        await context.call("GET", "/.well-known/smart-configuration"),
    ]
    faults: list[Fault] = []
    for answers, secret in ((personal, True), (public, False)):
        faults += [
            fault(f"{', '.join(lacks)} missing", each)
            for each in answers
            if (lacks := _lacks(each, personal=secret))
        ]
    return context.judge(
        faults, tried=len(personal) + len(public), came="all answers carry their protections"
    )
