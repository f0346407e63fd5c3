"""Removing for good: for administrators only, one event in the trail of each patient, the trail itself untouched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from carespine.kernel.errors import Forbidden
from carespine.kernel.ids import NOT_PATIENT_SCOPED
from carespine.security import filing
from carespine.security.visit import Visit
from carespine.storage import expunge
from carespine.storage.expunge import Gone
from carespine.storage.space import Space, report

_MAY = ("administrator", "system", "open")


class Expunging(Visit):
    """What only an administrator does to the store as a whole."""

    def demand_administrator(self, what: str) -> None:
        """Raise Forbidden for everybody else."""
        if self.actor.kind not in _MAY:
            self._refuse(what, what="system")
            raise Forbidden(f"As {self.actor.role}, {self.actor.name} may not {what}: an administrator may.")

    async def expunge_whole(
        self, resource_type: str | None, resource_id: str | None, *, deleted_only: bool, limit: int
    ) -> list[Gone]:
        """Remove resources with all their versions."""
        self.demand_administrator("expunge")
        gone = await expunge.whole(
            self.tx, resource_type, resource_id, deleted_only=deleted_only, limit=limit
        )
        return await self._removed(gone)

    async def expunge_superseded(
        self,
        resource_type: str | None,
        resource_id: str | None,
        *,
        limit: int,
        before: datetime | None = None,
    ) -> list[Gone]:
        """Remove superseded versions; the current ones stay."""
        self.demand_administrator("expunge")
        gone = await expunge.superseded(self.tx, resource_type, resource_id, limit=limit, before=before)
        return await self._removed(gone)

    async def expunge_deleted(self, before: datetime, *, limit: int) -> list[Gone]:
        """Remove what had been deleted by then."""
        self.demand_administrator("expunge")
        return await self._removed(await expunge.deleted_before(self.tx, before, limit=limit))

    async def space(self) -> Space:
        """What the record takes on disk; no patient's data is in it."""
        self.demand_administrator("space")
        self._note("R", "space", NOT_PATIENT_SCOPED, "system")
        return await report(self.tx)

    async def _removed(self, gone: Sequence[Gone]) -> list[Gone]:
        for each in gone:
            if each.whole:
                await filing.unfile(self.tx, each.type, each.id)
            self._note("D", "expunge", each.patient, f"{each.type}/{each.id}")
        return list(gone)
