"""Keeping the audit trail for as long as a policy says: its oldest seals go whole, and a checkpoint stands for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from carespine.kernel.errors import Conflict
from carespine.security import audit_checkpoint, audit_seal
from carespine.security.actor import ADMINISTRATION, system_job
from carespine.security.audit_checkpoint import Checkpoint

if TYPE_CHECKING:
    import asyncpg
    from joserfc.jwk import ECKey

    from carespine.kernel.clock import Clock
    from carespine.security.door import Door
    from carespine.security.session import Session

# NHS England, Records Management Code of Practice (2021, updated 2023), appendix II: adult health records are kept
# for 8 years after they were last used; what shows who used them is kept no shorter. Longer kinds of record (general
# practice, maternity, mental health) keep theirs longer: the policy's figure is the deployment's to choose.
LEAST_YEARS = 8
DAYS_OF_A_YEAR = 365.25
_JOB = system_job("audit retention")
_LOCK = 0x0CA2E5_0CE1
_SEALS, _EVENTS = 200, 20_000  # the most in one transaction; ours


@dataclass(frozen=True, slots=True)
class Removed:
    """How much went."""

    events: int
    seals: int


async def keep_to(door: Door, key: ECKey, *, years: int, clock: Clock) -> Removed:
    """Remove every seal whose events are all older than `years`; 0 keeps everything.

    The newest seal stays, so that the chain goes on. Each removal leaves a signed checkpoint and an audit event.
    Raises Conflict, and removes nothing more, where what is to go is not as it was sealed: that is first to be
    looked into.
    """
    events = seals = 0
    while years:
        before = clock() - timedelta(days=years * DAYS_OF_A_YEAR)
        async with door.enter(_JOB, purpose=ADMINISTRATION) as session:
            made = await _remove(session, key, before=before, now=clock())
        if made.seals == 0:
            break
        events, seals = events + made.events, seals + made.seals
    return Removed(events, seals)


async def _remove(session: Session, key: ECKey, *, before: datetime, now: datetime) -> Removed:
    tx = session.tx
    if not await tx.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
        return Removed(0, 0)
    rows = await tx.fetch(
        "select s.number, s.from_xact::text, s.to_xact::text, s.events, s.digest, (select max(e.recorded) "
        "from audit_event e where e.xact >= s.from_xact and e.xact < s.to_xact) as newest from audit_seal s "
        "where s.sealed < $1 and s.number < (select max(number) from audit_seal) order by s.number limit $2",
        before,
        _SEALS,
    )
    old = _oldest(rows, before)
    if not old:
        return Removed(0, 0)
    last = await audit_checkpoint.newest(tx)
    await _demand_whole(session, old, last)
    count = sum(row["events"] for row in old)
    newest = max(row["newest"] for row in old)
    end = old[-1]
    made = Checkpoint(
        end["number"],
        end["to_xact"],
        end["digest"],
        (last.events if last else 0) + count,
        max(newest, last.newest) if last else newest,
        now,
    )
    await audit_checkpoint.add(tx, made, key)
    await tx.execute("delete from audit_event where xact < $1::text::xid8", made.to_xact)
    await tx.execute("delete from audit_seal where number <= $1", made.number)
    detail = {"events": str(count), "seals": str(len(old)), "up-to-seal": str(made.number)}
    await session.audit("D", "remove-audit", what="AuditEvent", detail=detail)
    return Removed(count, len(old))


def _oldest(rows: Sequence[asyncpg.Record], before: datetime) -> list[asyncpg.Record]:
    """The seals from the first on whose events are all old enough, and not too many at once."""
    found: list[asyncpg.Record] = []
    count = 0
    for row in rows:
        count += row["events"]
        if row["newest"] is None or row["newest"] >= before or (found and count > _EVENTS):
            break
        found.append(row)
    return found


async def _demand_whole(session: Session, old: Sequence[asyncpg.Record], last: Checkpoint | None) -> None:
    """Removing what was tampered with would hide that it was."""
    digest = last.digest if last else audit_seal.GENESIS
    reached, expected = (last.to_xact, last.number + 1) if last else ("0", 1)
    for row in old:
        events = await audit_seal.events_of(session.tx, row["from_xact"], row["to_xact"])
        digest = audit_seal.digest_of(digest, events)
        if (row["number"], row["from_xact"], row["digest"]) != (expected, reached, digest):
            raise Conflict(
                f"Seal {row['number']} of the audit trail is not as it was made; nothing is removed. "
                "Run `carespine audit verify`."
            )
        reached, expected = row["to_xact"], expected + 1
