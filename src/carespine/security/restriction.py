"""The condition in SQL that keeps an actor to the patients it may reach: the heart of the door.

Roles (roles.py) say what an actor may do with a type at all; this says to whose rows it applies.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from carespine.kernel.ids import NOT_PATIENT_SCOPED
from carespine.security import confidentiality, roles, scope_reach
from carespine.security.actor import TREATMENT, Actor
from carespine.security.consent import EVERY_CLASS, EVERYONE
from carespine.security.relationships import ODS
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number, type_numbers

if TYPE_CHECKING:
    from carespine.storage.database import Connection

_EVERYTHING, _NOTHING = "true", "false"
_REGISTERED = "registered"


def rows(
    actor: Actor,
    arguments: Arguments,
    *,
    alias: str,
    now: datetime,
    interaction: str = "r",
    purpose: str = TREATMENT,
    locating: bool = False,
    kind: str | None = None,
) -> str:
    """A condition on `alias` (a table of versions of resources) that holds for reachable rows.

    `locating`: the answer would tell where patients are, so that restricted patients are out of it altogether.
    `kind`: the type of all rows that the statement takes, where it names one. What follows from it is decided here,
    once, in the place of the database, which would plan for it and ask it of each row.
    """
    if actor.kind in ("open", "system"):
        return _EVERYTHING
    allowed, directory, others = _types_for(actor, interaction)
    if kind is not None and kind not in allowed:
        return _NOTHING
    reach = (
        f"(({alias}.patient = {NOT_PATIENT_SCOPED} and {_of_types(arguments, directory, alias=alias, kind=kind)}) "
        f"or ({alias}.patient <> {NOT_PATIENT_SCOPED} and {_of_types(arguments, others, alias=alias, kind=kind)} "
        f"and {patients(actor, arguments, alias=alias, now=now, purpose=purpose, kind=kind)})"
        f"{_own_subscriptions(actor, arguments, alias=alias, interaction=interaction, kind=kind)})"
    )
    reach = f"({reach} and {_confidential(actor, arguments, alias=alias, locating=locating, kind=kind)})"
    if not _is_narrowed(actor):
        return reach
    allowed = allowed if kind is None else (kind,)
    within = scope_reach.condition(actor, arguments, alias=alias, letter=interaction, types=allowed)
    return f"({reach} and {within})"


Types = tuple[tuple[str, ...], list[int], list[int]]


def _types_for(actor: Actor, interaction: str) -> Types:
    """The types that the actor's role and scopes allow: by name; by number those of the directory, and the others."""
    return _types_of(
        Actor(
            actor.kind,
            "",
            "",
            actor.role,
            scopes=actor.scopes,
            client="any" if actor.client else None,
            context="any" if actor.context else None,
            proxy=actor.proxy,
        ),
        interaction,
    )


@lru_cache(maxsize=1_024)
def _types_of(like: Actor, interaction: str) -> Types:
    """The same for everybody who is alike in all that decides it."""
    allowed = tuple(name for name in type_numbers() if roles.allows(like, name, interaction))
    directory = [type_number(name) for name in allowed if name in roles.DIRECTORY]
    return allowed, directory, [type_number(name) for name in allowed if name not in roles.DIRECTORY]


def _own_subscriptions(
    actor: Actor, arguments: Arguments, *, alias: str, interaction: str, kind: str | None
) -> str:
    """Subscriptions belong to no patient: an app or a member of staff reaches those that they made."""
    if kind not in (None, "Subscription"):
        return ""
    if actor.kind not in ("app", "practitioner") or not roles.allows(actor, "Subscription", interaction):
        return ""
    number = arguments.add(type_number("Subscription"))
    return (
        f" or ({alias}.patient = {NOT_PATIENT_SCOPED} and {alias}.type = {number} and exists (select 1 "  # noqa: S608
        f"from subscription s where s.id = {alias}.id and s.owner = {arguments.add(actor.id)}))"
    )


def _is_narrowed(actor: Actor) -> bool:
    """Whether scopes say more than which types there are: by a search, or by a patient they were given for."""
    return actor.client is not None or any(scope.query for scope in scope_reach.in_force(actor))


def _confidential(actor: Actor, arguments: Arguments, *, alias: str, locating: bool, kind: str | None) -> str:
    """No labelled version beyond the actor's clearance, and nothing that shows where a restricted patient is."""
    label = (
        f"not exists (select 1 from resource_label l where l.patient = {alias}.patient and l.rid = {alias}.rid "  # noqa: S608
        f"and l.level > {confidentiality.clearance(actor)} and (l.current or l.version = {alias}.version)"
        f"{_but_emergencies(actor, arguments, alias=alias)})"
    )
    if actor.kind == "patient" and not actor.proxy:
        return label
    secret = f"exists (select 1 from restricted_patient s where s.patient = {alias}.patient)"  # noqa: S608
    if locating:
        return f"{label} and not {secret}"
    is_app = actor.kind == "app"
    of_place = confidentiality.PLACES_FOR_APPS if is_app else confidentiality.PLACES
    if kind is not None and kind not in confidentiality.HOMES | of_place:
        return label
    homes = _named_types(arguments, confidentiality.HOMES, alias=alias, kind=kind)
    places = _named_types(arguments, of_place, alias=alias, kind=kind)
    registered = "false" if is_app else _related(actor, arguments, alias=alias, only=_REGISTERED)
    return f"{label} and not (({homes} or ({places} and not {registered})) and {secret})"


def _named_types(arguments: Arguments, names: Iterable[str], *, alias: str, kind: str | None) -> str:
    return _of_types(arguments, [type_number(name) for name in sorted(names)], alias=alias, kind=kind)


def _of_types(arguments: Arguments, numbers: list[int], *, alias: str, kind: str | None) -> str:
    """Whether a row is of one of these types, which is known where all are of one `kind`.

    Within `coalesce` the planner does not estimate each of them, which would take longer than many a search; how many
    rows there are it knows from the search.
    """
    if kind is not None:
        return _EVERYTHING if type_number(kind) in numbers else _NOTHING
    return f"coalesce({alias}.type = any({arguments.add(numbers)}::smallint[]), false)"


def _but_emergencies(actor: Actor, arguments: Arguments, *, alias: str) -> str:
    if not actor.emergency:
        return ""
    return f" and {alias}.patient <> all({arguments.add(sorted(actor.emergency))}::bigint[])"


def patients(
    actor: Actor,
    arguments: Arguments,
    *,
    alias: str,
    now: datetime,
    purpose: str = TREATMENT,
    kind: str | None = None,
) -> str:
    """A condition on `alias`.patient (and `alias`.type) that holds for the patients the actor may reach."""
    if actor.kind in ("open", "system"):
        return _EVERYTHING
    if actor.kind == "patient" and actor.patient_key is not None:
        reach = f"{alias}.patient = {arguments.add(actor.patient_key)}"
    elif actor.kind == "practitioner" and actor.organisation:
        reach = _looked_after(actor, arguments, alias=alias, now=now, purpose=purpose)
    elif actor.kind == "app":
        return _consented(actor, arguments, alias=alias, now=now, purpose=purpose, kind=kind)
    else:
        return _NOTHING
    if actor.client:  # a person's app: not where the patient refuses the app itself
        recipients = arguments.add([actor.client])
        denied = _denied(arguments, alias=alias, now=now, purpose=purpose, recipients=recipients)
        reach = f"({reach} and not {denied})"
    return reach


def _looked_after(actor: Actor, arguments: Arguments, *, alias: str, now: datetime, purpose: str) -> str:
    """Patients whom the actor's organisation has a reason to see, and who do not refuse; or an emergency.

    A refusal that names nobody is one of sharing: it does not bind the practice where the patient is registered.
    One that names the organisation binds it, whatever the reason.
    """
    related = _related(actor, arguments, alias=alias, now=now)
    named = arguments.add([actor.organisation])
    refused = _denied(arguments, alias=alias, now=now, purpose=purpose, recipients=named)
    everyone = arguments.add([EVERYONE])
    dissent = _denied(arguments, alias=alias, now=now, purpose=purpose, recipients=everyone, but=named)
    registered = _related(actor, arguments, alias=alias, only=_REGISTERED)
    reach = f"({related} and not {refused} and (not {dissent} or {registered}))"
    if actor.emergency:
        return f"({reach} or {alias}.patient = any({arguments.add(sorted(actor.emergency))}::bigint[]))"
    return reach


def _related(
    actor: Actor, arguments: Arguments, *, alias: str, now: datetime | None = None, only: str | None = None
) -> str:
    """Whether the actor's organisation has a reason to see the patient: any in force, or one of a kind."""
    ods = arguments.add(actor.organisation)
    kind = f" and c.kind = '{only}'" if only else ""
    time = f" and c.starts <= {(moment := arguments.add(now))} and c.ends > {moment}" if now else ""
    return (
        f"exists (select 1 from care_relationship c where c.patient = {alias}.patient and c.organisation = any(array("  # noqa: S608
        f"select o.id from organisation_index o where o.ods = {ods} union all select '{ODS}' || {ods}::text))"
        f"{kind}{time})"
    )


async def is_related(
    connection: Connection,
    actor: Actor,
    patient: int,
    *,
    only: str | None = None,
    now: datetime | None = None,
) -> bool:
    """Whether the actor's organisation has a reason to see the patient: one of a kind, or any in force now."""
    if actor.organisation is None:
        return False
    arguments = Arguments([patient])
    condition = _related(actor, arguments, alias="wanted", now=now, only=only)
    return bool(
        await connection.fetchval(
            f"select {condition} from unnest($1::bigint[]) as wanted(patient)",  # noqa: S608
            *arguments.values,
        )
    )


def _without_exception(rule: str, recipients: str) -> str:
    """Whether the Consent of a rule makes no exception for any of the recipients."""
    return f"not {rule}.exceptions && {recipients}::text[]"


def _denied(
    arguments: Arguments,
    *,
    alias: str,
    now: datetime,
    purpose: str,
    recipients: str,
    but: str | None = None,
) -> str:
    """Whether the patient refuses any of the recipients this type of resource, for this purpose, now.

    `but`: those for whom the same Consent may make an exception.
    """
    exception = f" and {_without_exception('d', but)}" if but else ""
    moment, why = arguments.add(now), arguments.add(purpose)
    return (
        f"exists (select 1 from consent_rule d where d.patient = {alias}.patient and not d.permit "  # noqa: S608
        f"and d.recipient = any({recipients}::text[]) and d.starts <= {moment} and d.ends > {moment} "
        f"and d.purpose in ('*', {why}) and (d.data_class = '{EVERY_CLASS}' or d.type = {alias}.type){exception})"
    )


def _consented(
    actor: Actor, arguments: Arguments, *, alias: str, now: datetime, purpose: str, kind: str | None
) -> str:
    """An app sees the Patient of anyone who shares any class with it; other types only where the patient
    shares everything, or names the resource type as a data class. A refusal may name the app's organisation, or
    nobody at all; a permission names the app, or its organisation."""
    known = [actor.id, actor.organisation] if actor.organisation else [actor.id]
    moment, recipients = arguments.add(now), arguments.add(known)
    why = arguments.add(purpose)
    if kind is None:
        is_patient = f"{alias}.type = {arguments.add(type_number('Patient'))}"
    else:
        is_patient = _EVERYTHING if kind == "Patient" else _NOTHING
    return (
        f"coalesce((select bool_or(c.permit) and bool_and(c.permit or ({is_patient} "  # noqa: S608
        f"and c.data_class <> '{EVERY_CLASS}')) from consent_rule c where c.patient = {alias}.patient "
        f"and (c.recipient = any({recipients}::text[]) or (c.recipient = '{EVERYONE}' and not c.permit "
        f"and {_without_exception('c', recipients)})) "
        f"and c.starts <= {moment} and c.ends > {moment} and c.purpose in ('*', {why}) "
        f"and ({is_patient} or c.data_class = '{EVERY_CLASS}' or c.type = {alias}.type)), false)"
    )


async def reaches(
    connection: Connection,
    actor: Actor,
    targets: Iterable[tuple[int, str]],
    *,
    now: datetime,
    letter: str = "r",
    purpose: str = TREATMENT,
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
    condition = patients(actor, arguments, alias="wanted", now=now, purpose=purpose)
    return bool(
        await connection.fetchval(
            f"select bool_and({condition}) from unnest($1::bigint[], $2::smallint[]) as wanted(patient, type)",  # noqa: S608
            *arguments.values,
        )
    )
