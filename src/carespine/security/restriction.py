"""The condition in SQL that keeps an actor to the patients it may reach: the heart of the door.

Roles (roles.py) say what an actor may do with a type at all; this says to whose rows it applies.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from carespine.kernel.ids import NOT_PATIENT_SCOPED
from carespine.security import roles, scope_reach
from carespine.security.actor import Actor
from carespine.security.consent import EVERY_CLASS
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number, type_numbers

if TYPE_CHECKING:
    from carespine.storage.database import Connection

_EVERYTHING, _NOTHING = "true", "false"


def rows(actor: Actor, arguments: Arguments, *, alias: str, now: datetime, interaction: str = "r") -> str:
    """A condition on `alias` (a table with the columns patient and type) that holds for reachable rows."""
    if actor.kind in ("open", "system"):
        return _EVERYTHING
    allowed = [name for name in type_numbers() if roles.allows(actor, name, interaction)]
    directory = [type_number(name) for name in allowed if name in roles.DIRECTORY]
    others = [type_number(name) for name in allowed if name not in roles.DIRECTORY]
    reach = (
        f"(({alias}.patient = {NOT_PATIENT_SCOPED} and {alias}.type = any({arguments.add(directory)}::smallint[])) "
        f"or ({alias}.patient <> {NOT_PATIENT_SCOPED} and {alias}.type = any({arguments.add(others)}::smallint[]) "
        f"and {patients(actor, arguments, alias=alias, now=now)})"
        f"{_own_subscriptions(actor, arguments, alias=alias, interaction=interaction)})"
    )
    if not _is_narrowed(actor):
        return reach
    within = scope_reach.condition(actor, arguments, alias=alias, letter=interaction, types=allowed)
    return f"({reach} and {within})"


def _own_subscriptions(actor: Actor, arguments: Arguments, *, alias: str, interaction: str) -> str:
    """An app's subscriptions belong to no patient: it reaches those that it made."""
    if actor.kind != "app" or not roles.allows(actor, "Subscription", interaction):
        return ""
    number = arguments.add(type_number("Subscription"))
    return (
        f" or ({alias}.patient = {NOT_PATIENT_SCOPED} and {alias}.type = {number} and exists (select 1 "  # noqa: S608
        f"from subscription s where s.id = {alias}.id and s.owner = {arguments.add(actor.id)}))"
    )


def _is_narrowed(actor: Actor) -> bool:
    """Whether scopes say more than which types there are: by a search, or by a patient they were given for."""
    return actor.client is not None or any(scope.query for scope in scope_reach.in_force(actor))


def patients(actor: Actor, arguments: Arguments, *, alias: str, now: datetime) -> str:
    """A condition on `alias`.patient (and `alias`.type) that holds for the patients the actor may reach."""
    if actor.kind in ("open", "system"):
        return _EVERYTHING
    if actor.kind == "patient" and actor.patient_key is not None:
        return f"{alias}.patient = {arguments.add(actor.patient_key)}"
    if actor.kind == "practitioner" and actor.organisation:
        return (
            f"exists (select 1 from patient_index p join organisation_index o on o.id = p.organisation "  # noqa: S608
            f"where p.patient = {alias}.patient and o.ods = {arguments.add(actor.organisation)})"
        )
    if actor.kind == "app":
        return _consented(actor, arguments, alias=alias, now=now)
    return _NOTHING


def _consented(actor: Actor, arguments: Arguments, *, alias: str, now: datetime) -> str:
    """An app sees the Patient of anyone who shares any class with it; other types only where the patient
    shares everything, or names the resource type as a data class."""
    moment, recipient = arguments.add(now), arguments.add(actor.id)
    patient_type = arguments.add(type_number("Patient"))
    is_patient = f"{alias}.type = {patient_type}"
    named = f"(select t.name from resource_type t where t.number = {alias}.type)"  # noqa: S608
    return (
        f"coalesce((select bool_or(c.permit) and bool_and(c.permit or ({is_patient} "  # noqa: S608
        f"and c.data_class <> '{EVERY_CLASS}')) from consent_rule c where c.patient = {alias}.patient "
        f"and c.recipient = {recipient} and c.starts <= {moment} and c.ends > {moment} "
        f"and ({is_patient} or c.data_class in ('{EVERY_CLASS}', {named}))), false)"
    )


async def reaches(
    connection: Connection,
    actor: Actor,
    targets: Iterable[tuple[int, str]],
    *,
    now: datetime,
    letter: str = "r",
) -> bool:
    """Whether the actor may reach every one of the (patient key, resource type) pairs by an interaction."""
    targets = list(targets)
    if actor.client and not all(
        scope_reach.permits_patient(actor, letter, kind, patient) for patient, kind in targets
    ):
        return False
    pairs = sorted(
        {(patient, type_number(kind)) for patient, kind in targets if patient != NOT_PATIENT_SCOPED}
    )
    if actor.kind in ("open", "system") or not pairs:
        return True
    arguments = Arguments([patient for patient, _ in pairs], [number for _, number in pairs])
    condition = patients(actor, arguments, alias="wanted", now=now)
    return bool(
        await connection.fetchval(
            f"select bool_and({condition}) from unnest($1::bigint[], $2::smallint[]) as wanted(patient, type)",  # noqa: S608
            *arguments.values,
        )
    )
