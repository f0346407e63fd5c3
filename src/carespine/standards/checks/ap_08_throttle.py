"""AP-08: too many requests are answered so, and every answer can be traced to its request."""

from __future__ import annotations

from functools import partial

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

_ECHOED = ("x-request-id", "x-correlation-id")
# Ours: how far above its declared rate a service is driven.
_EXCESS = 1.5


async def _echo(context: Context) -> tuple[list[Fault], int]:
    """Whether good, bad and refused requests come back with their ids."""
    faults: list[Fault] = []
    paths = ("metadata", f"Patient/{context.first.patient_id}", f"Patient/{context.uuid()}", "Nothing")
    for path in paths:
        ids = {name: context.uuid() for name in _ECHOED}
        answer = await context.fhir("GET", path, identity=context.first, headers=ids)
        lost = [name for name, value in ids.items() if answer.header(name) != value]
        if lost:
            faults.append(fault(f"{' and '.join(lost)} did not come back", answer))
    return faults, len(paths)


async def _drive(context: Context) -> tuple[list[Fault], int]:
    """Whether the declared rate holds, politely."""
    rate = context.config.throttle
    identity = context.config.identity(rate.identity) if rate else None
    if rate is None or identity is None:
        return [], 0
    await context.token(identity)
    one = partial(context.fhir, "GET", f"Patient/{identity.patient_id}", identity=identity)
    answers: list[Answer] = await context.together([one for _ in range(int(rate.requests * _EXCESS) + 1)])
    over = [each for each in answers if each.status == 429]
    faults = [
        fault("429 without Retry-After", each) for each in over if not each.header("retry-after").isdigit()
    ]
    faults += [fault("429 without a coded OperationOutcome", each) for each in over if not each.issue_codes]
    if not over:
        faults.append(
            fault(
                f"{len(answers)} requests against {rate.requests} in {rate.seconds} s all went through",
                answers[-1],
            )
        )
    return faults, len(answers)


@check(
    "AP-08",
    "throttle",
    title="Rates are limited politely and requests can be traced",
    quote="Throttling answers 429 with Retry-After, correlation id echoed.",
    expected="X-Request-ID and X-Correlation-ID come back on good and bad answers; one and a half times "
    "the rate that the configuration declares for an identity meets 429 with Retry-After in "
    "seconds and an OperationOutcome.",
    advice="Echo both headers in one place for all answers; limit by client and say when to try again.",
    needs=(one_identity,),
    order=5,
)
async def run(context: Context) -> Finding:
    faults, echoed = await _echo(context)
    driven_faults, driven = await _drive(context)
    if not faults and not driven:
        return context.skipped("ids are echoed; the configuration declares no rate (`throttle`) to exceed")
    return context.judge(
        faults + driven_faults, tried=echoed + driven, came="ids echoed, excess answered with 429"
    )
