"""Clauses of a query as SQL: criteria, chains, `_has`, and how they combine.

Where a chain or `_has` goes along a patient's own record, the patient key joins the two sides within one
statement. Elsewhere the inner side is asked first, and its answer is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from carespine.fhir import json_text
from carespine.fhir.search import index
from carespine.fhir.search.criteria import AllOf, AnyOf, Chain, Clause, Criterion, Has
from carespine.kernel.errors import Invalid
from carespine.storage.bodies import unpack
from carespine.storage.search.conditions import any_key, condition
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number

if TYPE_CHECKING:
    import asyncpg

    from carespine.storage.database import Connection

Reachable = Callable[[Arguments, str], str]
# Ours: how many resources the inner side of a chain may find before the search is refused as too wide.
WIDEST = 10_000
# Parameters whose Patient is the one that the resource's patient key is derived from (security/compartment.py).
_PATIENT_CODES = frozenset({"patient", "subject"})
# Types that may name several patients with it, of whom the key is only one, or another than the key's.
_OTHERWISE_FILED = frozenset(
    {
        "Account",
        "Appointment",
        "AppointmentResponse",
        "AuditEvent",
        "Contract",
        "EnrollmentRequest",
        "Person",
        "Provenance",
        "SupplyRequest",
    }
)


def is_owner(resource_type: str, code: str) -> bool:
    """Whether a reference parameter finds the very Patient whose key the rows of the type carry."""
    return code in _PATIENT_CODES and resource_type not in _OTHERWISE_FILED


class Compiler:
    """Compiles the clauses of one query; `arguments` collects the values of the one outer statement."""

    def __init__(
        self, connection: Connection, arguments: Arguments, reachable: Reachable, now: datetime
    ) -> None:
        self._connection, self._arguments = connection, arguments
        self._reachable, self._now = reachable, now
        self._depth = 0

    async def compile(self, clause: Clause, alias: str) -> str:
        """A condition on the table alias `alias` of `resource`."""
        match clause:
            case Criterion():
                return condition(clause, self._arguments, alias, now=self._now)
            case AllOf():
                return await self._joined(clause.clauses, " and ", alias)
            case AnyOf():
                return await self._joined(clause.clauses, " or ", alias)
            case Chain():
                branches = [await self._chain(clause, branch, alias) for branch in clause.branches]
                return f"({' or '.join(branches)})"
            case Has():
                return await self._has(clause, alias)

    async def _joined(self, clauses: tuple[Clause, ...], word: str, alias: str) -> str:
        parts = [await self.compile(clause, alias) for clause in clauses]
        return f"({word.join(parts)})"

    async def _chain(self, chain: Chain, branch: Clause, alias: str) -> str:
        if branch.resource_type == "Patient" and is_owner(chain.resource_type, chain.parameter.code):
            inner = await self._inner(branch)
            return f"{alias}.patient in (select {inner})"
        found = await self._ask(branch, "id")
        identities = [(branch.resource_type, str(row["id"])) for row in found]
        wanted = any_key(chain.resource_type, chain.parameter.code, identities)
        return f"{alias}.keys && {self._arguments.add(wanted)}::bigint[]"

    async def _has(self, has: Has, alias: str) -> str:
        if has.resource_type == "Patient" and is_owner(has.source_type, has.parameter.code):
            inner = await self._inner(has.clause)
            return f"{alias}.patient in (select {inner})"
        found = await self._ask(has.clause, "body")
        ids = {
            resource_id
            for row in found
            for code, kind, resource_id in index(json_text.read(unpack(row["body"]))).references
            if code == has.parameter.code and kind == has.resource_type
        }
        return f"{alias}.id = any({self._arguments.add(sorted(ids))}::text[])"

    async def _inner(self, clause: Clause) -> str:
        """The patient keys of the inner side's matches, as the rest of a select within the outer statement."""
        self._depth += 1
        alias = f"r{self._depth}"
        inside = await self.compile(clause, alias)
        number = self._arguments.add(type_number(clause.resource_type))
        reach = self._reachable(self._arguments, alias)
        return (
            f"{alias}.patient from resource {alias} where {alias}.type = {number} and not {alias}.deleted "
            f"and {alias}.patient <> 0 and {inside} and ({reach})"
        )

    async def _ask(self, clause: Clause, columns: str) -> list[asyncpg.Record]:
        """The inner side's matches in a statement of its own; raises Invalid where there are too many."""
        arguments = Arguments()
        inner = Compiler(self._connection, arguments, self._reachable, self._now)
        inside = await inner.compile(clause, "r")
        number = arguments.add(type_number(clause.resource_type))
        reach = self._reachable(arguments, "r")
        rows = await self._connection.fetch(
            f"select {columns} from resource r where r.type = {number} and not r.deleted and {inside} "  # noqa: S608
            f"and ({reach}) limit {WIDEST + 1}",
            *arguments.values,
        )
        if len(rows) > WIDEST:
            raise Invalid(
                f"The chained condition on {clause.resource_type} matches more than {WIDEST} resources; narrow it."
            )
        return rows
