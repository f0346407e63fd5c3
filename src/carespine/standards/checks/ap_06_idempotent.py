"""AP-06: a retried write is the same write."""

from __future__ import annotations

from functools import partial
from typing import Any

from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, AP-06: 100 writes replayed.
_WRITES = 100
_IDENTIFIER = "urn:carespine:check:retry"


async def _write(context: Context, tree: dict[str, Any], key: str, *, conditional: bool) -> Answer:
    headers = {"x-request-id": key}
    if conditional:
        headers["if-none-exist"] = f"identifier={_IDENTIFIER}|{key}"
    return await context.fhir("POST", "Observation", identity=context.first, headers=headers, json=tree)


def _id(answer: Answer) -> str:
    named = answer.tree.get("id") if answer.tree.get("resourceType") == "Observation" else None
    return str(named or answer.header("location").rpartition("Observation/")[2].partition("/")[0])


@check(
    "AP-06",
    "idempotent",
    title="Retrying a write does not repeat it",
    quote="Retrying with same request id is idempotent.",
    expected="100 creations are each sent twice with the same X-Request-ID, half of them at the same moment. "
    "Both answers name one resource. A service may instead support If-None-Exist (FHIR conditional "
    "create): then the check uses that, and the CapabilityStatement must declare conditionalCreate.",
    advice="Remember the request id with the answer for at least an hour, in the transaction that writes.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    metadata = await context.fhir("GET", "metadata")
    resources = [entry for each in metadata.tree.get("rest", []) for entry in each.get("resource", [])]
    conditional = any(
        each.get("type") == "Observation" and each.get("conditionalCreate") for each in resources
    )
    await context.token(context.first)
    writes: list[tuple[dict[str, Any], str]] = []
    for _ in range(_WRITES):
        key = context.uuid()
        writes.append(
            (
                readings.reading(
                    context, context.first.patient_id, identifier=[{"system": _IDENTIFIER, "value": key}]
                ),
                key,
            )
        )
    jobs = [partial(_write, context, tree, key, conditional=conditional) for tree, key in writes]
    half = _WRITES // 2
    pairs = await context.together([job for job in jobs[:half] for _ in range(2)])
    firsts, seconds = pairs[0::2], pairs[1::2]
    firsts += await context.together(jobs[half:])
    seconds += await context.together(jobs[half:])
    faults: list[Fault] = []
    for first, second in zip(firsts, seconds, strict=True):
        # 409 at the same moment: the service says that the first is still under way, and has written nothing.
        told = [each for each in (first, second) if each.ok]
        if not told:
            faults.append(fault("a write was not done at all", second))
        elif len(told) == 2 and _id(first) != _id(second):
            faults.append(fault("a retried write made a second resource", second))
        elif len(told) == 1 and not {first.status, second.status} & {409, 425}:
            faults.append(fault("a retry was refused", second if first.ok else first))
    way = "If-None-Exist" if conditional else "X-Request-ID"
    return context.judge(
        faults, tried=_WRITES, came=f"{_WRITES} retried writes made one resource each, by {way}"
    )
