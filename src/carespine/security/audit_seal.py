"""Sealing and verifying the audit trail: a signed hash chain over batches of finished transactions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from joserfc import jws
from joserfc.errors import JoseError

from carespine.kernel.clock import Clock, fhir_instant
from carespine.security import audit_checkpoint, audit_clock

if TYPE_CHECKING:
    import asyncpg
    from joserfc.jwk import ECKey, KeySet

    from carespine.storage.database import Connection

_LOCK = 0x0CA2E5_5EA1
GENESIS = bytes(32)


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found: `faults` is empty exactly when every sealed event is as it was sealed."""

    events: int
    seals: int
    unsealed: int
    head: str
    faults: tuple[str, ...]


async def seal(tx: Connection, key: ECKey, clock: Clock) -> int:
    """Seal every event of the transactions that have ended; returns how many (0: nothing new).

    Batches are bounded by transaction ids below which none is still running, so a batch can never gain a
    row afterwards. One process seals at a time; the others return at once.
    """
    if not await tx.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
        return 0
    last = await tx.fetchrow(
        "select number, to_xact::text, digest from audit_seal order by number desc limit 1"
    )
    number, start, previous = (last[0] + 1, last[1], last[2]) if last else (1, "0", GENESIS)
    end = await audit_clock.ended_before(tx)
    rows = await events_of(tx, start, end)
    if not rows:
        return 0
    digest = digest_of(previous, rows)
    signature = jws.serialize_compact(
        {"alg": "ES256", "kid": key.kid}, _payload(number, len(rows), digest), key
    )
    await tx.execute(
        "insert into audit_seal values ($1, $2::text::xid8, $3::text::xid8, $4, $5, $6, $7)",
        number,
        start,
        end,
        len(rows),
        digest,
        signature,
        clock(),
    )
    return len(rows)


async def verify(connection: Connection, keys: KeySet) -> Verification:
    """Recompute the whole chain and compare: finds alteration, deletion, insertion and reordering.

    The newest seals and their events cut off together leave a shorter chain that holds: compare `head` and
    `events` with what an earlier verification printed, kept elsewhere.
    What was written after the last seal is counted as unsealed; a seal follows within seconds. Where a retention
    policy removed the oldest seals, the chain begins at the signed checkpoint that stands for them.
    """
    faults = await audit_checkpoint.faults(connection, keys)
    begin = await audit_checkpoint.newest(connection)
    previous, reached, expected = (
        (begin.digest, begin.to_xact, begin.number + 1) if begin else (GENESIS, "0", 1)
    )
    events = 0
    seals = await connection.fetch(
        "select number, from_xact::text, to_xact::text, events, digest, signature from audit_seal order by number"
    )
    for row in seals:
        name = f"seal {row['number']}"
        if row["number"] != expected or row["from_xact"] != reached:
            faults.append(f"{name} does not follow seal {expected - 1}: a seal is missing or was moved")
        rows = await events_of(connection, row["from_xact"], row["to_xact"])
        digest = digest_of(previous, rows)
        if len(rows) != row["events"]:
            faults.append(f"{name} was made over {row['events']} events; {len(rows)} are there")
        elif digest != row["digest"]:
            faults.append(f"{name}: an event was altered, or the order was")
        if not _signed(row["signature"], _payload(row["number"], row["events"], row["digest"]), keys):
            faults.append(f"{name}: its signature does not fit")
        events += len(rows)
        previous, reached, expected = row["digest"], row["to_xact"], row["number"] + 1
    unsealed = await connection.fetchval(
        "select count(*) from audit_event where xact >= $1::text::xid8", reached
    )
    return Verification(events, len(seals), unsealed, previous.hex(), tuple(faults))


async def head(connection: Connection, key: ECKey, clock: Clock) -> str:
    """The newest seal as a signed text (JWS), to be kept where whoever holds the database cannot change it."""
    row = await connection.fetchrow("select number, digest from audit_seal order by number desc limit 1")
    number, digest = (row["number"], row["digest"]) if row else (0, GENESIS)
    claims = {"seal": number, "digest": digest.hex(), "at": fhir_instant(clock())}
    return jws.serialize_compact({"alg": "ES256", "kid": key.kid}, json.dumps(claims), key)


async def missing(connection: Connection, text: str, keys: KeySet) -> str | None:
    """What is wrong with the trail beside a head that was kept: cut off before it, or another; None where it holds.

    Finds what `verify` cannot: the newest seals taken away together with their events.
    """
    try:
        claims = json.loads(jws.deserialize_compact(text.strip(), keys, algorithms=["ES256"]).payload or b"")
        number, digest, at = int(claims["seal"]), str(claims["digest"]), str(claims["at"])
    except (JoseError, ValueError, KeyError, TypeError):
        return "the head is not one that this server signed"
    stored = await connection.fetchval("select digest from audit_seal where number = $1", number)
    begin = await audit_checkpoint.newest(connection)
    if number == 0 or (begin and number < begin.number):
        return None  # nothing was there yet, or it was removed by the policy since, as the checkpoint says
    if begin and number == begin.number:
        stored = begin.digest
    if stored is None:
        return f"the trail was cut off: seal {number}, the newest at {at}, is not there"
    return None if stored.hex() == digest else f"seal {number} is another than it was at {at}"


async def events_of(connection: Connection, start: str, end: str) -> list[asyncpg.Record]:
    return await connection.fetch(
        "select seq, xact::text::numeric::bigint as xact, patient, "
        "(extract(epoch from recorded) * 1000000)::bigint as recorded, body from audit_event "
        "where xact >= $1::text::xid8 and xact < $2::text::xid8 order by xact, seq",
        start,
        end,
    )


def digest_of(previous: bytes, rows: list[asyncpg.Record]) -> bytes:
    digest = hashlib.sha256(previous)
    for row in rows:
        head = f"{row['seq']} {row['xact']} {row['patient']} {row['recorded']} {len(row['body'])}\n"
        digest.update(head.encode() + row["body"])
    return digest.digest()


def _payload(number: int, events: int, digest: bytes) -> bytes:
    return f"{number} {events} {digest.hex()}".encode()


def _signed(signature: str, payload: bytes, keys: KeySet) -> bool:
    try:
        return jws.deserialize_compact(signature, keys, algorithms=["ES256"]).payload == payload
    except (JoseError, ValueError):
        return False
