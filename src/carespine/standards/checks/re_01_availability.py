"""RE-01: a sample of availability, spread over a period; the month is measured by monitoring."""

from __future__ import annotations

import asyncio

import httpx

from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# NHS England IT standards: availability a month by tier.
_TIERS = {"platinum": 0.999, "gold": 0.999, "silver": 0.995, "bronze": 0.98}
# Ours: the fewest transactions of a sample, and how far apart those of a long period are.
_LEAST, _EVERY_S = 40, 60.0


async def _transaction(context: Context) -> Fault | None:
    """One read of a record, as a user would make it; what went wrong, or None."""
    try:
        answer = await context.fhir("GET", f"Patient/{context.first.patient_id}", identity=context.first)
    except httpx.TransportError as error:
        return Fault(f"a transaction was not answered ({type(error).__name__})")
    return None if answer.ok else fault("a transaction failed", answer)


@check(
    "RE-01",
    "availability",
    title="The service answers, time and again",
    quote="Availability by declared tier.",
    expected="Of at least 40 reads of a record, spread over the period that the configuration names "
    "(half a second, unless it "
    "says more), as many succeed as the declared tier promises.",
    advice="Look at when the failed transactions were made: a deployment, a full pool of connections, a dependency?",
    needs=(one_identity,),
    time_limit_s=90_000,
    flaky=True,
    order=4,
)
async def run(context: Context) -> Finding:
    told = context.config.availability
    period = told.period_seconds if told else 0.5
    tier = told.tier if told else "silver"
    count = max(_LEAST, round(period / _EVERY_S))
    await context.token(context.first)
    faults: list[Fault] = []
    for _ in range(count):
        failed = await _transaction(context)
        faults += [failed] if failed else []
        await asyncio.sleep(period / count)
    allowed = int((1 - _TIERS[tier]) * count)
    came = f"{count - len(faults)} of {count} transactions in {period:.0f} s; {tier} allows {allowed} to fail"
    return context.judge(faults, tried=count, came=came, allowed=allowed)
