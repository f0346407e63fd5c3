"""SE-05: the token endpoint takes good assertions and refuses every kind of bad one."""

from __future__ import annotations

from carespine.standards.engine import bad_assertions
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, SE-05: 25 good ones without a false refusal.
_GOOD = 25
# SMART App Launch 2.2, asymmetric client authentication: a server supports both.
_ALGORITHMS = frozenset({"RS384", "ES384"})


@check(
    "SE-05",
    "client-assertion",
    title="Bad client assertions are refused, good ones taken",
    quote="Client authentication by signed assertion with asymmetric key.",
    expected="25 good private_key_jwt assertions each get a token. Assertions that are unsigned, signed "
    "with a shared secret or another key, for another audience, client or key id, expired, "
    "longer than 5 minutes, replayed, altered or incomplete get 400 or 401 and no token. The "
    "discovery document offers private_key_jwt with RS384 and ES384.",
    advice="Check, in this order: algorithm in your list, key by client and kid, signature, iss = sub = "
    "client, aud, exp at most 5 minutes ahead, jti never seen before.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    faults: list[Fault] = []
    offered = context.session.discovery
    if "private_key_jwt" not in offered.get("token_endpoint_auth_methods_supported", []):
        faults.append(Fault("the discovery document does not offer private_key_jwt"))
    if not set(offered.get("token_endpoint_auth_signing_alg_values_supported", [])) >= _ALGORITHMS:
        faults.append(Fault("the discovery document does not offer both RS384 and ES384"))
    for _ in range(_GOOD):
        answer = await context.ask_token(context.first, bad_assertions.good(context))
        if not answer.ok or not isinstance(answer.tree.get("access_token"), str):
            faults.append(fault("a good assertion was refused", answer))
    cases = bad_assertions.cases(context)
    for case in cases:
        if case.before is not None:
            await context.call("POST", context.token_url, data=case.before)
        answer = await context.call("POST", context.token_url, data=case.form, headers=case.headers)
        if "access_token" in answer.tree:
            faults.append(fault(f"{case.what}: a token was given", answer))
        elif answer.status not in {400, 401, 403}:
            faults.append(fault(f"{case.what}: not refused as a client's error", answer))
    tried = _GOOD + len(cases) + 2
    return context.judge(
        faults, tried=tried, came=f"{len(cases)} bad assertions refused, {_GOOD} good ones taken"
    )
