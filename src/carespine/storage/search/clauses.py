"""Clauses of a query as SQL: criteria, chains, `_has`, and how they combine.

PostgreSQL plans a statement well when it knows how many rows a condition leaves. Of ranges and of inner sides it
does not, so that they are asked first: what is few goes into the statement as a list, what is many becomes a filter
that is never turned into a join.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from carespine.fhir import json_text
from carespine.fhir.search import filed, index, keys
from carespine.fhir.search.criteria import AllOf, AnyOf, Chain, Clause, Criterion, Has, Not
from carespine.storage.bodies import unpack
from carespine.storage.search import contents, looking_up, units
from carespine.storage.search.conditions import Rows, any_key, carries, equality, ranged, rows
from carespine.storage.search.estimates import Remembered
from carespine.storage.search.ranged import Ranged
from carespine.storage.search.units import Units
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number

if TYPE_CHECKING:
    import asyncpg

    from carespine.storage.database import Connection


class Reachable(Protocol):
    """Gives the condition that holds for the asker's rows."""

    def __call__(self, arguments: Arguments, alias: str, *, kind: str | None = None) -> str:
        """The condition on the rows of an alias; `kind` where the statement takes rows of this type only."""


# Ours: so many matches of a range, or of an inner side, go into the statement as a list.
FEW, FEW_SOURCES = 500, 200
# Ours: an index is asked for so many keys at once; more are compared row by row.
MOST_KEYS = 1000
# Modifiers whose codes or references stand in other resources, and the types of parameter that they do so for.
_ELSEWHERE = {
    "in": ("token",),
    "not-in": ("token",),
    "above": ("token", "reference"),
    "below": ("token", "reference"),
}
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
# Equality on these leaves few resources: there is no need to know how many a range would.
_SELECTIVE_TYPES = frozenset({"reference"})
_SELECTIVE_CODES = frozenset({"_id", "identifier"})


def is_owner(resource_type: str, code: str) -> bool:
    """Whether a reference parameter finds the very Patient whose key the rows of the type carry."""
    return code in _PATIENT_CODES and resource_type not in _OTHERWISE_FILED


def is_selective(clause: Clause) -> bool:
    """Whether a clause leaves few resources by its nature."""
    if isinstance(clause, AllOf):
        return any(is_selective(part) for part in clause.clauses)
    if not isinstance(clause, Criterion) or clause.modifier is not None:
        return False
    return clause.parameter.type in _SELECTIVE_TYPES or clause.parameter.code in _SELECTIVE_CODES


_many = Remembered()


class Compiler:
    """Compiles the clauses of one query; `arguments` collects the values of the one outer statement."""

    def __init__(
        self,
        connection: Connection,
        arguments: Arguments,
        reachable: Reachable,
        now: datetime,
        known_units: Units,
        *,
        depth: int = 0,
    ) -> None:
        self._connection, self._arguments = connection, arguments
        self._reachable, self._now, self._units = reachable, now, known_units
        self._depth = depth

    @classmethod
    async def of(
        cls,
        connection: Connection,
        arguments: Arguments,
        reachable: Reachable,
        now: datetime,
        clauses: Sequence[Clause],
    ) -> Compiler:
        """A compiler for these clauses, with what it must know of the database beforehand."""
        return cls(connection, arguments, reachable, now, await units.of(connection, clauses))

    def range_of(self, clause: Clause) -> Ranged | None:
        """The ranges of a criterion on dates, numbers or quantities; None for any other clause."""
        if not isinstance(clause, Criterion) or clause.parameter.code == "_lastUpdated":
            return None
        return ranged(clause, self._now, self._units)

    async def compile(self, clause: Clause, alias: str, *, narrowed: bool = False) -> str:
        """A condition on the table alias `alias` of `resource`; `narrowed`: others leave few rows already."""
        if contents.is_of_content(clause):
            return self.among(alias, await self.of_content(clause))
        match clause:
            case Criterion():
                return await self._criterion(clause, alias, narrowed=narrowed)
            case AllOf():
                return await self._joined(clause.clauses, " and ", alias, narrowed=narrowed)
            case AnyOf():
                return await self._joined(clause.clauses, " or ", alias, narrowed=narrowed)
            case Not():
                inner = await self.compile(clause.clause, alias, narrowed=True)
                return f"not ({inner})"
            case Chain():
                branches = [await self._chain(clause, branch, alias) for branch in clause.branches]
                return f"({' or '.join(branches)})"
            case Has():
                return await self._has(clause, alias)

    async def _criterion(self, clause: Criterion, alias: str, *, narrowed: bool) -> str:
        if clause.parameter.code == "_list" and clause.modifier is None:
            ids = await looking_up.listed(self._connection, clause, self._reachable)
            return f"{alias}.id = any({self._arguments.add(ids)}::text[])"
        if clause.parameter.type in _ELSEWHERE.get(clause.modifier or "", ()):
            return await self._elsewhere(clause, alias)
        found = equality(clause, self._arguments, alias, self._now)
        if found is not None:
            return found
        return await self._of_rows(self.range_of(clause) or rows(clause), alias, narrowed=narrowed)

    async def _elsewhere(self, clause: Criterion, alias: str) -> str:
        """A condition for codes or references that other resources name."""
        look_up = looking_up.hierarchy if clause.parameter.type == "reference" else looking_up.codes
        wanted = await look_up(self._connection, clause, self._reachable)
        if len(wanted) <= MOST_KEYS:
            found = carries(wanted, self._arguments, alias)
        else:
            listed = self._arguments.add(sorted(wanted))
            found = (
                f"exists (select 1 from unnest({alias}.keys) k where k = any({listed}::bigint[]) offset 0)"  # noqa: S608
            )
        return f"not ({found})" if clause.modifier == "not-in" else found

    async def of_content(
        self, clause: Clause, where: str = "", arguments: Arguments | None = None
    ) -> list[tuple[int, int]]:
        """The rows with words of `_content`, among those of a condition on `r` and its arguments."""
        if arguments is None:
            arguments = Arguments(type_number(clause.resource_type))
            reach = self._reachable(arguments, "r", kind=clause.resource_type)
            where = f"r.type = $1 and not r.deleted and ({reach})"
        return await contents.matches(self._connection, clause, where, arguments.values)

    def among(self, alias: str, rows: Sequence[tuple[int, int]]) -> str:
        """The condition that the row is one of these, each a patient and a row id."""
        columns = ([row[place] for row in rows] for place in (0, 1))
        listed = ", ".join(f"{self._arguments.add(column)}::bigint[]" for column in columns)
        return f"({alias}.patient, {alias}.rid) in (select * from unnest({listed}))"  # noqa: S608

    async def _of_rows(self, wanted: Ranged | Rows, alias: str, *, narrowed: bool = False) -> str:
        """A condition for a match among the rows of an index table."""
        few = None if narrowed else await self.few(wanted)
        return wanted.filter(self._arguments, alias) if few is None else self.among(alias, few)

    async def few(self, wanted: Ranged | Rows) -> list[tuple[int, int]] | None:
        """The patient and row id of all matching rows where they are few."""
        if isinstance(wanted, Ranged) and _many.get(wanted) is not None:
            return None
        arguments = Arguments()
        sources = [f"select i.patient, i.rid from {source}" for source in wanted.sources(arguments)]  # noqa: S608
        if not sources:
            return []
        found = await self._connection.fetchrow(
            f"select array_agg(patient), array_agg(rid) from ({' union all '.join(sources)} limit {FEW + 1}) few",  # noqa: S608
            *arguments.values,
        )
        patients, rids = found or (None, None)
        if patients is not None and len(patients) > FEW:
            if isinstance(wanted, Ranged):
                _many.put(wanted, len(patients))
            return None
        return list(dict.fromkeys(zip(patients or (), rids or (), strict=True)))

    async def _joined(self, clauses: tuple[Clause, ...], word: str, alias: str, *, narrowed: bool) -> str:
        narrowed = narrowed or (word == " and " and any(is_selective(clause) for clause in clauses))
        parts = [await self.compile(clause, alias, narrowed=narrowed) for clause in clauses]
        return f"({word.join(parts)})" if parts else "true" if word == " and " else "false"

    async def _chain(self, chain: Chain, branch: Clause, alias: str) -> str:
        kind, code = branch.resource_type, chain.parameter.code
        if kind == "Patient" and is_owner(chain.resource_type, code):
            return await self._of_patients(branch, "r.patient", alias)
        found = await self._ask(branch, "r.id", FEW)
        if found is not None:
            identities = [(kind, str(row["id"])) for row in found]
            return carries(any_key(chain.resource_type, code, identities), self._arguments, alias)
        bases = self._bases(chain.resource_type, code, kind)
        inner = await self._inner(branch, lambda r: f"{_identity(kind, r)} # unnest({bases})")
        return f"exists (select 1 from unnest({alias}.keys) k where (k in ({inner})) is true offset 0)"  # noqa: S608

    async def _has(self, has: Has, alias: str) -> str:
        kind, code = has.resource_type, has.parameter.code
        if kind == "Patient" and is_owner(has.source_type, code):
            return await self._of_patients(has.clause, "r.patient", alias)
        found = await self._ask(has.clause, "r.body", FEW_SOURCES)
        if found is not None:
            ids = {
                resource_id
                for row in found
                for name, target, resource_id in index(json_text.read(unpack(row["body"]))).references
                if name == code and target == kind
            }
            return f"{alias}.id = any({self._arguments.add(sorted(ids))}::text[])"
        bases = self._bases(has.source_type, code, kind)
        inner = await self._inner(has.clause, lambda r: f"unnest({r}.keys)")
        named = f"{_identity(kind, alias)} # base"
        return f"exists (select 1 from unnest({bases}) base where (({named}) in ({inner})) is true offset 0)"  # noqa: S608

    def _bases(self, resource_type: str, code: str, target: str) -> str:
        """What the keys of references under a parameter to resources of the target type have in common."""
        local = filed(resource_type, code).local
        bases = [keys.reference_base(resource_type, name) for name, only in local if only in (None, target)]
        return f"{self._arguments.add(bases)}::bigint[]"

    async def _of_patients(self, clause: Clause, column: str, alias: str) -> str:
        """That the row is of a patient with a match: of an inner side that carries the same patient's key."""
        found = await self._ask(clause, column, FEW, further="r.patient <> 0")
        if found is not None:
            patients = sorted({row["patient"] for row in found})
            return f"{alias}.patient = any({self._arguments.add(patients)}::bigint[])"
        inner = await self._inner(clause, lambda r: f"{r}.patient", further="{r}.patient <> 0")
        return f"({alias}.patient in ({inner})) is true"

    async def _inner(self, clause: Clause, column: Callable[[str], str], *, further: str = "true") -> str:
        """The inner side's matches as a select within the outer statement."""
        self._depth += 1
        alias = f"r{self._depth}"
        inside = await self.compile(clause, alias)
        number = self._arguments.add(type_number(clause.resource_type))
        reach = self._reachable(self._arguments, alias, kind=clause.resource_type)
        return (
            f"select {column(alias)} from resource {alias} where {alias}.type = {number} and not {alias}.deleted "  # noqa: S608
            f"and {further.format(r=alias)} and {inside} and ({reach})"
        )

    async def _ask(
        self, clause: Clause, column: str, most: int, *, further: str = "true"
    ) -> list[asyncpg.Record] | None:
        """The inner side's matches, in a statement of its own; None where there are more than `most`."""
        arguments = Arguments()
        inner = Compiler(self._connection, arguments, self._reachable, self._now, self._units)
        inside = await inner.compile(clause, "r")
        number = arguments.add(type_number(clause.resource_type))
        reach = self._reachable(arguments, "r", kind=clause.resource_type)
        found: list[Any] = await self._connection.fetch(
            f"select {column} from resource r where r.type = {number} and not r.deleted and {further} "  # noqa: S608
            f"and {inside} and ({reach}) limit {most + 1}",
            *arguments.values,
        )
        return found if len(found) <= most else None


def _identity(resource_type: str, alias: str) -> str:
    """What stands for a row in the keys of references to it: `keys.identity_number` in SQL."""
    digest = f"left(md5('{resource_type}/' || {alias}.id), 16)"
    return f"(('x' || {digest})::bit(64)::bigint & 9223372036854775807)"
