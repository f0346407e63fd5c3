"""Granting waivers: the verb, and the queries under it. Waivers are only ever added."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from carespine.kernel.clock import fhir_instant
from carespine.kernel.errors import Conflict, NotFound
from carespine.kernel.ids import new_id
from carespine.security.actor import ADMINISTRATION
from carespine.standards import catalogue, store, transparency
from carespine.standards.authority import demand_authority
from carespine.standards.waivers import Waiver, Wish, reasons_to_refuse

if TYPE_CHECKING:
    import asyncpg

    from carespine.security.actor import Actor
    from carespine.standards.service import Standards
    from carespine.storage.database import Connection

_SELECT = "select id, version, requirement, organisation, reason, who, granted, until from standards_waiver"


async def grant(standards: Standards, actor: Actor, application_id: str, wish: Wish) -> Waiver:
    """Waive one requirement for a product, everywhere or at one site. Raises Forbidden for anyone but the
    authority, Conflict with every reason against it.
    """
    async with standards.door.enter(actor, purpose=ADMINISTRATION) as session:
        demand_authority(actor, "waive a requirement")
        await store.hold(session.tx, application_id)
        wanted = await store.application(session.tx, application_id)
        if wanted is None:
            raise NotFound("There is no such application.")
        now, known = standards.clock(), await of_product(session.tx, application_id)
        required = catalogue.profile(wanted.profile).requirements
        requirement = catalogue.requirements().get(wish.requirement) if wish.requirement in required else None
        reasons = reasons_to_refuse(wish, requirement, known=known, now=now)
        if reasons or wish.until is None:
            raise Conflict(" ".join(reasons))
        sites = {site.organisation for site in await store.deployments(session.tx, application_id)}
        if wish.organisation and wish.organisation not in sites:
            raise Conflict(f"{wish.organisation} is not on record as a site of {wanted.product}.")
        waiver = Waiver(
            new_id(),
            application_id,
            wish.requirement,
            wish.organisation,
            wish.reason.strip(),
            actor.name,
            now,
            wish.until.replace(microsecond=0),
        )
        await _add(session.tx, waiver)
        detail = {"client": wanted.client_id, "requirement": waiver.requirement, "waiver": waiver.id,
                  "organisation": waiver.organisation, "until": fhir_instant(waiver.until)}  # fmt: skip
        what = f"standards/{application_id}"
        await session.audit("C", "waive-requirement", what=what, detail=detail)
        return waiver


async def _add(tx: Connection, waiver: Waiver) -> None:
    said = {"type": "waiver", "application": waiver.application, **tree(waiver)}
    await transparency.append(tx, said)
    await tx.execute(
        "insert into standards_waiver (id, version, requirement, organisation, reason, who, granted, until) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8)",
        waiver.id,
        waiver.application,
        waiver.requirement,
        waiver.organisation,
        waiver.reason,
        waiver.who,
        waiver.granted,
        waiver.until,
    )


async def of_product(connection: Connection, application_id: str) -> list[Waiver]:
    """All waivers of a product version, those that have ended included, the oldest first."""
    rows = await connection.fetch(f"{_SELECT} where version = $1 order by granted, id", application_id)
    return [_waiver(row) for row in rows]


async def everywhere(connection: Connection) -> list[Waiver]:
    """Every waiver there ever was, the oldest first."""
    return [_waiver(row) for row in await connection.fetch(f"{_SELECT} order by granted, id")]


def _waiver(row: asyncpg.Record) -> Waiver:
    return Waiver(
        row["id"],
        row["version"],
        row["requirement"],
        row["organisation"],
        row["reason"],
        row["who"],
        row["granted"],
        row["until"],
    )


def tree(waiver: Waiver, now: datetime | None = None) -> dict[str, Any]:
    """As public JSON data; with `now`, whether it holds."""
    told: dict[str, Any] = {
        "id": waiver.id,
        "requirement": waiver.requirement,
        "organisation": waiver.organisation or None,
        "reason": waiver.reason,
        "who": waiver.who,
        "granted": fhir_instant(waiver.granted),
        "until": fhir_instant(waiver.until),
    }
    if now is not None:
        told |= {"product": waiver.application, "holds": waiver.holds(now)}
    return told
