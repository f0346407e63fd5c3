"""ID-03: an application never gets one of two people who match alike."""

from __future__ import annotations

from carespine.standards.engine.check import check, configured, one_identity
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding


@check(
    "ID-03",
    "no-guess",
    title="An ambiguous search finds nobody rather than somebody",
    quote="Application-only search returns at most one unique match; ambiguity is an error, not a guess.",
    expected="A search by demographics that two of the sandbox's patients share returns no Patient and an "
    "OperationOutcome with the code multiple-matches; it never returns one of them, nor both.",
    advice="Count the matches before applying limits; with more than one, answer only the OperationOutcome.",
    needs=(one_identity, configured("twins")),
)
async def run(context: Context) -> Finding:
    twins = context.config.twins
    assert twins is not None  # noqa: S101 - `needs` has seen to it
    who = [("family", twins.family), ("given", twins.given), ("birthdate", twins.birth_date)]
    faults: list[Fault] = []
    tried = 0
    for extra in ([], [("_count", "1")], [("_sort", "_id")], [("_sort", "_id"), ("_count", "1")]):
        pairs = who + extra
        context.random.shuffle(pairs)
        for answer in (
            await context.fhir("GET", "Patient", identity=context.first, params=pairs),
            await context.fhir("POST", "Patient/_search", identity=context.first, data=dict(pairs)),
        ):
            tried += 1
            people = [each for each in answer.resources if each.get("resourceType") == "Patient"]
            coded = "multiple-matches" in answer.issue_codes or any(
                issue.get("code") == "multiple-matches"
                for each in answer.resources
                for issue in each.get("issue", [])
            )
            if people:
                faults.append(fault(f"{len(people)} of the people who match alike came back", answer))
            elif not coded and not (extra and answer.refused and answer.issue_codes):
                faults.append(fault("the ambiguity was not told with the code multiple-matches", answer))
    return context.judge(faults, tried=tried, came=f"{tried} ambiguous searches told so and gave nobody")
