"""Whether a search asks where patients are: then restricted patients must not show in its answer at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from carespine.fhir.search.criteria import AllOf, AnyOf, Chain, Clause, Criterion, Has, Not
from carespine.security.confidentiality import OPEN_PARAMETERS

if TYPE_CHECKING:
    from carespine.fhir.search.criteria import Include, Query


def asks(query: Query) -> bool:
    """Whether any part of the query looks at an element of Patient that may say where they are."""
    if any(_clause(clause) for clause in query.clauses):
        return True
    if any(_include(each) for each in (*query.includes, *query.revincludes)):
        return True
    return query.resource_type == "Patient" and any(
        key.parameter.code not in OPEN_PARAMETERS for key in query.sort
    )


def _clause(clause: Clause) -> bool:
    match clause:
        case Criterion():
            return _parameter(clause.resource_type, clause.parameter.code)
        case Chain():
            return _parameter(clause.resource_type, clause.parameter.code) or _any(clause.branches)
        case Has():
            return _parameter(clause.source_type, clause.parameter.code) or _clause(clause.clause)
        case AllOf() | AnyOf():
            return _any(clause.clauses)
        case Not():
            return _clause(clause.clause)


def _any(clauses: Iterable[Clause]) -> bool:
    return any(_clause(clause) for clause in clauses)


def _parameter(resource_type: str, code: str) -> bool:
    return resource_type == "Patient" and code not in OPEN_PARAMETERS


def _include(include: Include) -> bool:
    return include.source_type in ("Patient", "*") and include.code not in OPEN_PARAMETERS
