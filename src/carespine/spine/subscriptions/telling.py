"""What a subscriber is told: its events as notifications, each as far as the subscriber may know of it now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from carespine.fhir.subscriptions import notification
from carespine.fhir.subscriptions.notification import About, Event
from carespine.security.actor import ADMINISTRATION
from carespine.security.subscribing import OWN_JOB
from carespine.spine.jobs.handle import actor_of
from carespine.storage import subscriptions as stored

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.kernel.clock import Clock
    from carespine.security.door import Door
    from carespine.security.tokens import TokenService
    from carespine.storage.database import Database
    from carespine.storage.subscriptions import SubscriptionRow


class Telling:
    """Notifications for subscribers. `base` is the FHIR base URL."""

    def __init__(
        self, database: Database, door: Door, standings: TokenService, clock: Clock, *, base: str
    ) -> None:
        self.database, self._door, self._standings = database, door, standings
        self._clock, self.base = clock, base

    def now(self) -> datetime:
        return self._clock()

    def about(self, row: SubscriptionRow, *, content: str | None = None) -> About:
        return About(
            f"{self.base}/Subscription/{row.id}",
            row.topic,
            row.state,
            content or row.spec["content"],
            row.events,
            row.failure,
        )

    async def events(
        self, row: SubscriptionRow, first: int, last: int, *, content: str, count: int
    ) -> list[Event]:
        """Events by number, as the subscriber may see them now; their patients' trails say that they were told.

        Raises Forbidden where the subscriber's standing does not permit anything any more.
        """
        actor = actor_of(row.actor)
        async with self._door.glance(actor, purpose=row.purpose) as session:
            # A subscription is no token: it goes on when a suspension is lifted.
            await self._standings.demand_standing(session.tx, replace(actor, suspensions=None))
            rows = await stored.events(session.tx, row.id, first, last, count)
            versions = [(each.type, each.id, each.version) for each in rows]
            bodies = await session.hear(row, versions, [each.patient for each in rows])
        found = []
        for each, version in zip(rows, versions, strict=True):
            body = bodies.get(version) if content == "full-resource" else None
            shown = version in bodies
            found.append(
                Event(
                    each.number, each.at, each.type, each.id, each.version, each.deleted, shown, body or None
                )
            )
        return found

    def bundle(self, row: SubscriptionRow, kind: str, events: list[Event]) -> bytes:
        return notification.bundle(self.about(row), self.base, kind, events, now=self._clock())

    async def move(self, row: SubscriptionRow, state: str, *, failure: str | None = None) -> None:
        """Put a subscription into a state, and say so in its Subscription."""
        async with self._door.enter(OWN_JOB, purpose=ADMINISTRATION) as session:
            tree = await session.read("Subscription", row.id)
            tree["status"] = state
            tree.pop("error", None)
            if failure:
                tree["error"] = failure
            await session.update(tree)
            await stored.set_state(session.tx, row.id, state, failure=failure)
