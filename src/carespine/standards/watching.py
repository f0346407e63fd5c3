"""What monitoring decides: when a product is probed, what its error budget is, and what follows; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from carespine.standards.lifecycle import Situation
from carespine.standards.states import FLAKE_GUARD, MONITOR, Event, State

# Issue of the standards: one run an hour for each service.
EVERY = timedelta(hours=1)
WINDOW = timedelta(days=30)
# NHS England IT standards, availability a month: silver, 99.5 %, where no tier is declared (RE-01).
AVAILABILITY = 0.995
# lifecycle.md, Probes: flake rule, 2 of 3.
_RUNS, _MAJORITY = 3, 2


class Seen(StrEnum):
    """How one probe run ended."""

    UP = "up"
    DOWN = "down"
    FAULT = "fault"
    ERROR = "error"  # the platform's own fault, charged to nobody


_FAILED = frozenset({Seen.DOWN, Seen.FAULT})


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe run. `hour` counts the product's own hours; `ms` is how long it took."""

    hour: int
    at: datetime
    outcome: Seen
    ms: int
    came: str
    head: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """The error budget of the last WINDOW: probe runs that count, runs that may fail, runs that did."""

    runs: int
    allowed: int
    failed: int

    @property
    def left(self) -> int:
        """How many more may fail; negative where it is overspent."""
        return self.allowed - self.failed


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A line for the product's log."""

    event: Event
    reason: str


def hour_of(version: str, now: datetime) -> int:
    """The product's own hour: services are spread over the hour by their ids, so that not all are probed at once."""
    seconds = int(EVERY.total_seconds())
    offset = int.from_bytes(sha256(version.encode()).digest()[:4]) % seconds
    return (int(now.astimezone(UTC).timestamp()) - offset) // seconds


def budget(probes: Sequence[Probe], *, now: datetime) -> Budget:
    """The error budget. It is that of a whole WINDOW from the first day, so that one bad hour of a new product is
    not the end of it.
    """
    counted = [each for each in probes if now - WINDOW < each.at <= now and each.outcome is not Seen.ERROR]
    allowed = int((1 - AVAILABILITY) * (WINDOW / EVERY))
    return Budget(len(counted), allowed, sum(each.outcome in _FAILED for each in counted))


def conclude(probes: Sequence[Probe], situation: Situation, *, now: datetime) -> Conclusion | None:
    """What follows from the probes of the last WINDOW, the oldest first; None where nothing does.

    A failed run of monitoring is a budget that is overspent while the service still fails, or two of the last three
    runs with a fault. It is said once in FLAKE_GUARD; a watch that monitoring began ends after a FLAKE_GUARD in which
    every run was good.
    """
    counted = [each for each in probes if now - WINDOW < each.at <= now and each.outcome is not Seen.ERROR]
    since = [each for each in counted if each.at > situation.since]
    if situation.state is State.WATCH and situation.decided_by == MONITOR:
        if now - situation.since < FLAKE_GUARD:
            return None
        lately = [each for each in since if each.at > now - FLAKE_GUARD]
        enough = len(lately) >= FLAKE_GUARD / EVERY - _RUNS
        if enough and all(each.outcome is Seen.UP for each in lately):
            return Conclusion(Event.RECOVER, "every probe of the last day was answered as required")
    elif situation.state not in (State.CERTIFIED, State.WATCH):
        return None
    if situation.state is State.WATCH and now - situation.since < FLAKE_GUARD:
        return None
    return _failed(counted, budget(probes, now=now))


def _failed(counted: Sequence[Probe], spent: Budget) -> Conclusion | None:
    last = counted[-_RUNS:]
    faults = [each for each in last if each.outcome is Seen.FAULT]
    if len(faults) >= _MAJORITY:
        return Conclusion(Event.REFUSE, f"{len(faults)} of the last {len(last)} probes: {faults[-1].came}")
    if spent.left < 0 and last and last[-1].outcome is Seen.DOWN:
        words = f"{spent.failed} of {spent.runs} hourly probes of the last {WINDOW.days} days failed"
        return Conclusion(Event.REFUSE, f"{words}; {AVAILABILITY:.1%} availability allows {spent.allowed}")
    return None


@dataclass(frozen=True, slots=True)
class Notice:
    """What a health body is told, once in each `period`."""

    state: State
    period: str
    text: str


_TOLD = {
    State.NONCONFORMITY: "does not meet a standard",
    State.CAP_AGREED: "is putting faults right by an agreed plan",
    State.RESTRICTED: "is restricted: it may come to no new places",
    State.PHASING_OUT: "is being phased out",
    State.EXPORT_ONLY: "may only be read from and exported",
    State.SUSPENDED: "is suspended and gets no access",
    State.EXPIRED: "has no certificate any more and gets no access",
    State.WITHDRAWN: "is withdrawn",
}


def notice(product: str, situation: Situation, *, now: datetime) -> Notice | None:
    """What the sites of a product are to be told now: each change for the worse, and a phase-out every week."""
    words = _TOLD.get(situation.state)
    if words is None:
        return None
    period = situation.since.astimezone(UTC).isoformat()
    if situation.state is State.PHASING_OUT:
        period += f"/{(now - situation.since) // timedelta(weeks=1)}"
    until = situation.deadline or situation.lapses
    ends = f" This ends on {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC." if until else ""
    return Notice(situation.state, period, f"{product} {words}: {situation.reason}.{ends}")
