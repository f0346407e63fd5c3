"""Continuous monitoring: one probe run an hour for each product, what follows from it, and notices to health bodies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import httpx
import structlog

from carespine.kernel.errors import CarespineError
from carespine.kernel.ids import new_id
from carespine.security.actor import ADMINISTRATION, system_job
from carespine.security.egress import RefusedAddress
from carespine.standards import catalogue, lifecycle, store, watching
from carespine.standards.engine import runner
from carespine.standards.lifecycle import ALLOWED, Entry
from carespine.standards.models import Application, Verdict
from carespine.standards.states import MONITOR
from carespine.standards.watching import Probe, Seen

if TYPE_CHECKING:
    import asyncpg

    from carespine.standards.service import Standards
    from carespine.storage.database import Connection

# What can be asked of a service from outside without its patients' or its supplier's credentials.
CHECKS = frozenset({"SE-13", "SE-15"})
# Ours: few at once, so that monitoring never is the load.
_AT_ONCE = 4
_JOB = "monitor products"
_LONGEST_WORDS = 500
_log = structlog.get_logger("carespine.monitoring")


async def tick(standards: Standards, *, transport: httpx.AsyncBaseTransport | None = None) -> int:
    """Probe whatever is due now and tell what is to be told; how many were probed. Several processes may do this at
    once: each hour of a product is claimed by one.
    """
    now = standards.clock()
    due = await _claim(standards, now)
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(asked: Application) -> None:
        async with limit:
            await _watch(standards, asked, transport)

    await asyncio.gather(*(one(each) for each in due))
    await tell(standards)
    return len(due)


async def _claim(standards: Standards, now: datetime) -> list[Application]:
    """The products with access whose hour nobody has taken yet."""
    async with standards.database.transaction() as tx:
        asked = await store.applications(tx)
        logs = await store.logs(tx, [each.id for each in asked])
        live = [each for each in asked if lifecycle.replay(logs[each.id], now=now).state in ALLOWED]
        taken = await tx.fetch(
            "insert into standards_probe_claim (version, hour) select * from unnest($1::text[], $2::bigint[]) "
            "on conflict do nothing returning version",
            [each.id for each in live],
            [watching.hour_of(each.id, now) for each in live],
        )
    mine = {row["version"] for row in taken}
    return [each for each in live if each.id in mine]


async def _watch(
    standards: Standards, asked: Application, transport: httpx.AsyncBaseTransport | None
) -> None:
    """One run, and the line that follows from it and those before."""
    probe = await probed(standards, asked, transport)
    actor = system_job(_JOB)
    async with standards.door.enter(actor, purpose=ADMINISTRATION) as session:
        tx = session.tx
        await store.hold(tx, asked.id)
        await _keep(tx, asked.id, probe)
        now = standards.clock()
        situation = await store.situation(tx, asked.id, now=now)
        recent = await probes(tx, asked.id, since=now - watching.WINDOW)
        follows = watching.conclude(recent, situation, now=now)
        if follows is None:
            return
        entry = Entry(follows.event, max(now, situation.since), MONITOR, follows.reason)
        lifecycle.after(situation, entry)
        await store.add_event(tx, asked.id, entry)
        detail = {"client": asked.client_id, "reason": follows.reason}
        await session.audit(
            "E", f"{follows.event}-by-monitoring", what=f"standards/{asked.id}", detail=detail
        )


async def probed(
    standards: Standards, asked: Application, transport: httpx.AsyncBaseTransport | None = None
) -> Probe:
    """One probe run of a product: does it answer, does it still hold its key, does it meet what can be seen."""
    now, begun = standards.clock(), time.perf_counter()
    required = CHECKS & set(catalogue.profile(asked.profile).requirements)
    plan = runner.Plan(
        asked.base_url,
        profile=asked.profile,
        only=required,
        egress=standards.egress,
        clock=standards.clock,
        transport=transport,
    )
    head = ""
    try:
        report = await runner.run(plan)
    except RefusedAddress as refusal:
        outcome, came = Seen.ERROR, refusal.message
    except runner.NothingAnswers:
        outcome, came = Seen.DOWN, "nothing answers at its address"
    except (CarespineError, httpx.HTTPError, OSError) as error:
        _log.error("probe failed", error=type(error).__name__)
        outcome, came = Seen.ERROR, "the probe itself failed"
    else:
        head = report.evidence.head
        outcome, came = Seen.UP, "it answers as required"
        failed = [each for each in report.results if each.outcome == "fail"]
        if asked.thumbprint not in report.published_keys:
            outcome, came = Seen.FAULT, "the service does not publish the certified key"
        elif report.verdict is Verdict.FAIL:
            outcome = Seen.FAULT
            came = "; ".join(f"{each.requirement}: {each.finding.came}" for each in failed)
    ms = int((time.perf_counter() - begun) * 1000)
    return Probe(watching.hour_of(asked.id, now), now, outcome, ms, came[:_LONGEST_WORDS], head)


async def _keep(tx: Connection, version: str, probe: Probe) -> None:
    await tx.execute(
        "insert into standards_probe (version, hour, at, outcome, ms, came, head) "
        "values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        version,
        probe.hour,
        probe.at,
        probe.outcome,
        probe.ms,
        probe.came,
        probe.head,
    )


async def probes(connection: Connection, version: str, *, since: datetime) -> list[Probe]:
    """The probe runs of a product, the oldest first."""
    rows = await connection.fetch(
        "select hour, at, outcome, ms, came, head from standards_probe where version = $1 and at > $2 order by at",
        version,
        since,
    )
    return [
        Probe(row["hour"], row["at"], Seen(row["outcome"]), row["ms"], row["came"], row["head"])
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class SentNotice:
    """A notice in the outbox."""

    id: str
    application: str
    organisation: str
    state: str
    at: datetime
    text: str


async def tell(standards: Standards) -> int:
    """Put every notice that is due into the outbox, each once; how many there were."""
    now, count = standards.clock(), 0
    async with standards.database.transaction() as tx:
        sites: dict[str, set[str]] = {}
        for row in await tx.fetch("select distinct version, organisation from standards_deployment"):
            sites.setdefault(row["version"], set()).add(row["organisation"])
        asked = {each.id: each for each in await store.applications(tx) if each.id in sites}
        logs = await store.logs(tx, list(asked))
        for name, each in asked.items():
            situation = lifecycle.replay(logs[name], now=now)
            due = watching.notice(f"{each.product} {each.version}", situation, now=now)
            if due is not None:
                count += await _put(tx, name, sorted(sites[name]), due, now)
    return count


async def _put(
    tx: Connection, version: str, organisations: Sequence[str], due: watching.Notice, now: datetime
) -> int:
    made = [
        await tx.fetchval(
            "insert into standards_notice (id, version, organisation, state, period, at, text) "
            "values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning 1",
            new_id(),
            version,
            organisation,
            due.state,
            due.period,
            now,
            due.text,
        )
        for organisation in organisations
    ]
    return sum(each is not None for each in made)


async def notices(connection: Connection, organisation: str, *, most: int = 100) -> list[SentNotice]:
    """The newest notices to a health body, the newest first."""
    rows = await connection.fetch(
        "select id, version, organisation, state, at, text from standards_notice where organisation = $1 "
        "order by at desc, id desc limit $2",
        organisation,
        most,
    )
    return [_notice(row) for row in rows]


def _notice(row: asyncpg.Record) -> SentNotice:
    return SentNotice(row["id"], row["version"], row["organisation"], row["state"], row["at"], row["text"])
