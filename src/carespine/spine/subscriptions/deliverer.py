"""Notifications by rest-hook: in order, one at a time to each subscriber, until it arrives or is given up.

An event counts as delivered when the endpoint has said so: after a crash in between it is sent again.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

import httpx
import structlog

from carespine.fhir.subscriptions.topics import topics
from carespine.kernel.errors import CarespineError, Unavailable
from carespine.kernel.ids import new_id
from carespine.security.egress import Egress, GuardedTransport
from carespine.storage import subscriptions as stored
from carespine.storage.database import TRANSIENT

if TYPE_CHECKING:
    from carespine.spine.subscriptions.telling import Telling
    from carespine.storage.bell import Bell
    from carespine.storage.subscriptions import SubscriptionRow

# Ours: workers of a process; how long is waited without being rung; how often and how long apart is tried.
_AT_ONCE, _IDLE_S, _LEASE_S = 4, 1.0, 75.0
TRIES, FIRST_WAIT_S, LONGEST_WAIT_S = 8, 0.5, 60.0
_JSON = "application/fhir+json"
_log = structlog.get_logger("carespine.subscriptions")


class Deliverer:
    """Delivers what is due in this process."""

    def __init__(self, telling: Telling, egress: Egress) -> None:
        self._telling, self._egress = telling, egress

    async def run(self, bell: Bell) -> None:
        """Work until cancelled."""
        await asyncio.gather(*(self._loop(bell) for _ in range(_AT_ONCE)))

    async def _loop(self, bell: Bell) -> None:
        waits = (stored.EVENT, stored.SUBSCRIPTION)
        while True:
            worked = False
            try:
                worked = await self.turn()
            except (Unavailable, OSError, *TRANSIENT):
                pass
            except Exception as error:
                _log.error("delivery failed", error=type(error).__name__)
            if not worked:
                await bell.wait_any(waits, seconds=_IDLE_S)

    async def turn(self) -> bool:
        """Do what is due for one subscription; False where nothing is."""
        lease = new_id()
        async with self._telling.database.connection() as connection:
            row = await stored.claim(connection, lease, seconds=_LEASE_S)
        if row is None:
            return False
        if row.spec["end"] and datetime.fromisoformat(row.spec["end"]) <= self._telling.now():
            await self._telling.move(row, "off")
        elif row.state == "requested":
            await self._shake_hands(row, lease)
        else:
            await self._notify(row, lease)
        return True

    async def _shake_hands(self, row: SubscriptionRow, lease: str) -> None:
        """Note changes for it from here on; then ask the endpoint whether it is there."""
        async with self._telling.database.transaction() as tx:
            await stored.watch(tx, sorted(topics()[row.topic].types))
        if row.channel == "rest-hook":
            failure = await self._post(row, self._telling.bundle(row, "handshake", []))
            if failure:
                await self._failed(row, lease, failure)
                return
        await self._telling.move(row, "active")

    async def _notify(self, row: SubscriptionRow, lease: str) -> None:
        content, count = row.spec["content"], row.spec["max_count"]
        try:
            events = await self._telling.events(
                row, row.delivered + 1, row.events, content=content, count=count
            )
        except CarespineError as error:
            if isinstance(error, Unavailable):
                raise
            await self._telling.move(row, "error", failure=error.message)
            return
        kind = "event-notification" if events else "heartbeat"
        failure = await self._post(row, self._telling.bundle(row, kind, events))
        if failure:
            await self._failed(row, lease, failure)
            return
        delivered = events[-1].number if events else row.delivered
        async with self._telling.database.transaction() as tx:
            await stored.sent(tx, row.id, lease, delivered)

    async def _failed(self, row: SubscriptionRow, lease: str, reason: str) -> None:
        """Try again after a while; in the end say that it is in error. Its events stay until they are delivered."""
        if row.failures + 1 >= TRIES:
            _log.warning("subscription in error", subscription=row.id, reason=reason)
            await self._telling.move(row, "error", failure=reason)
            return
        wait_s = min(FIRST_WAIT_S * 2**row.failures, LONGEST_WAIT_S)
        async with self._telling.database.connection() as connection:
            await stored.failed(connection, row.id, lease, reason, wait_s=wait_s)

    async def _post(self, row: SubscriptionRow, body: bytes) -> str | None:
        """Send a notification; what went wrong, in words that name no secret, or None."""
        headers = {
            name.strip(): value.strip() for name, _, value in (h.partition(":") for h in row.spec["headers"])
        }
        transport = GuardedTransport(self._egress, httpx.AsyncHTTPTransport())
        try:
            async with (
                asyncio.timeout(row.spec["timeout_s"]),
                httpx.AsyncClient(
                    transport=transport, timeout=row.spec["timeout_s"], trust_env=False
                ) as client,
            ):
                reply = await client.post(
                    row.spec["endpoint"], content=body, headers={**headers, "content-type": _JSON}
                )
        except CarespineError as error:
            return f"The endpoint may not be called: {error.message}."
        except TimeoutError:
            return f"The endpoint did not answer within {row.spec['timeout_s']} seconds."
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return f"The endpoint cannot be reached ({type(error).__name__})."
        if reply.is_success:
            return None
        return f"The endpoint answered {reply.status_code}" + (
            ", which sends elsewhere: that is not followed." if reply.is_redirect else "."
        )
