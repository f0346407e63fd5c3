"""Subscriptions and the door: who owns them, headers that nobody is shown, and what a subscriber may hear of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from carespine.fhir.subscriptions.asked import MASK, Asked, asked, names_topic, query_of
from carespine.kernel.errors import Unprocessable
from carespine.security import confidentiality, locating, restriction
from carespine.security.actor import Actor, system_job
from carespine.security.visit import Visit
from carespine.storage import subscriptions
from carespine.storage.sql import Arguments
from carespine.storage.types import type_number

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.storage.database import Connection

TYPE = "Subscription"
# The server's own writes: they follow what it did, and ask for nothing.
OWN_JOB = system_job("subscriptions")
Version = tuple[str, str, int]  # type, id, version


def take_in(tree: dict[str, Any], actor: Actor) -> Asked | None:
    """What a Subscription asks for, before it is stored: its headers are masked in the tree, and one that a client
    calls active is requested, since only the server can say that it is. None for another type, for a search, and for
    our own write."""
    if tree["resourceType"] != TYPE or actor.id == OWN_JOB.id:
        return None
    if not names_topic(tree):
        _demand_inert(tree, actor)
        return None
    if tree["status"] == "error":
        raise Unprocessable(
            "Only the server says that a subscription is in error.", expression="Subscription.status"
        )
    found = asked(tree)
    if tree["status"] == "active":
        tree["status"] = "requested"
    if found.headers:
        masked = [f"{header.partition(':')[0]}: {MASK}" for header in found.headers]
        tree["channel"] = {**tree["channel"], "header": masked}
    return found


def _demand_inert(tree: dict[str, Any], actor: Actor) -> None:
    """A Subscription to a search is kept as any resource, and nobody is notified: it can be anything but active.

    It would have no owner, and so be out of reach of an app or a person who makes one: they make none.
    """
    if tree["status"] == "active" or actor.kind not in ("open", "system"):
        raise Unprocessable(
            "Subscriptions to a search are not offered: criteria is the URL of a topic, as the CapabilityStatement "
            "lists them.",
            expression="Subscription.criteria",
        )


async def file(tx: Connection, tree: dict[str, Any], wanted: Asked, actor: Actor, purpose: str) -> None:
    """Follow the write of a Subscription. The first who writes it owns it."""
    before = await subscriptions.find(tx, tree["id"])
    spec = msgspec.to_builtins(wanted)
    spec["headers"] = _kept(wanted, before)
    owner = before.owner if before else actor.id
    row = subscriptions.SubscriptionRow(
        tree["id"],
        owner,
        msgspec.to_builtins(actor),
        purpose,
        wanted.topic,
        wanted.channel,
        spec,
        tree["status"],
        None,
        0,
        0,
        0,
        None,
        None,
    )
    await subscriptions.put(tx, row)


def _kept(wanted: Asked, before: subscriptions.SubscriptionRow | None) -> list[str]:
    """The headers, with the values that were masked taken from before: for the same endpoint only."""
    known: dict[str, str] = {}
    if before and before.spec["endpoint"] == wanted.endpoint:
        known = {header.partition(":")[0].strip().lower(): header for header in before.spec["headers"]}
    found = []
    for header in wanted.headers:
        name, _, value = header.partition(":")
        if value.strip() != MASK:
            found.append(header)
        elif name.strip().lower() in known:
            found.append(known[name.strip().lower()])
        else:
            raise Unprocessable(
                f"The value of the header {name.strip()[:40]} is not known for this endpoint; send it.",
                expression="Subscription.channel.header",
            )
    return found


def is_locating(filters: Sequence[str]) -> bool:
    """Whether the filters of a subscription ask where patients are."""
    return any(locating.asks(query_of(text)) for text in filters)


async def visible(
    connection: Connection,
    row: subscriptions.SubscriptionRow,
    actor: Actor,
    versions: Sequence[Version],
    *,
    now: datetime,
) -> set[Version]:
    """Those of the versions whose resource is within the actor's reach now, for what the subscription asks."""
    if not versions:
        return set()
    arguments = Arguments([type_number(each[0]) for each in versions], [each[1] for each in versions])
    where = restriction.rows(
        actor, arguments, alias="r", now=now, purpose=row.purpose, locating=is_locating(row.spec["filters"])
    )
    rows = await connection.fetch(
        f"select distinct r.type, r.id from resource r join unnest($1::smallint[], $2::text[]) as wanted(type, id) "  # noqa: S608
        f"on r.type = wanted.type and r.id = wanted.id where {where}",
        *arguments.values,
    )
    reached = {(row[0], row[1]) for row in rows}
    return {each for each in versions if (type_number(each[0]), each[1]) in reached}


class Hearing(Visit):
    """Being told of events."""

    async def hear(
        self, row: subscriptions.SubscriptionRow, versions: Sequence[Version], patients: Sequence[int]
    ) -> dict[Version, bytes]:
        """The bodies of those versions that may be shown, each patient's trail saying so."""
        shown = await visible(self.tx, row, self.actor, versions, now=self.clock())
        bodies = await subscriptions.bodies(self.tx, sorted(shown))
        of = [patient for version, patient in zip(versions, patients, strict=True) if version in shown]
        self._saw(of, "notify", what=f"{TYPE}/{row.id}")
        for version, patient in zip(versions, patients, strict=True):
            is_patient = version[0] == "Patient" and bodies.get(version)
            if is_patient and await confidentiality.hides_whereabouts(self.tx, self.actor, patient):
                bodies[version] = confidentiality.without_whereabouts(bodies[version])
        return {version: bodies.get(version, b"") for version in shown}
