"""The states of a product version, as a table you can read aloud, and the state at a time, from the log alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """Where a product version stands."""

    APPLIED = "applied"
    TESTING = "testing"
    CERTIFIED = "certified"
    WATCH = "watch"
    REFUSED = "refused"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    """What happens to a product version. The last two happen by themselves when their time has come."""

    APPLY = "apply"
    START = "start"  # a run of checks begins
    CERTIFY = "certify"  # a run passed, a certificate was issued
    REFUSE = "refuse"  # a run failed
    SUSPEND = "suspend"  # for safety or security
    REINSTATE = "reinstate"
    WITHDRAW = "withdraw"
    LAPSE = "lapse"  # a suspension that nobody renewed ends
    EXPIRE = "expire"  # a certificate that nobody renewed ends


# "While ... , after ... it is ...". What is not in the table cannot happen.
TABLE: dict[tuple[State, Event], State] = {
    (State.APPLIED, Event.START): State.TESTING,
    (State.APPLIED, Event.WITHDRAW): State.WITHDRAWN,
    (State.TESTING, Event.START): State.TESTING,  # the run before was cut short
    (State.TESTING, Event.CERTIFY): State.CERTIFIED,
    (State.TESTING, Event.REFUSE): State.REFUSED,
    (State.TESTING, Event.WITHDRAW): State.WITHDRAWN,
    (State.REFUSED, Event.START): State.TESTING,
    (State.REFUSED, Event.WITHDRAW): State.WITHDRAWN,
    (State.CERTIFIED, Event.START): State.CERTIFIED,  # a re-check takes nothing away while it runs
    (State.CERTIFIED, Event.CERTIFY): State.CERTIFIED,
    (State.CERTIFIED, Event.REFUSE): State.WATCH,
    (State.CERTIFIED, Event.SUSPEND): State.SUSPENDED,
    (State.CERTIFIED, Event.WITHDRAW): State.WITHDRAWN,
    (State.CERTIFIED, Event.EXPIRE): State.EXPIRED,
    (State.WATCH, Event.START): State.WATCH,
    (State.WATCH, Event.CERTIFY): State.CERTIFIED,
    (State.WATCH, Event.REFUSE): State.WATCH,
    (State.WATCH, Event.SUSPEND): State.SUSPENDED,
    (State.WATCH, Event.WITHDRAW): State.WITHDRAWN,
    (State.WATCH, Event.EXPIRE): State.EXPIRED,
    (State.SUSPENDED, Event.SUSPEND): State.SUSPENDED,  # renewed
    (State.SUSPENDED, Event.REINSTATE): State.CERTIFIED,
    (State.SUSPENDED, Event.LAPSE): State.CERTIFIED,
    (State.SUSPENDED, Event.WITHDRAW): State.WITHDRAWN,
    (State.SUSPENDED, Event.EXPIRE): State.EXPIRED,
    (State.EXPIRED, Event.START): State.TESTING,
    (State.EXPIRED, Event.WITHDRAW): State.WITHDRAWN,
    (State.WITHDRAWN, Event.APPLY): State.APPLIED,
}

# lifecycle.md, access the platform grants: all certified scopes in these states, none in the others.
ALLOWED = frozenset({State.CERTIFIED, State.WATCH})
# lifecycle.md, certified: certificate 365 days.
CERTIFICATE_LIFETIME = timedelta(days=365)
# lifecycle.md, suspended: lapses at 14 days unless renewed.
SUSPENSION_LIFETIME = timedelta(days=14)


class CannotHappenError(ValueError):
    """The event does not follow from the state; the log stays as it is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log: what happened, when, who did it and why."""

    event: Event
    at: datetime
    who: str
    reason: str
    certificate_id: str | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a product version stands at a time, since when, and what ends it by itself."""

    state: State
    since: datetime
    reason: str
    certificate_id: str | None = None
    certificate_until: datetime | None = None
    lapses: datetime | None = None

    @property
    def allowed(self) -> bool:
        """Whether the platform gives access."""
        return self.state in ALLOWED


def first(entry: Entry) -> Situation:
    """The situation after the first line, which is always an application."""
    if entry.event is not Event.APPLY:
        raise CannotHappenError(f"a log begins with {Event.APPLY}, not with {entry.event}")
    return Situation(State.APPLIED, entry.at, entry.reason)


def after(before: Situation, entry: Entry) -> Situation:
    """The situation after one more line. Raises CannotHappenError where the table has no such line."""
    before = at(before, entry.at)
    state = TABLE.get((before.state, entry.event))
    if state is None:
        raise CannotHappenError(f"{entry.event} cannot follow while a product is {before.state}")
    certificate, until = before.certificate_id, before.certificate_until
    if entry.event is Event.CERTIFY:
        certificate, until = entry.certificate_id, entry.at + CERTIFICATE_LIFETIME
    elif state in {State.APPLIED, State.WITHDRAWN} or (
        state is State.TESTING and before.state is State.EXPIRED
    ):
        certificate, until = None, None
    same = state is before.state and entry.event is Event.START
    return Situation(
        state=state,
        since=before.since if same else entry.at,
        reason=before.reason if same else entry.reason,
        certificate_id=certificate,
        certificate_until=until,
        lapses=entry.at + SUSPENSION_LIFETIME if state is State.SUSPENDED else None,
    )


def at(situation: Situation, now: datetime) -> Situation:
    """The situation at `now`, with whatever has come to its end by itself until then."""
    while True:
        due = [
            (when, event)
            for when, event in ((situation.lapses, Event.LAPSE), (situation.certificate_until, Event.EXPIRE))
            if when is not None and when <= now and (situation.state, event) in TABLE
        ]
        if not due:
            return situation
        when, event = min(due)
        expired = event is Event.EXPIRE
        situation = Situation(
            state=TABLE[situation.state, event],
            since=when,
            reason="the certificate has expired" if expired else "the suspension was not renewed",
            certificate_id=situation.certificate_id,
            certificate_until=None if expired else situation.certificate_until,
        )


def replay(log: Iterable[Entry], *, now: datetime) -> Situation:
    """The situation that the log gives at `now`. Raises CannotHappenError for a log that the table forbids."""
    entries = iter(log)
    beginning = next(entries, None)
    if beginning is None:
        raise CannotHappenError("an empty log says nothing")
    situation = first(beginning)
    for entry in entries:
        situation = after(situation, entry)
    return at(situation, now)
