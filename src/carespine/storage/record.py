"""Everything on record about a patient or an encounter, a part at a time: the compartment by key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from carespine.fhir import definitions
from carespine.fhir.search import filed
from carespine.kernel.ids import NOT_PATIENT_SCOPED
from carespine.storage.resources import stored
from carespine.storage.rows import Stored
from carespine.storage.search.clauses import Reachable
from carespine.storage.search.conditions import any_key
from carespine.storage.sql import Arguments
from carespine.storage.types import param_number, type_number

if TYPE_CHECKING:
    from carespine.storage.database import Connection

_COLUMNS = "r.type, r.id, r.version, r.updated, r.deleted, r.body, r.patient, r.rid"
# The search parameter that says when the care itself took place (R4: `start` and `end` are about care, not about
# recording). A type that is not named here, and a resource without this date, are part of every period.
_CARE_DATES = {
    "AdverseEvent": "date",
    "AllergyIntolerance": "date",
    "Appointment": "date",
    "CarePlan": "date",
    "CareTeam": "date",
    "ClinicalImpression": "date",
    "Communication": "sent",
    "Composition": "date",
    "Condition": "onset-date",
    "Consent": "date",
    "DiagnosticReport": "date",
    "DocumentReference": "date",
    "Encounter": "date",
    "EpisodeOfCare": "date",
    "FamilyMemberHistory": "date",
    "Flag": "date",
    "Goal": "start-date",
    "ImagingStudy": "started",
    "Immunization": "date",
    "List": "date",
    "Media": "created",
    "MedicationAdministration": "effective-time",
    "MedicationDispense": "whenhandedover",
    "MedicationRequest": "authoredon",
    "MedicationStatement": "effective",
    "Observation": "date",
    "Procedure": "date",
    "QuestionnaireResponse": "authored",
    "RiskAssessment": "date",
    "ServiceRequest": "authored",
    "Specimen": "collected",
}
# Where the resources of a record lie. Each key is looked up by itself, and each place as well: asked as one condition,
# `keys && (a hundred keys)` looks so common to the planner that it reads the whole table.
_BY_KEY = (
    "select distinct found.patient, found.rid from unnest($4::bigint[]) as wanted(key) cross join lateral "
    "(select patient, rid from resource where keys @> array[wanted.key] offset 0) found"
)
_BY_PATIENT_OR_KEY = f"select patient, rid from resource where patient = $3 union {_BY_KEY}"  # noqa: S608
# Stored bodies are compact, and a quote within a string is escaped: this finds references and nothing else.
_REFERENCE = re.compile(rb'"reference":"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[0-9]+)?"')


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted: `types` None for all; `start` and `end` of the care, microseconds since 1970, half-open;
    `since` for what was stored at or after; at most `count` resources, those after the row id `after`."""

    count: int
    types: frozenset[str] | None = None
    since: datetime | None = None
    start: int | None = None
    end: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Resources in the order of their row ids, and those outside the record that they refer to; `next` is the row
    id to go on after, None at the end."""

    items: list[Stored]
    supporting: list[Stored]
    next: int | None


async def part(connection: Connection, owner: Stored, wanted: Wanted, reachable: Reachable) -> Part:
    """A part of what is on record about `owner`, a Patient or an Encounter; the first part begins with it."""
    items = [owner] if wanted.after is None and _is_wanted(owner, wanted) else []
    rows = await _rows(connection, owner, wanted, wanted.count - len(items), reachable)
    more = len(items) + len(rows) > wanted.count
    items = (items + rows)[: wanted.count]
    following = (items[-1].rid if items[-1] is not owner else 0) if more else None
    supporting = await _supporting(connection, owner, items, wanted, reachable)
    return Part(items, supporting, following)


def _is_wanted(owner: Stored, wanted: Wanted) -> bool:
    of_type = wanted.types is None or owner.type in wanted.types
    return of_type and (wanted.since is None or owner.updated >= wanted.since)


async def _rows(
    connection: Connection, owner: Stored, wanted: Wanted, count: int, reachable: Reachable
) -> list[Stored]:
    arguments = Arguments(type_number(owner.type), owner.id, owner.patient, _compartment_keys(owner))
    conditions = ["not r.deleted", "not (r.type = $1 and r.id = $2)"]
    places = _BY_PATIENT_OR_KEY if owner.type == "Patient" else _BY_KEY
    if owner.type != "Patient":
        conditions.append(f"r.patient in ($3, {NOT_PATIENT_SCOPED})")
    if wanted.types is not None:
        numbers = [type_number(name) for name in sorted(wanted.types)]
        conditions.append(f"r.type = any({arguments.add(numbers)}::smallint[])")
    if wanted.since is not None:
        conditions.append(f"r.updated >= {arguments.add(wanted.since)}")
    if wanted.after is not None:
        conditions.append(f"r.rid > {arguments.add(wanted.after)}")
    if wanted.start is not None or wanted.end is not None:
        conditions.append(_in_period(wanted, arguments))
    conditions.append(f"({reachable(arguments, 'r')})")
    rows = await connection.fetch(
        f"with place as materialized ({places}) select {_COLUMNS} from place cross join lateral "  # noqa: S608
        f"(select * from resource where patient = place.patient and rid = place.rid offset 0) r "
        f"where {' and '.join(conditions)} order by r.rid limit {count + 1}",
        *arguments.values,
    )
    return [stored(row) for row in rows]


def _compartment_keys(owner: Stored) -> list[int]:
    """The keys of all references by which R4 places a resource in the owner's compartment."""
    return [
        key
        for name, codes in definitions.compartment(owner.type).items()
        for code in codes
        if code in definitions.search_parameters(name)
        for key in any_key(name, code, [(owner.type, owner.id)])
    ]


def _in_period(wanted: Wanted, arguments: Arguments) -> str:
    numbers = arguments.add(_care_date_numbers())
    dates = (
        "from index_date d where d.patient = r.patient and d.rid = r.rid "
        f"and d.param = any({numbers}::bigint[])"
    )
    inside = []
    if wanted.start is not None:
        inside.append(f"d.high > {arguments.add(wanted.start)}")
    if wanted.end is not None:
        inside.append(f"d.low < {arguments.add(wanted.end)}")
    return f"(not exists (select 1 {dates}) or exists (select 1 {dates} and {' and '.join(inside)}))"


@cache
def _care_date_numbers() -> list[int]:
    pairs = [(name, filed(name, code).names) for name, code in _CARE_DATES.items()]
    return [param_number(name, row) for name, rows in pairs for row in rows]


async def _supporting(
    connection: Connection, owner: Stored, items: Iterable[Stored], wanted: Wanted, reachable: Reachable
) -> list[Stored]:
    """What the items refer to: what belongs to no patient, and for an encounter to the same patient."""
    known = {(item.type, item.id) for item in items}
    named = {
        (kind.decode(), resource_id.decode())
        for item in items
        for kind, resource_id in set(_REFERENCE.findall(item.body))
    }
    types = wanted.types if wanted.types is not None else frozenset(definitions.resource_types())
    identities = [
        (type_number(kind), resource_id) for kind, resource_id in sorted(named - known) if kind in types
    ]
    if not identities:
        return []
    patients = [NOT_PATIENT_SCOPED] if owner.type == "Patient" else [NOT_PATIENT_SCOPED, owner.patient]
    arguments = Arguments([number for number, _ in identities], [name for _, name in identities], patients)
    rows = await connection.fetch(
        f"select {_COLUMNS} from resource r join unnest($1::smallint[], $2::text[]) as wanted(type, id) "  # noqa: S608
        f"on r.type = wanted.type and r.id = wanted.id where not r.deleted and r.patient = any($3::bigint[]) "
        f"and ({reachable(arguments, 'r')}) order by r.rid",
        *arguments.values,
    )
    return [stored(row) for row in rows]
