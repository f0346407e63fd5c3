"""The numbers by which the audit trail is sealed go on rising when the database moves to another cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carespine.storage.database import Connection

_LOCK = 0x0CA2E5_C10C
_CLUSTER = "select system_identifier::text from pg_control_system()"


async def carry_on(tx: Connection) -> bool:
    """Have events numbered after all that are there, if this is another cluster than they were written in.

    Each event carries the id of its transaction. Another cluster counts its transactions from elsewhere: what is
    added to its ids makes them follow. To be called before the first event is written; true if anything changed.
    """
    if await tx.fetchval(f"select cluster = ({_CLUSTER}) from audit_clock"):  # noqa: S608
        return False
    await tx.execute("select pg_advisory_xact_lock($1)", _LOCK)
    if await tx.fetchval(f"select cluster = ({_CLUSTER}) from audit_clock"):  # noqa: S608
        return False
    await tx.execute("lock table audit_event in access exclusive mode")
    reached = await tx.fetchval(
        "select greatest((select xact::text::bigint + 1 from audit_event order by xact desc limit 1), "
        "(select to_xact::text::bigint from audit_seal order by number desc limit 1), 0)"
    )
    now = await tx.fetchval("select pg_current_xact_id()::text::bigint")
    shift = max(reached - now, 0)
    await tx.execute(
        "alter table audit_event alter column xact "
        f"set default ((pg_current_xact_id()::text::bigint + {shift:d})::text::xid8)"
    )
    await tx.execute(f"update audit_clock set cluster = ({_CLUSTER}), shift = $1", shift)  # noqa: S608
    return True


async def ended_before(tx: Connection) -> str:
    """The number below which every event's transaction has ended."""
    number: str = await tx.fetchval(
        "select (pg_snapshot_xmin(pg_current_snapshot())::text::bigint + shift)::text from audit_clock"
    )
    return number
