"""RE-06: while a dependency is away the service goes on or says clearly that it cannot; afterwards "
"nothing is missing."""

from __future__ import annotations

from functools import partial

from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.engine.hooks import ask
from carespine.standards.models import Fault, Finding

# Ours: reads and writes while the dependency is away.
_EACH = 20
# minimum-standards, RE-06: reconciled within 15 minutes of its return.
_RECONCILED_S = 15 * 60.0


def _clear(answer: Answer) -> bool:
    """Whether the answer is a service, or a clear notice that there is none now."""
    if answer.status < 500:
        return answer.ok
    return answer.status == 503 and bool(answer.issue_codes) and bool(answer.header("retry-after"))


@check(
    "RE-06",
    "degrades",
    title="Without its dependency the service serves or says so, and catches up",
    quote="Degrades: read-only or clear notice when the spine is away, queue then reconcile.",
    expected="While the hook keeps the dependency away, 20 reads and 20 writes are each done, or "
    "answered 503 with Retry-After "
    "and a coded OperationOutcome; after its return, within the service's time (15 minutes at most), "
    "the outbox is empty "
    "and every write that was accepted is read.",
    advice="Write to your own store and an outbox in one transaction; send from the outbox.",
    needs=(one_identity, configured("hooks")),
    time_limit_s=_RECONCILED_S + 60,
    order=6,
)
async def run(context: Context) -> Finding:
    hooks = context.config.hooks
    if hooks is None or not hooks.dependency or not hooks.outbox:
        return context.skipped("the configuration names no hooks.dependency and hooks.outbox")
    own, where, outbox = context.first.patient_id, hooks.dependency, hooks.outbox
    away = await ask(context, where, {"away": True})
    if not away.ok:
        return context.failed(f"the hook that takes the dependency away was refused: {away}", away)
    try:
        read = partial(context.fhir, "GET", f"Patient/{own}", identity=context.first)
        reads = [await read() for _ in range(_EACH)]
        bodies = [readings.reading(context, own) for _ in range(_EACH)]
        writes = [
            await context.fhir("POST", "Observation", identity=context.first, json=each) for each in bodies
        ]
    finally:
        back = await ask(context, where, {"away": False})
    faults: list[Fault] = [
        fault("without its dependency the service neither served nor said so", each)
        for each in (*reads, *writes)
        if not _clear(each)
    ]

    async def is_empty() -> bool:
        return (await ask(context, outbox)).tree.get("waiting") == 0

    if not await context.within(min(hooks.patience_seconds, _RECONCILED_S), is_empty):
        faults.append(fault("after the dependency's return something still waits to be sent", back))
    for each in writes:
        if (
            each.ok
            and not (
                await context.fhir("GET", f"Observation/{each.tree.get('id')}", identity=context.first)
            ).ok
        ):
            faults.append(fault("a write that was accepted is not there", each))
    return context.judge(faults, tried=2 * _EACH + 1, came="served or said so, and caught up")
