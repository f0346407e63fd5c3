"""Reading the audit trail as FHIR AuditEvents: a patient their own, an auditor and a privacy officer all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.fhir.search import moments
from carespine.kernel.errors import Forbidden, Invalid, NotFound
from carespine.kernel.ids import NOT_PATIENT_SCOPED, patient_key
from carespine.security import balp
from carespine.storage.instants import instant
from carespine.storage.sql import Arguments

if TYPE_CHECKING:
    import asyncpg

    from carespine.security.actor import Actor
    from carespine.security.session import Session

TYPE = "AuditEvent"
DEFAULT_COUNT, MOST_COUNT = 50, 1_000
# A deleted patient is named too: by the versions of their Patient.
PATIENT_ID = (
    f"case when e.patient <> {NOT_PATIENT_SCOPED} then coalesce((select p.id from patient_index p "  # noqa: S608
    "where p.patient = e.patient), (select r.id from resource r join resource_type t on t.number = r.type "
    "where r.patient = e.patient and t.name = 'Patient' limit 1)) end as patient_id"
)
_COMPARE = {"ge": ">=", "gt": ">=", "le": "<", "lt": "<", "sa": ">=", "eb": "<"}


@dataclass(frozen=True, slots=True)
class TrailPage:
    """A page of events, newest first; `next` is where the following one begins, None on the last."""

    events: list[dict[str, Any]]
    next: int | None


def reads_the_trail(actor: Actor) -> bool:
    """Whether this actor's AuditEvents are those of the trail, not resources that somebody stored."""
    return actor.kind == "officer" or (actor.kind == "patient" and not actor.proxy)


async def search(
    session: Session, pairs: Sequence[tuple[str, str]], *, before: int | None, server: str
) -> TrailPage:
    """Events by `patient`, `date`, `action`, `outcome` and `_count`. Raises Invalid for any other parameter."""
    arguments = Arguments()
    conditions, count = [_own(session.actor, arguments)], DEFAULT_COUNT
    for name, value in pairs:
        if name == "_count":
            count = _count(value)
        else:
            conditions.append(_condition(name, value, arguments))
    if before is not None:
        conditions.append(f"seq < {arguments.add(before)}")
    rows = await session.tx.fetch(
        f"select seq, body, {PATIENT_ID} from audit_event e where {' and '.join(conditions)} "  # noqa: S608
        f"order by seq desc limit {count + 1}",
        *arguments.values,
    )
    query = f"{TYPE}?" + "&".join(f"{name}={value}" for name, value in pairs)
    await session.audit("E", "search-type", what=TYPE, description=query, patient=_key(session.actor))
    shown = [event(row, server=server) for row in rows[:count]]
    return TrailPage(shown, rows[count - 1]["seq"] if len(rows) > count else None)


async def read(session: Session, event_id: str, *, server: str) -> dict[str, Any]:
    """One event by its id. Raises NotFound."""
    arguments = Arguments()
    own = _own(session.actor, arguments)
    number = int(event_id) if event_id.isascii() and event_id.isdigit() and len(event_id) < 19 else 0
    row = await session.tx.fetchrow(
        f"select seq, body, {PATIENT_ID} from audit_event e where {own} and seq = {arguments.add(number)}",  # noqa: S608
        *arguments.values,
    )
    await session.audit("R", "read", what=f"{TYPE}/{number}", patient=_key(session.actor))
    if row is None:
        raise NotFound(f"There is no {TYPE}/{event_id[:64]}.")
    return event(row, server=server)


def _own(actor: Actor, arguments: Arguments) -> str:
    if not reads_the_trail(actor) or actor.client:
        raise Forbidden(
            "The audit trail is for the patient it is about, for auditors and the privacy officer."
        )
    if actor.kind == "officer":
        return "true"
    return f"patient = {arguments.add(_key(actor))}"


def _key(actor: Actor) -> int:
    return patient_key(actor.patient) if actor.patient else 0


def _condition(name: str, value: str, arguments: Arguments) -> str:
    if name == "patient":
        return f"patient = {arguments.add(patient_key(value.removeprefix('Patient/')))}"
    if name == "date":
        prefix, text = (value[:2], value[2:]) if value[:2] in _COMPARE else ("", value)
        try:
            low, high = moments.interval(text)
        except ValueError as error:
            raise Invalid(f"{text[:40]!r} is not a date.") from error
        if not prefix:
            first, second = arguments.add(instant(low)), arguments.add(instant(high))
            return f"(recorded >= {first} and recorded < {second})"
        bound = low if prefix in ("ge", "lt", "eb") else high
        return f"recorded {_COMPARE[prefix]} {arguments.add(instant(bound))}"
    if name in ("action", "outcome"):
        return f"convert_from(body, 'UTF8')::jsonb ->> '{name}' = {arguments.add(value)}"
    raise Invalid(f"The trail is searched by patient, date, action and outcome, not by {name[:40]!r}.")


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value[:9]) > 0):
        raise Invalid("_count is a whole number from 1.")
    return min(int(value[:9]), MOST_COUNT)


def event(row: asyncpg.Record, *, server: str) -> dict[str, Any]:
    """The AuditEvent of a row with the columns seq, body and patient_id."""
    tree: dict[str, Any] = msgspec.json.decode(row["body"])
    return balp.shaped(tree, number=row["seq"], patient=row["patient_id"], server=server)
