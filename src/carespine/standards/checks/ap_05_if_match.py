"""AP-05: nobody's change is lost to somebody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, AP-05: 50 concurrent writers.
_WRITERS = 50
# So answer FHIR R4 3.1.0.5 (412), the national demographics service (409, 412) and RFC 6585 (428).
_STALE = frozenset({409, 412})
_MISSING = _STALE | {400, 428}


async def _update(context: Context, tree: dict[str, Any], version: str | None, note: str) -> Answer:
    headers = {} if version is None else {"if-match": f'W/"{version}"'}
    changed = {**tree, "note": [{"text": note}]}
    return await context.fhir(
        "PUT", f"Observation/{tree['id']}", identity=context.first, headers=headers, json=changed
    )


@check(
    "AP-05",
    "if-match",
    title="Updates name the version they change",
    quote="Lost updates impossible: If-Match required on update.",
    expected="An update without If-Match is refused (400, 412 or 428), with a stale version refused (409 or "
    "412), with the current one done; of 50 writers of one version at once exactly one is answered 2xx "
    "and its text stays.",
    advice="Compare If-Match with the stored version inside the transaction that writes, and demand the "
    "header.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    sent = readings.reading(context, context.first.patient_id)
    created = await context.fhir("POST", "Observation", identity=context.first, json=sent)
    if not created.ok or "id" not in created.tree:
        return context.failed(f"a reading was not created: {created}", created)
    tree = created.tree
    version = str((tree.get("meta") or {}).get("versionId", "1"))
    faults: list[Fault] = []
    bare = await _update(context, tree, None, "without a version")
    if bare.status not in _MISSING:
        faults.append(fault("an update without If-Match was not refused", bare))
    await context.token(context.first)
    jobs: list[Callable[[], Awaitable[Answer]]] = [
        partial(_update, context, tree, version, f"writer {n}") for n in range(_WRITERS)
    ]
    answers = await context.together(jobs)
    won = [n for n, answer in enumerate(answers) if answer.ok]
    if len(won) != 1:
        faults.append(
            fault(
                f"{len(won)} of {_WRITERS} writers of one version succeeded", answers[won[-1] if won else 0]
            )
        )
    faults += [
        fault("a losing writer was not told so", each)
        for each in answers
        if not each.ok and each.status not in _STALE
    ]
    stale = await _update(context, tree, version, "stale")
    if stale.status not in _STALE:
        faults.append(fault("an update of a stale version was not refused", stale))
    last = await context.fhir("GET", f"Observation/{tree['id']}", identity=context.first)
    if [each.get("text") for each in last.tree.get("note", [])] != [f"writer {n}" for n in won]:
        faults.append(fault("what is stored is not what the one winner wrote", last))
    return context.judge(faults, tried=_WRITERS + 3, came="one writer won, all others were told")
