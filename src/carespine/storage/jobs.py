"""Jobs as rows: asked for, leased by a worker, taken forward a checkpoint at a time, ended, forgotten.

Leases are counted by the database's clock, which all workers share.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg

    from carespine.storage.database import Connection

# Ours: after a crash another worker goes on with a job when this has passed.
LEASE_S = 10.0
_COLUMNS = (
    "id, kind, owner, actor, purpose, request, state, progress, failure, attempts, created, ended, expires"
)


class LeaseLost(Exception):
    """The job was cancelled, or another worker has taken it over: stop, and leave everything as it is."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job. `actor`, `request` and `progress` are JSON trees; `failure` says what ended it, in a sentence."""

    id: str
    kind: str
    owner: str
    actor: dict[str, Any]
    purpose: str
    request: dict[str, Any]
    state: str
    progress: dict[str, Any]
    failure: str | None
    attempts: int
    created: datetime
    ended: datetime | None
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is asked for."""

    id: str
    kind: str
    owner: str
    actor: dict[str, Any]
    purpose: str
    request: dict[str, Any]


async def add(tx: Connection, job: NewJob, *, now: datetime, after_s: float = 0.0) -> None:
    """Ask for a job, in the caller's transaction; nobody takes it before `after_s` seconds have passed."""
    await tx.execute(
        "insert into job (id, kind, owner, actor, purpose, request, state, created, lease_ends) "
        "values ($1, $2, $3, $4, $5, $6, 'waiting', $7, "
        "case when $8::float8 > 0 then clock_timestamp() + $8 * interval '1 second' end)",
        job.id,
        job.kind,
        job.owner,
        json.dumps(job.actor),
        job.purpose,
        json.dumps(job.request),
        now,
        after_s,
    )


async def describe(tx: Connection, job_id: str, request: dict[str, Any]) -> None:
    """Say in full what is asked for, in the transaction that added the job."""
    await tx.execute("update job set request = $2 where id = $1", job_id, json.dumps(request))


async def unfinished(connection: Connection, owner: str) -> int:
    """How many jobs of this owner have not ended."""
    count = "select count(*) from job where owner = $1 and state in ('waiting', 'running')"
    return int(await connection.fetchval(count, owner))


async def find(connection: Connection, job_id: str) -> JobRow | None:
    row = await connection.fetchrow(f"select {_COLUMNS} from job where id = $1", job_id)  # noqa: S608
    return _job(row) if row else None


async def latest(connection: Connection, kind: str, count: int) -> list[JobRow]:
    """The jobs of a kind, newest first."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from job where kind = $1 order by created desc, id desc limit $2",  # noqa: S608
        kind,
        count,
    )
    return [_job(row) for row in rows]


async def claim(connection: Connection, lease: str, kinds: list[str]) -> JobRow | None:
    """Take the oldest job that nobody is at work on, for as long as the lease lasts."""
    row = await connection.fetchrow(
        f"update job set lease = $1, lease_ends = clock_timestamp() + $2 * interval '1 second', state = 'running', "  # noqa: S608
        f"attempts = attempts + 1 where id = (select id from job where state in ('waiting', 'running') "
        f"and (lease_ends is null or lease_ends < clock_timestamp()) and kind = any($3::text[]) "
        f"order by created, id limit 1 for update skip locked) returning {_COLUMNS}",
        lease,
        LEASE_S,
        kinds,
    )
    return _job(row) if row else None


async def renew(connection: Connection, job_id: str, lease: str) -> None:
    """Keep the lease; raises LeaseLost."""
    _held(
        await connection.fetchval(
            "update job set lease_ends = clock_timestamp() + $3 * interval '1 second' "
            "where id = $1 and lease = $2 and state = 'running' returning true",
            job_id,
            lease,
            LEASE_S,
        )
    )


async def checkpoint(tx: Connection, job_id: str, lease: str, progress: dict[str, Any]) -> None:
    """Note how far the job is, with what the transaction did; raises LeaseLost, which must roll it back.

    A job that gets forward has not failed: its attempts count from here.
    """
    _held(
        await tx.fetchval(
            "update job set progress = $3, attempts = 1, lease_ends = clock_timestamp() + $4 * interval '1 second' "
            "where id = $1 and lease = $2 and state = 'running' returning true",
            job_id,
            lease,
            json.dumps(progress),
            LEASE_S,
        )
    )


async def postpone(connection: Connection, job_id: str, lease: str, *, seconds: float) -> None:
    """Let go of a job that met trouble, to be taken up again after a while."""
    await connection.execute(
        "update job set lease = null, lease_ends = clock_timestamp() + $3 * interval '1 second' "
        "where id = $1 and lease = $2",
        job_id,
        lease,
        seconds,
    )


async def finish(
    tx: Connection,
    job_id: str,
    lease: str,
    *,
    now: datetime,
    expires: datetime,
    failure: str | None = None,
) -> None:
    """End a job; raises LeaseLost."""
    _held(
        await tx.fetchval(
            "update job set state = $3, failure = $4, ended = $5, expires = $6, lease = null, lease_ends = null "
            "where id = $1 and lease = $2 and state = 'running' returning true",
            job_id,
            lease,
            "complete" if failure is None else "failed",
            failure,
            now,
            expires,
        )
    )


async def remove(tx: Connection, job_id: str) -> None:
    """Cancel a job or forget it, with its files."""
    await tx.execute("delete from job where id = $1", job_id)


async def forget_expired(tx: Connection, *, now: datetime) -> int:
    """Delete the jobs whose files have expired; how many."""
    status = await tx.execute("delete from job where expires < $1", now)
    return int(status.rpartition(" ")[2])


def _held(found: bool | None) -> None:
    if not found:
        raise LeaseLost


def _job(row: asyncpg.Record) -> JobRow:
    values = dict(row)
    for name in ("actor", "request", "progress"):
        values[name] = json.loads(values[name])
    return JobRow(**values)
