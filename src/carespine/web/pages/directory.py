"""Names of organisations by their ODS code, remembered: they stand on every page and hardly change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carespine.security.actor import ADMINISTRATION, Actor
from carespine.security.audit_event import ODS_SYSTEM

if TYPE_CHECKING:
    from carespine.security.door import Door

_MOST_NAMES = 5_000


class Directory:
    """Answers with the ODS code itself while no name is known."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._names: dict[str, str] = {}

    async def organisation(self, actor: Actor) -> str:
        """The name of the actor's own organisation; empty where they have none."""
        return await self.name(actor, actor.organisation) if actor.organisation else ""

    async def name(self, actor: Actor, ods: str) -> str:
        """The name of the organisation with this ODS code, read from the register as `actor`."""
        if ods not in self._names:
            async with self._door.glance(actor, purpose=ADMINISTRATION) as session:
                found = await session.search("Organization", [("identifier", f"{ODS_SYSTEM}|{ods}")])
            if not found.entries:
                return ods
            if len(self._names) >= _MOST_NAMES:
                self._names.clear()
            self._names[ods] = str(found.entries[0].get("name", ods))
        return self._names[ods]
