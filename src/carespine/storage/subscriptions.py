"""Subscriptions, the outbox and events as rows. Leases and tries are counted by the database's clock."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carespine.storage import bell
from carespine.storage.bodies import unpack
from carespine.storage.types import type_name, type_number

if TYPE_CHECKING:
    import asyncpg

    from carespine.storage.database import Connection

CHANGE, EVENT, SUBSCRIPTION = "change", "event", "subscription"
_DISPATCHING = 0x0CA2E5_5B
_COLUMNS = (
    "id, owner, actor, purpose, topic, channel, spec, state, started, events, delivered, failures, failure, "
    "last_sent"
)
_ACTIVE = ("resource_created", "resource_changed")


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """One subscription; `actor` and `spec` are JSON trees."""

    id: str
    owner: str
    actor: dict[str, Any]
    purpose: str
    topic: str
    channel: str
    spec: dict[str, Any]
    state: str
    started: datetime | None
    events: int
    delivered: int
    failures: int
    failure: str | None
    last_sent: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """A version that was written to a type that somebody watches."""

    seq: int
    patient: int
    type: str
    id: str
    version: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class EventRow:
    number: int
    patient: int
    type: str
    id: str
    version: int
    deleted: bool
    at: datetime


async def put(tx: Connection, row: SubscriptionRow) -> None:
    """Ask for a subscription, or for another one in its place; its events go on where they are."""
    await tx.execute(
        "insert into subscription (id, owner, actor, purpose, topic, channel, spec, state, next_try) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, now()) on conflict (id) do update set actor = excluded.actor, "
        "purpose = excluded.purpose, topic = excluded.topic, channel = excluded.channel, spec = excluded.spec, "
        "state = excluded.state, next_try = now(), failures = 0, failure = null, lease = null, lease_ends = null",
        row.id,
        row.owner,
        json.dumps(row.actor),
        row.purpose,
        row.topic,
        row.channel,
        json.dumps(row.spec),
        row.state,
    )
    await bell.ring(tx, SUBSCRIPTION)


async def remove(tx: Connection, subscription: str) -> None:
    await tx.execute("delete from subscription where id = $1", subscription)


async def find(connection: Connection, subscription: str) -> SubscriptionRow | None:
    row = await connection.fetchrow(f"select {_COLUMNS} from subscription where id = $1", subscription)  # noqa: S608
    return _row(row) if row else None


async def every(connection: Connection) -> list[SubscriptionRow]:
    rows = await connection.fetch(f"select {_COLUMNS} from subscription order by id")  # noqa: S608
    return [_row(row) for row in rows]


async def owned(connection: Connection, owner: str, ids: Sequence[str]) -> set[str]:
    rows = await connection.fetch(
        "select id from subscription where owner = $1 and id = any($2::text[])", owner, list(ids)
    )
    return {row["id"] for row in rows}


async def watch(tx: Connection, types: Sequence[str]) -> None:
    """Have changes of these types noted from now on: who writes waits until the triggers are on."""
    await tx.execute(
        "insert into subscription_watch (type) select unnest($1::smallint[]) on conflict do nothing",
        [type_number(name) for name in types],
    )
    off = await tx.fetchval(
        "select bool_or(tgenabled = 'D') from pg_trigger where tgrelid = 'resource'::regclass "
        "and tgname = any($1::text[])",
        list(_ACTIVE),
    )
    if off:
        await tx.execute("set local lock_timeout = '5s'")
        for name in _ACTIVE:
            await tx.execute(f"alter table resource enable trigger {name}")


async def unwatch(tx: Connection) -> None:
    """Where nobody subscribes any more, note nothing."""
    if await tx.fetchval("select exists (select 1 from subscription)"):
        return
    if await tx.fetchval("select exists (select 1 from subscription_watch)"):
        await tx.execute("set local lock_timeout = '1s'")
        for name in _ACTIVE:
            await tx.execute(f"alter table resource disable trigger {name}")
        await tx.execute("delete from subscription_watch")
        await tx.execute("delete from resource_change")


async def dispatching(tx: Connection) -> bool:
    """Be the one who turns changes into events until the transaction ends; False where another is."""
    return bool(await tx.fetchval("select pg_try_advisory_xact_lock($1)", _DISPATCHING))


async def changes(tx: Connection, count: int) -> list[Change]:
    """The next changes in order. One that may still be preceded by another of its resource stops them: versions of
    one resource come in their order."""
    rows = await tx.fetch(
        "select seq, patient, type, id, version, deleted, xact < pg_snapshot_xmin(pg_current_snapshot()) as settled "
        "from resource_change order by seq limit $1",
        count,
    )
    found = []
    for row in rows:
        if not row["settled"]:
            break
        found.append(Change(row[0], row[1], type_name(row[2]), *row[3:6]))
    return found


async def forget_changes(tx: Connection, seqs: Sequence[int]) -> None:
    await tx.execute("delete from resource_change where seq = any($1::bigint[])", list(seqs))


async def bodies(
    connection: Connection, versions: Sequence[tuple[str, str, int]]
) -> dict[tuple[str, str, int], bytes]:
    """The bodies of versions, current or superseded; empty for a deletion; those that are gone are left out."""
    wanted = (
        [type_number(each[0]) for each in versions],
        [each[1] for each in versions],
        [each[2] for each in versions],
    )
    both = " union all ".join(
        f"select r.type, r.id, r.version, r.body from {table} r join unnest($1::smallint[], $2::text[], $3::integer[]) "  # noqa: S608
        "as w(type, id, version) using (type, id, version)"
        for table in ("resource", "resource_history")
    )
    rows = await connection.fetch(both, *wanted)
    return {(type_name(row[0]), row[1], row[2]): unpack(row[3]) for row in rows}


async def allot(
    tx: Connection, subscription: SubscriptionRow, found: Sequence[Change], *, now: datetime
) -> None:
    """Give the changes the next event numbers of a subscription."""
    first = await tx.fetchval(
        "update subscription set events = events + $2 where id = $1 returning events - $2 + 1",
        subscription.id,
        len(found),
    )
    if first is None:
        return
    await tx.executemany(
        "insert into subscription_event (patient, subscription, number, type, id, version, deleted, at) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (
                each.patient,
                subscription.id,
                first + place,
                type_number(each.type),
                each.id,
                each.version,
                each.deleted,
                now,
            )
            for place, each in enumerate(found)
        ],
    )
    await bell.ring(tx, EVENT)


async def events(
    connection: Connection, subscription: str, first: int, last: int, count: int
) -> list[EventRow]:
    """Events by number, both included, at most `count`."""
    rows = await connection.fetch(
        "select number, patient, type, id, version, deleted, at from subscription_event "
        "where subscription = $1 and number between $2 and $3 order by number limit $4",
        subscription,
        first,
        last,
        count,
    )
    return [EventRow(row[0], row[1], type_name(row[2]), *row[3:]) for row in rows]


async def claim(connection: Connection, lease: str, *, seconds: float) -> SubscriptionRow | None:
    """A subscription that something is due for, for as long as the lease lasts."""
    row = await connection.fetchrow(
        f"update subscription set lease = $1, lease_ends = now() + $2 * interval '1 second' where id = "  # noqa: S608
        f"(select id from subscription where (lease_ends is null or lease_ends < now()) "
        f"and (next_try is null or next_try <= now()) and (state = 'requested' or (state = 'active' and "
        f"((spec ->> 'end')::timestamptz <= now() or (channel = 'rest-hook' and (delivered < events or "
        f"((spec ->> 'heartbeat_s')::integer > 0 and last_sent + (spec ->> 'heartbeat_s')::integer "
        f"* interval '1 second' <= now())))))) order by next_try nulls first limit 1 for update skip locked) "
        f"returning {_COLUMNS}",
        lease,
        seconds,
    )
    return _row(row) if row else None


async def sent(connection: Connection, subscription: str, lease: str | None, delivered: int) -> None:
    """A notification has arrived; with it the events up to `delivered`. Without a lease (a socket) it is not let go."""
    await connection.execute(
        "update subscription set delivered = greatest(delivered, $3), last_sent = now(), failures = 0, failure = null, "
        "next_try = null, lease = case when lease = $2 then null else lease end, "
        "lease_ends = case when lease = $2 then null else lease_ends end where id = $1",
        subscription,
        lease,
        delivered,
    )


async def failed(
    connection: Connection, subscription: str, lease: str, reason: str, *, wait_s: float
) -> None:
    """A notification has not arrived; it is tried again after a while."""
    await connection.execute(
        "update subscription set failures = failures + 1, failure = $3, next_try = now() + $4 * interval '1 second', "
        "lease = null, lease_ends = null where id = $1 and lease = $2",
        subscription,
        lease,
        reason,
        wait_s,
    )


async def set_state(tx: Connection, subscription: str, state: str, *, failure: str | None = None) -> None:
    """Move a subscription to a state; the first `active` is its start."""
    await tx.execute(
        "update subscription set state = $2, failure = $3, failures = 0, next_try = null, lease = null, "
        "lease_ends = null, last_sent = case when $2 = 'active' then now() else last_sent end, "
        "started = coalesce(started, case when $2 = 'active' then now() end) where id = $1",
        subscription,
        state,
        failure,
    )


async def forget_events(tx: Connection, *, before: datetime) -> None:
    """Drop events that arrived and are old; those that did not arrive stay."""
    await tx.execute(
        "delete from subscription_event e using subscription s where s.id = e.subscription and e.at < $1 "
        "and e.number <= s.delivered",
        before,
    )


async def bind(tx: Connection, digest: bytes, subscription: str, *, seconds: int) -> None:
    """Keep a binding token for a while."""
    await tx.execute("delete from subscription_token where expires < now()")
    await tx.execute(
        "insert into subscription_token (digest, subscription, expires) "
        "values ($1, $2, now() + $3 * interval '1 second')",
        digest,
        subscription,
        seconds,
    )


async def bound(connection: Connection, digest: bytes) -> str | None:
    """The subscription that a binding token is for; None where it is none, or has expired."""
    found: str | None = await connection.fetchval(
        "select subscription from subscription_token where digest = $1 and expires > now()", digest
    )
    return found


def _row(row: asyncpg.Record) -> SubscriptionRow:
    values = dict(row)
    return SubscriptionRow(
        **{**values, "actor": json.loads(values["actor"]), "spec": json.loads(values["spec"])}
    )
