"""AP-01: a search finds what it asks for, all of it and nothing else, compared with what was written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from carespine.standards.engine import readings
from carespine.standards.engine.answer import Answer
from carespine.standards.engine.check import check, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

# Ours: readings of two kinds, an hour apart, in a time of the past where other checks write nothing.
_HOURS = range(6)
_PAST_DAYS = (900, 3_000)
Pairs = list[tuple[str, str]]


def questions(
    patient: str, first: datetime, written: dict[str, dict[str, Any]]
) -> list[tuple[str, Pairs, set[str]]]:
    """What is asked, how, and the ids that must come back; `written` by id, in the order of their hours."""
    ids = list(written)
    since, until = first + timedelta(minutes=90), first + timedelta(minutes=270)
    window = [("date", f"ge{since.isoformat()}"), ("date", f"le{until.isoformat()}")]
    whole = [
        ("date", f"ge{(first - timedelta(minutes=1)).isoformat()}"),
        ("date", f"le{(first + timedelta(hours=len(ids))).isoformat()}"),
    ]
    own = ("patient", patient)
    heart = ("code", f"{readings.LOINC}|{readings.HEART_RATE.loinc}")
    elsewhere = ("code", f"{readings.SNOMED}|{readings.HEART_RATE.loinc}")
    return [
        ("between two times", [own, *window], set(ids[2:5])),
        ("of one code", [own, heart, *whole], set(ids[0::2])),
        ("of one code between two times", [own, heart, *window], {ids[2], ids[4]}),
        (
            "of the same code in another system",
            [own, elsewhere, *whole],
            set(),
        ),
        ("by its id", [own, ("_id", ids[3])], {ids[3]}),
        ("by an id that is nobody's", [own, ("_id", "nobodys-id")], set()),
        ("before all of them", [own, ("date", f"lt{first.isoformat()}"), ("_id", ids[0])], set()),
    ]


async def _found(context: Context, pairs: Pairs, *, post: bool) -> tuple[set[str], Answer]:
    """The ids of the Observations that the search finds, page by page."""
    search = [*pairs, ("_count", "100")]
    if post:
        answer = await context.fhir(
            "POST",
            "Observation/_search",
            identity=context.first,
            headers={"content-type": "application/x-www-form-urlencoded"},
            content=urlencode(search).encode(),
        )
    else:
        answer = await context.fhir("GET", "Observation", identity=context.first, params=search)
    matches = [each for each in answer.resources if each.get("resourceType") == "Observation"]
    return {str(each.get("id")) for each in matches}, answer


@check(
    "AP-01",
    "search",
    title="A search finds all that it asks for, and nothing else",
    quote="Machine-readable interface description is publicly reachable without contract (OpenAPI or "
    "CapabilityStatement) and matches behaviour.",
    expected="Of six readings of two codes, written an hour apart, searches by time, by code, by "
    "both, by id and by a code of "
    "another system, each by GET and by POST, find exactly those that the question means.",
    advice="Compare the system of a code as well as the code; compare instants, not texts; combine "
    "parameters with and.",
    needs=(one_identity,),
)
async def run(context: Context) -> Finding:
    own = context.first.patient_id
    first = (context.now() - timedelta(days=context.random.randint(*_PAST_DAYS))).replace(microsecond=0)
    kinds = (readings.HEART_RATE, readings.BODY_WEIGHT)
    written: dict[str, dict[str, Any]] = {}
    for hour in _HOURS:
        effective = (first + timedelta(hours=hour)).isoformat()
        device = {"display": f"Check band {context.uuid()}"}
        tree = readings.reading(context, own, quantity=kinds[hour % 2], effective=effective, device=device)
        made = await context.fhir("POST", "Observation", identity=context.first, json=tree)
        if not made.ok or "id" not in made.tree:
            return context.failed(f"a reading was not written: {made}", made)
        written[str(made.tree["id"])] = tree
    faults: list[Fault] = []
    asked = questions(own, first, written)
    for what, pairs, meant in asked:
        for post in (False, True):
            found, answer = await _found(context, pairs, post=post)
            ours = found & set(written)
            if not answer.ok:
                faults.append(fault(f"a search {what} was refused", answer))
            elif ours != meant or (not meant and found):
                faults.append(
                    fault(f"a search {what} found {len(ours)} of the {len(meant)} it means", answer)
                )
    return context.judge(
        faults, tried=2 * len(asked), came=f"{2 * len(asked)} searches found exactly what they mean"
    )
