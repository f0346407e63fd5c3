"""SE-06: a token lives minutes, is worth nothing when altered, and dies with its key."""

from __future__ import annotations

from carespine.standards.engine import assertions
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# NHS API platform: access tokens live 599 seconds.
_LONGEST_S = 599


def _altered(token: str) -> str:
    middle = len(token) // 2
    return token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]


async def _revoked(context: Context) -> tuple[list[Fault], int]:
    """Whether the identity whose key was revoked is turned away."""
    identity = context.config.identity(context.config.revoked or "")
    if identity is None:
        return [], 0
    assertion = assertions.good(identity, audience=context.token_url, now=context.now(), jti=context.uuid())
    answer = await context.ask_token(identity, assertion)
    return ([fault("a revoked key was given a token", answer)] if "access_token" in answer.tree else []), 1


@check(
    "SE-06",
    "token-lifetime",
    title="Tokens are short-lived and bound",
    quote="Access token short-lived, audience bound; revoked keys stop working.",
    expected="expires_in is at most 599 seconds and token_type is Bearer; no token, an altered or "
    "invented one, or one in the address is answered 401 with WWW-Authenticate; an identity "
    "whose key was revoked gets no token.",
    advice="Issue tokens for 300 seconds, read them from the Authorization header only, and look keys "
    "up each time.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    assertion = assertions.good(
        context.first, audience=context.token_url, now=context.now(), jti=context.uuid()
    )
    given = await context.ask_token(context.first, assertion)
    token, lifetime = given.tree.get("access_token"), given.tree.get("expires_in")
    if not given.ok or not isinstance(token, str):
        return context.failed("a good assertion was given no token", given)
    faults: list[Fault] = []
    if not isinstance(lifetime, int) or not 0 < lifetime <= _LONGEST_S:
        faults.append(fault(f"the token's lifetime is {lifetime!r} seconds, not 1 to {_LONGEST_S}", given))
    if str(given.tree.get("token_type", "")).lower() not in {"bearer", "dpop"}:
        faults.append(fault("token_type is missing", given))
    path = f"Patient/{context.first.patient_id}"
    worthless = [
        ("no token", await context.fhir("GET", path)),
        (
            "an altered token",
            await context.fhir("GET", path, headers={"authorization": f"Bearer {_altered(token)}"}),
        ),
        (
            "an invented token",
            await context.fhir("GET", path, headers={"authorization": f"Bearer {context.uuid()}"}),
        ),
        ("a token as Basic", await context.fhir("GET", path, headers={"authorization": f"Basic {token}"})),
        ("a token in the address", await context.fhir("GET", path, params=[("access_token", token)])),
    ]
    for what, answer in worthless:
        if answer.status != 401:
            faults.append(fault(f"{what} was not answered 401", answer))
        elif not answer.header("www-authenticate"):
            faults.append(fault(f"the refusal of {what} has no WWW-Authenticate", answer))
    more, tried = await _revoked(context)
    came = f"a token lives {lifetime} s; worthless ones are refused"
    return context.judge(faults + more, tried=len(worthless) + 2 + tried, came=came)
