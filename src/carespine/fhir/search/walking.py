"""Walking over the clauses of a query."""

from __future__ import annotations

from collections.abc import Iterator

from carespine.fhir.search.criteria import AllOf, AnyOf, Chain, Clause, Criterion, Has, Not


def criteria_of(clause: Clause) -> Iterator[Criterion]:
    """Every criterion in a clause, however deep."""
    match clause:
        case Criterion():
            yield clause
        case AllOf() | AnyOf():
            for part in clause.clauses:
                yield from criteria_of(part)
        case Chain():
            for branch in clause.branches:
                yield from criteria_of(branch)
        case Has() | Not():
            yield from criteria_of(clause.clause)
