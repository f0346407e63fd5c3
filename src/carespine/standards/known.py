"""What one process knows of the register, for the question that is asked at each request.

Nothing is used that is not of now: each asking reads a mark of the client's rows and of its append-only log, and only
where that is the mark of what was read before is it not read again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carespine.standards import store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carespine.standards.lifecycle import Entry
    from carespine.standards.models import Application
    from carespine.storage.database import Connection

# Ours: clients whose applications are kept in memory; with more, all are read anew.
_MOST = 1_024


@dataclass(frozen=True, slots=True)
class Registered:
    """The applications of a client, the newest first, and their logs by application."""

    applications: Sequence[Application]
    logs: dict[str, list[Entry]]


async def read(connection: Connection, client_id: str) -> Registered:
    """As the register has it now."""
    applications = await store.applications_of_client(connection, client_id)
    logs = await store.logs(connection, [each.id for each in applications]) if applications else {}
    return Registered(applications, logs)


class Known:
    """What is known of the clients of one register."""

    def __init__(self) -> None:
        self._by_client: dict[str, tuple[str, Registered]] = {}

    async def of(self, connection: Connection, client_id: str) -> Registered:
        """As the register has it now, read again only where something was written."""
        # The mark is read first: what is read after it may be newer, and is then read once more.
        mark = await store.mark(connection, client_id)
        known = self._by_client.get(client_id)
        if known is not None and known[0] == mark:
            return known[1]
        found = await read(connection, client_id)
        if len(self._by_client) >= _MOST:
            self._by_client.clear()
        self._by_client[client_id] = mark, found
        return found
