"""From changes to events: one process at a time looks at what was written and gives each subscriber its numbers.

A change was noted by the transaction that made it. It is looked at, counted and dropped in one transaction: it becomes
one event of each subscription that it is for, never two, and no number is left out.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from carespine.fhir import json_text
from carespine.fhir.subscriptions.asked import matches
from carespine.fhir.subscriptions.topics import topics
from carespine.kernel.errors import Unavailable
from carespine.security import subscribing
from carespine.spine.jobs.handle import actor_of
from carespine.storage import subscriptions as stored
from carespine.storage.database import TRANSIENT

if TYPE_CHECKING:
    from carespine.kernel.clock import Clock
    from carespine.storage.bell import Bell
    from carespine.storage.database import Connection, Database
    from carespine.storage.subscriptions import Change, SubscriptionRow

_BATCH = 500
_IDLE_S, _BEHIND_S = 1.0, 0.05
_log = structlog.get_logger("carespine.subscriptions")
Bodies = dict[tuple[str, str, int], bytes]


class Dispatcher:
    """Turns changes into events."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def run(self, bell: Bell) -> None:
        """Work until cancelled."""
        while True:
            worked = False
            try:
                worked = await self.turn()
            except (Unavailable, OSError, *TRANSIENT):
                pass
            except Exception as error:
                _log.error("dispatching failed", error=type(error).__name__)
            if not worked:
                await bell.wait(stored.CHANGE, seconds=_IDLE_S)
                # What rang may not be settled yet, while an older transaction is at work: look again shortly.
                await asyncio.sleep(_BEHIND_S)

    async def turn(self) -> bool:
        """Look at the next changes; False where there are none, or another process is at it."""
        async with self._database.transaction() as tx:
            if not await stored.dispatching(tx):
                return False
            changes = await stored.changes(tx, _BATCH)
            if not changes:
                return False
            wanted = {
                (each.type, each.id, version)
                for each in changes
                for version in (each.version, each.version - 1)
            }
            bodies = await stored.bodies(tx, sorted(wanted))
            for subscription in await stored.every(tx):
                if subscription.started is not None and subscription.state != "off":
                    await self._dispatch(tx, subscription, changes, bodies)
            await stored.forget_changes(tx, [each.seq for each in changes])
        return True

    async def _dispatch(
        self, tx: Connection, subscription: SubscriptionRow, changes: list[Change], bodies: Bodies
    ) -> None:
        topic = topics().get(subscription.topic)
        if topic is None:
            return
        found = [
            each for each in changes if each.type in topic.types and _is_event(each, bodies, subscription)
        ]
        seen = await subscribing.visible(
            tx,
            subscription,
            actor_of(subscription.actor),
            [(e.type, e.id, e.version) for e in found],
            now=self._clock(),
        )
        found = [each for each in found if (each.type, each.id, each.version) in seen]
        if found:
            await stored.allot(tx, subscription, found, now=self._clock())


def _is_event(change: Change, bodies: Bodies, subscription: SubscriptionRow) -> bool:
    current = _tree(bodies.get((change.type, change.id, change.version)))
    previous = _tree(bodies.get((change.type, change.id, change.version - 1)))
    interaction = "delete" if change.deleted else "update" if previous is not None else "create"
    topic = topics()[subscription.topic]
    if not topic.triggered(interaction, current, previous):
        return False
    about = current if current is not None else previous
    return about is not None and matches(tuple(subscription.spec["filters"]), change.type, about)


def _tree(body: bytes | None) -> Any:
    return json_text.read(body) if body else None


async def tidy(database: Database) -> None:
    """Stop noting changes where nobody subscribes any more; a busy table is left for the next time."""
    with suppress(Exception):
        async with database.transaction() as tx:
            await stored.unwatch(tx)
