"""What the SMART scopes of an app leave of what its actor reaches: in SQL for rows, in Python for writes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from carespine.fhir.search import keys_for, parse
from carespine.fhir.search.criteria import AllOf, Clause, Criterion
from carespine.kernel.ids import NOT_PATIENT_SCOPED, patient_key
from carespine.security import scopes
from carespine.security.actor import Actor
from carespine.security.scopes import Scope
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number


def in_force(actor: Actor) -> list[Scope]:
    """The scopes that count: an app on its own account has system scopes, one that acts for a person the others,
    and those of a patient only where it was opened for one."""
    if actor.client is None:
        return [scope for scope in scopes.resource_scopes(actor.scopes) if scope.context == "system"]
    return [
        scope
        for scope in scopes.resource_scopes(actor.scopes)
        if scope.context == "user" or (scope.context == "patient" and actor.context)
    ]


def covers(actor: Actor, resource_type: str, letter: str) -> bool:
    """Whether any scope speaks of this interaction with this type."""
    return any(scope.covers(resource_type, letter) for scope in in_force(actor))


def names(actor: Actor, resource_type: str, letter: str) -> bool:
    """Whether a scope speaks of this type by its name: `*` does not say that the directory may be changed."""
    return any(
        scope.type == resource_type and scope.covers(resource_type, letter) for scope in in_force(actor)
    )


def condition(actor: Actor, arguments: Arguments, *, alias: str, letter: str, types: Iterable[str]) -> str:
    """A condition on `alias` (patient, type, rid, version) for what the scopes leave of the rows of `types`."""
    parts = [
        _group(actor, arguments, alias, only_context, wanted, numbers)
        for only_context, wanted, numbers in _groups(tuple(in_force(actor)), letter, tuple(types))
    ]
    return f"({' or '.join(parts)})" if parts else "false"


@lru_cache(maxsize=1_024)
def _groups(
    scopes_in_force: tuple[Scope, ...], letter: str, types: tuple[str, ...]
) -> list[tuple[bool, frozenset[int], list[int]]]:
    """The types by number that scopes leave in the same way: within the context only, and with one of some keys."""
    found: dict[tuple[bool, frozenset[int]], set[int]] = {}
    for name in types:
        for scope in scopes_in_force:
            if scope.covers(name, letter):
                for wanted in _wanted(name, scope.query):
                    found.setdefault((scope.context == "patient", wanted), set()).add(type_number(name))
    return [(context, wanted, sorted(numbers)) for (context, wanted), numbers in found.items()]


def _group(
    actor: Actor,
    arguments: Arguments,
    alias: str,
    only_context: bool,
    wanted: frozenset[int],
    numbers: list[int],
) -> str:
    parts = [f"{alias}.type = any({arguments.add(numbers)}::smallint[])"]
    if only_context and actor.context:
        context = arguments.add(patient_key(actor.context))
        parts.append(f"{alias}.patient in ({NOT_PATIENT_SCOPED}, {context})")
    if wanted:
        # Superseded versions carry no keys: a scope that is narrowed by a search reaches current versions only.
        parts.append(
            f"exists (select 1 from resource k where k.patient = {alias}.patient and k.rid = {alias}.rid "  # noqa: S608
            f"and k.version = {alias}.version and k.keys && {arguments.add(sorted(wanted))}::bigint[])"
        )
    return f"({' and '.join(parts)})"


def permits_patient(actor: Actor, letter: str, resource_type: str, patient: int) -> bool:
    """Whether some scope allows this interaction with a resource of this type and patient."""
    return any(_fits(actor, scope, letter, resource_type, patient) for scope in in_force(actor))


def permits(actor: Actor, letter: str, resource_type: str, patient: int, keys: frozenset[int]) -> bool:
    """The same for one resource with these search keys."""
    return any(
        not wanted or wanted & keys
        for scope in in_force(actor)
        if _fits(actor, scope, letter, resource_type, patient)
        for wanted in _wanted(resource_type, scope.query)
    )


def _fits(actor: Actor, scope: Scope, letter: str, resource_type: str, patient: int) -> bool:
    if not scope.covers(resource_type, letter):
        return False
    if scope.context != "patient":
        return True
    own = patient_key(actor.context) if actor.context else None
    return patient in (NOT_PATIENT_SCOPED, own)


@lru_cache(maxsize=1_024)
def _wanted(resource_type: str, query: tuple[tuple[str, str], ...]) -> tuple[frozenset[int], ...]:
    """The keys of which a resource must carry one; an empty set where the scope is not narrowed."""
    if not query:
        return (frozenset(),)
    found = [keys_for(criterion) for criterion in _criteria(parse(resource_type, query).clauses)]
    return tuple(frozenset(keys) for keys in found[:1] if keys) if len(found) == 1 else ()


def _criteria(clauses: Iterable[Clause]) -> list[Criterion]:
    found: list[Criterion] = []
    for clause in clauses:
        if isinstance(clause, Criterion):
            found.append(clause)
        elif isinstance(clause, AllOf):
            found += _criteria(clause.clauses)
    return found
