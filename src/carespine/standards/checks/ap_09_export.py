"""AP-09: everything of a patient, and of all patients, comes out, and is what went in."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial
from typing import Any

from carespine.fhir import codec
from carespine.kernel.errors import Invalid
from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# Ours: how many readings are written first, so that there is something to lose.
_READINGS = 30
# minimum-standards, AP-09: at least 99.9 % of resources equal; no id may be lost.
_UNEQUAL = 0.001
# Ours: how long an export of the sandbox may take.
_PATIENCE_S = 60.0
Found = dict[str, dict[str, Any]]


def _content(tree: dict[str, Any]) -> dict[str, Any]:
    """A resource without what a server may say differently each time: its meta and its narrative."""
    return {name: value for name, value in tree.items() if name not in {"meta", "text"}}


def imported(trees: list[dict[str, Any]], context: Context, *, of: Answer) -> Found:
    """The resources by type and id, as another system would take them in. Ends the check where one does not read."""
    for tree in trees:
        try:
            codec.check(tree)
        except Invalid as error:
            context.end(f"what was exported does not read as FHIR R4: {error.message}", of)
    return {f"{each.get('resourceType')}/{each.get('id')}": each for each in trees}


async def _everything(context: Context) -> tuple[Found, Answer]:
    """One patient's export, page by page."""
    path = f"Patient/{context.first.patient_id}/$everything"
    answer = await context.fhir("GET", path, identity=context.first)
    trees = list(answer.exact_resources) if answer.ok else []
    first = answer
    while url := _next(answer):
        answer = await context.call("GET", url, identity=context.first)
        trees += answer.exact_resources
    return imported(trees, context, of=first), first


def _next(answer: Answer) -> str | None:
    links = answer.tree.get("link") or []
    return next((str(each.get("url")) for each in links if each.get("relation") == "next"), None)


async def _bulk(context: Context) -> tuple[Found, Answer]:
    """Everybody's export, as FHIR Bulk Data Access has it. Ends the check where it is not made."""
    asked = await context.fhir("GET", "$export", identity=context.first, headers={"prefer": "respond-async"})
    where = asked.header("content-location")
    if asked.status != 202 or not where:
        context.end(f"$export was not taken on with 202 and Content-Location: {asked}", asked)
    states: list[Answer] = []

    async def is_done() -> bool:
        states.append(await context.call("GET", where, identity=context.first))
        return states[-1].status != 202

    await context.within(_PATIENCE_S, is_done)
    if states[-1].status != 200:
        context.end(f"the export was not made: {states[-1]}", states[-1])
    trees: list[dict[str, Any]] = []
    for file in states[-1].tree.get("output") or []:
        lines = await context.call("GET", str(file.get("url")), identity=context.first)
        trees += _lines(context, lines)
    return imported(trees, context, of=states[-1]), states[-1]


def _lines(context: Context, answer: Answer) -> list[dict[str, Any]]:
    try:
        return [json.loads(line, parse_float=Decimal) for line in answer.text.splitlines() if line.strip()]
    except ValueError:
        context.end("an exported file is not NDJSON", answer)


def _differing(exported: Found, held: Found, answer: Answer, what: str) -> list[Fault]:
    """The faults of an export: what is lost, and what is not the same where that is more than one in a thousand."""
    lost = sorted(set(held) - set(exported))
    unequal = [name for name in held if name in exported and _content(exported[name]) != _content(held[name])]
    faults = []
    if lost:
        faults.append(fault(f"{what} lost {len(lost)} of {len(held)} resources, first {lost[0]}", answer))
    if len(unequal) > _UNEQUAL * len(held):
        faults.append(fault(f"{what} changed {len(unequal)} of {len(held)}, first {unequal[0]}", answer))
    return faults


@check(
    "AP-09",
    "export",
    title="What went in comes out, of one patient and of all",
    quote="Full export of one patient and of the whole organisation in open format.",
    expected="After 30 readings were written, Patient/id/$everything and an asynchronous $export "
    "(NDJSON) both hold the "
    "Patient and every reading, under the ids and with the content that a read answers; all of it reads as FHIR R4.",
    advice="Export from the store itself, not from a list; keep the ids.",
    needs=(one_identity,),
    time_limit_s=120,
)
async def run(context: Context) -> Finding:
    own = context.first.patient_id
    await context.token(context.first)
    bodies = [readings.reading(context, own) for _ in range(_READINGS)]
    jobs = [
        partial(context.fhir, "POST", "Observation", identity=context.first, json=each) for each in bodies
    ]
    written = await context.together(jobs)
    if refused := [each for each in written if not each.ok or "id" not in each.tree]:
        return context.failed(f"a reading was not written: {refused[0]}", refused[0])
    paths = [f"Patient/{own}", *dict.fromkeys(f"Observation/{each.tree['id']}" for each in written)]
    read = await context.together(
        partial(context.fhir, "GET", path, identity=context.first) for path in paths
    )
    held = {path: next(iter(answer.exact_resources), {}) for path, answer in zip(paths, read, strict=True)}
    everything, one = await _everything(context)
    faults = _differing(everything, held, one, "$everything")
    bulk, all_of_them = await _bulk(context)
    faults += _differing(bulk, held, all_of_them, "$export")
    return context.judge(
        faults, tried=2 * len(held), came=f"{len(held)} resources came out as they are, twice"
    )
