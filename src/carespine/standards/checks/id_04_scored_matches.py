"""ID-04: a person who searches sees how sure each match is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# minimum-standards, ID-04.
_MOST = 50


def _facts(patient: dict[str, Any]) -> tuple[str, str, str]:
    """What is matched by: family name, given name, birth date."""
    name = (patient.get("name") or [{}])[0]
    given = (name.get("given") or [""])[0]
    return str(name.get("family", "")).lower(), str(given).lower(), str(patient.get("birthDate", ""))


def _wrong(answer: Answer, asked: dict[str, Any]) -> list[str]:
    entries = [each for each in answer.tree.get("entry") or [] if isinstance(each, dict)]
    scores: list[Any] = [(each.get("search") or {}).get("score") for each in entries]
    if len(entries) > _MOST:
        return [f"{len(entries)} matches came back"]
    if not all(isinstance(score, int | float) and 0 <= score <= 1 for score in scores):
        return ["a match has no score from 0 to 1"]
    faults = (
        []
        if all(a >= b for a, b in pairwise(scores))
        else ["the matches are not in the order of their scores"]
    )
    guessed = [
        each
        for each, score in zip(entries, scores, strict=True)
        if score == 1 and _facts(each.get("resource") or {}) != _facts(asked)
    ]
    return [*faults, "somebody who differs has the score of certainty"] if guessed else faults


async def _match(context: Context, patient: dict[str, Any]) -> Answer:
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "resource", "resource": patient},
            {"name": "count", "valueInteger": _MOST},
        ],
    }
    return await context.fhir("POST", "Patient/$match", identity=context.first, json=parameters)


@check(
    "ID-04",
    "scored-matches",
    title="Matches carry their score, the best first",
    quote="Interactive search returns scored matches, descending, limited.",
    expected="Patient/$match with the patient's own demographics finds them first with the score 1; with another given "
    "name it finds them with less; the scores fall from match to match, and there are 50 at most.",
    advice="Score by what agrees, and give 1 to what agrees in all only.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    own = await context.fhir("GET", f"Patient/{context.first.patient_id}", identity=context.first)
    asked: dict[str, Any] = {
        name: own.tree[name] for name in ("resourceType", "name", "birthDate") if name in own.tree
    }
    exact = await _match(context, asked)
    if exact.status in {404, 405, 501}:
        return context.skipped(f"the service offers no Patient/$match ({exact})")
    family = _facts(asked)[0]
    other: dict[str, Any] = {**asked, "name": [{"family": family, "given": ["Zebedee"]}]}
    near = await _match(context, other)
    faults: list[Fault] = [fault(text, exact) for text in _wrong(exact, asked)]
    faults += [fault(text, near) for text in _wrong(near, other)]
    first = next(iter(exact.resources), {})
    if first.get("id") != context.first.patient_id:
        faults.append(fault("the patient's own demographics did not find them first", exact))
    if not near.resources:
        faults.append(fault("one other given name hides the patient altogether", near))
    return context.judge(faults, tried=4, came="matches come scored, the best first")
