"""Keeping to a retention policy: what is older than it says is removed for good, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from carespine.security.actor import ADMINISTRATION, system_job
from carespine.storage.database import retrying

if TYPE_CHECKING:
    from datetime import datetime

    from carespine.security.door import Door

# Ours: removed at once, so that nobody waits long for the rows.
_BATCH = 1_000
_JOB = system_job("retention")


@dataclass(frozen=True, slots=True)
class Policy:
    """Days after which a version that was replaced goes, and a resource that was deleted; None: never."""

    history_days: int | None
    deleted_days: int | None


@dataclass(frozen=True, slots=True)
class Removed:
    """How many superseded versions went, and how many deleted resources with all of theirs."""

    versions: int
    resources: int


async def keep_to(door: Door, policy: Policy, *, now: datetime) -> Removed:
    """Remove what the policy does not keep."""
    versions = resources = 0
    if policy.history_days is not None:
        before = now - timedelta(days=policy.history_days)
        while count := await retrying(lambda: _versions(door, before)):
            versions += count
    if policy.deleted_days is not None:
        until = now - timedelta(days=policy.deleted_days)
        while count := await retrying(lambda: _deleted(door, until)):
            resources += count
    return Removed(versions, resources)


async def _versions(door: Door, before: datetime) -> int:
    async with door.enter(_JOB, purpose=ADMINISTRATION) as session:
        gone = await session.expunge_superseded(None, None, limit=_BATCH, before=before)
        return sum(each.versions for each in gone)


async def _deleted(door: Door, before: datetime) -> int:
    async with door.enter(_JOB, purpose=ADMINISTRATION) as session:
        return len(await session.expunge_deleted(before, limit=_BATCH))
