"""Runs that a supplier watches while they go: the whole profile, which decides, or one check again, which does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from carespine.kernel.errors import CarespineError, NotFound, TooMany, Unavailable
from carespine.kernel.ids import new_id
from carespine.standards import store
from carespine.standards.engine import runner
from carespine.standards.engine.evidence import EvidenceLog
from carespine.standards.models import CheckResult

if TYPE_CHECKING:
    from carespine.security.actor import Actor
    from carespine.standards.engine.config import RunConfig
    from carespine.standards.models import Application
    from carespine.standards.service import Standards

# Ours: how often what was found is written down, and after how long without that a run is taken for broken off.
_BEAT_S = 1.0
_LOST = timedelta(minutes=2)
_KEPT = timedelta(days=1)
_AT_ONCE = 2
_MOST_FAULTS, _MOST_SHOWN, _LONGEST_BODY = 5, 2, 2_000
_tasks: set[asyncio.Task[None]] = set()
_log = structlog.get_logger("carespine.standards")


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run as it goes. `only` is the requirement that is checked again, empty for the whole profile; `run` is the
    run that was kept, once it ended; `outcome` says in a sentence how it ended.
    """

    id: str
    application: str
    only: str
    total: int
    started: datetime
    ended: datetime | None
    lost: bool
    outcome: str
    run: str | None
    results: Sequence[Mapping[str, Any]]

    def tree(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "id": self.id,
            "only": self.only or None,
            "done": len(self.results),
            "total": self.total,
            "going": self.ended is None and not self.lost,
            "outcome": "the run was broken off: start it again" if self.lost else self.outcome or None,
            "run": self.run,
            "results": list(self.results),
        }


async def begin(
    standards: Standards,
    actor: Actor,
    application_id: str,
    *,
    config: RunConfig,
    seed: str = "",
    only: str = "",
) -> str:
    """Start a run in this process; its id, under which it can be watched. Raises NotFound, Misconfigured where
    `only` is no requirement of the profile, TooMany where as many runs are under way as one process makes.
    """
    if application_id in standards.running or len(standards.running) >= _AT_ONCE:
        raise TooMany("Other runs are under way; try again in a minute.", headers={"Retry-After": "60"})
    async with standards.database.transaction() as tx:
        wanted = await store.application(tx, application_id)
        if wanted is None:
            raise NotFound("There is no such application.")
        plan = runner.Plan(
            wanted.base_url,
            profile=wanted.profile,
            config=config,
            seed=seed,
            only=frozenset({only} if only else ()),
            egress=standards.egress,
            clock=standards.clock,
        )
        name, now = new_id(), standards.clock()
        await tx.execute("delete from standards_live_run where started < $1", now - _KEPT)
        await tx.execute(
            "insert into standards_live_run (id, version, only_, total, started, beat) values ($1, $2, $3, $4, $5, $5)",
            name,
            application_id,
            only,
            len(plan.checks()),
            now,
        )
    task = asyncio.create_task(_go(standards, actor, wanted, plan, name, whole=not only))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return name


async def _go(
    standards: Standards, actor: Actor, wanted: Application, plan: runner.Plan, name: str, *, whole: bool
) -> None:
    """Run, writing down what is found as it comes, and how it ended."""
    found: list[CheckResult] = []
    pump = asyncio.create_task(_pump(standards, name, found))
    kept, evidence = None, None
    try:
        if whole:
            decided = await standards.run(
                actor, wanted.id, config=plan.config, seed=plan.seed, progress=found.append
            )
            kept, evidence = decided.run_id, decided.report.evidence
            reasons = "; ".join(decided.decision.reasons)
            outcome = f"refused: {reasons}" if reasons else f"certified, level {decided.decision.level}"
        else:
            report, evidence = await _trial(standards, wanted, plan, found)
            outcome = f"{report}: a check run by itself decides nothing"
    except CarespineError as error:
        outcome = error.message
    except Exception as error:
        _log.exception("a run failed", error=type(error).__name__)
        outcome = "the run failed through our own fault; it is not held against the service"
    finally:
        pump.cancel()
        with suppress(asyncio.CancelledError, Unavailable):
            await pump
    try:
        await _write(standards, name, found, evidence)
        async with standards.database.transaction() as tx:
            await tx.execute(
                "update standards_live_run set ended = $2, outcome = $3, run = $4 where id = $1",
                name,
                standards.clock(),
                outcome,
                kept,
            )
    except (
        Unavailable
    ) as error:  # as when the server ends: whoever watches is told that the run was broken off
        _log.warning("the end of a run was not written down", error=error.message)


async def _trial(
    standards: Standards, wanted: Application, plan: runner.Plan, found: list[CheckResult]
) -> tuple[str, EvidenceLog]:
    """One check again. It takes a place among the runs of this process, and leaves the log as it is."""
    standards.running.add(wanted.id)
    try:
        report = await runner.run(replace(plan, progress=found.append))
    finally:
        standards.running.discard(wanted.id)
    return str(report.verdict), report.evidence


async def _pump(standards: Standards, name: str, found: list[CheckResult]) -> None:
    while True:
        await asyncio.sleep(_BEAT_S)
        await _write(standards, name, found, None)


async def _write(
    standards: Standards, name: str, found: Sequence[CheckResult], evidence: EvidenceLog | None
) -> None:
    trees = [_told(each, evidence) for each in found]
    async with standards.database.transaction() as tx:
        await tx.execute(
            "update standards_live_run set results = $2, beat = $3 where id = $1 and ended is null",
            name,
            json.dumps(trees),
            standards.clock(),
        )


def _told(result: CheckResult, evidence: EvidenceLog | None) -> dict[str, Any]:
    """What a supplier needs of a result; with the evidence, the exchanges behind its first faults."""
    faults = [each.text for each in result.finding.faults[:_MOST_FAULTS]]
    numbers = list(dict.fromkeys(each.exchange for each in result.finding.faults if each.exchange))[
        :_MOST_SHOWN
    ]
    shown = [_exchange(evidence, number) for number in numbers] if evidence else []
    return {
        "check": result.check,
        "requirement": result.requirement,
        "title": result.title,
        "level": result.level,
        "outcome": result.outcome,
        "expected": result.expected,
        "came": result.finding.came,
        "advice": result.advice,
        "faults": faults,
        "exchanges": shown,
    }


def _exchange(evidence: EvidenceLog, number: int) -> dict[str, Any]:
    """An exchange as the evidence has it, secrets masked; its long texts cut."""
    record = evidence.record(number)
    return {"n": number, "text": json.dumps(record, indent=1, ensure_ascii=False)[:_LONGEST_BODY]}


async def find(standards: Standards, application_id: str, name: str) -> LiveRun:
    """The run of this application under that id. Raises NotFound."""
    async with standards.database.connection() as connection:
        row = await connection.fetchrow(
            "select * from standards_live_run where id = $1 and version = $2", name, application_id
        )
    if row is None:
        raise NotFound("There is no such run, or it is older than a day.")
    lost = row["ended"] is None and standards.clock() - row["beat"] > _LOST
    return LiveRun(
        row["id"], row["version"], row["only_"], row["total"], row["started"], row["ended"], lost, row["outcome"],
        row["run"], json.loads(row["results"]),
    )  # fmt: skip
