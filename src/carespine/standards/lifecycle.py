"""Where a product version stands at a time: computed from its log alone, never from a row that somebody changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from carespine.standards.access import ACCESS, ALLOWED, Access, Reach
from carespine.standards.states import (
    APPEAL_TIME,
    BY_ITSELF,
    CERTIFICATE_LIFETIME,
    DECIDING_TIME,
    EXPORT_TIME,
    EXPORT_TIME_OF_RECORDS,
    EXTENSION,
    FIX_TIME,
    FLAKE_GUARD,
    HOLD_MOST,
    MONITOR,
    PHASE_OUT_LEAST,
    PHASE_OUT_TIME,
    PLAN_TIME,
    RECORD_PROFILES,
    REPLY_TIME,
    RESTRICTED_TIME,
    SUSPENSION_LIFETIME,
    TABLE,
    Event,
    State,
)

__all__ = [
    "ALLOWED",
    "BY_ITSELF",
    "CERTIFICATE_LIFETIME",
    "SUSPENSION_LIFETIME",
    "TABLE",
    "CannotHappenError",
    "Entry",
    "Event",
    "Situation",
    "State",
    "after",
    "at",
    "first",
    "replay",
]

_WORDS = {
    Event.EXPIRE: "the certificate has expired",
    Event.LAPSE: "the suspension was not renewed",
    Event.OVERDUE: "a deadline has passed",
}
# Severity where a decision names none: neither the shortest nor the longest deadlines. Ours.
_USUAL_SEVERITY = 2
_FRESH = frozenset({State.APPLIED, State.WITHDRAWN})
_OPEN_CASE = frozenset({State.NONCONFORMITY, State.CAP_AGREED, State.RESTRICTED})
_WITHOUT_ACCESS = frozenset({State.SUSPENDED, State.EXPIRED})


class CannotHappenError(ValueError):
    """The event does not follow from the state; the log stays as it is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log: what happened, when, who did it and why.

    `severity` (1 to 3) goes with a finding, a suspension or a phase-out; `until` with a hold, a phase-out, or a
    certificate that rests on a waiver;
    `second` is the other person where a decision needs two; `profile` is what an application is for.
    """

    event: Event
    at: datetime
    who: str
    reason: str
    certificate_id: str | None = None
    severity: int | None = None
    until: datetime | None = None
    second: str | None = None
    profile: str | None = None

    def __post_init__(self) -> None:
        """Deadlines are counted in UTC: days in a zone with summer time are not all of 24 hours."""
        for name in ("at", "until"):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.tzinfo is not None:
                object.__setattr__(self, name, moment.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a product version stands at a time, since when, and what ends it by itself.

    `due` is when the state's own deadline passes; `lapses` when a suspension ends; `before` is the situation to
    which a suspension or an overturned decision returns. `found` says that the case is one of the authority's own,
    which no run of checks closes; `passed` is when a run last passed meanwhile. `confined` is a phase-out that began
    without access: it gives no more than is needed to move the data. `keeps_records`: moving out takes longer.
    """

    state: State
    since: datetime
    reason: str
    certificate_id: str | None = None
    certificate_until: datetime | None = None
    lapses: datetime | None = None
    due: datetime | None = None
    severity: int = _USUAL_SEVERITY
    decided_by: str = ""
    replied: bool = False
    extended: bool = False
    appealed: datetime | None = None
    found: bool = False
    passed: datetime | None = None
    confined: bool = False
    keeps_records: bool = False
    before: Situation | None = None

    @property
    def access(self) -> Access:
        """What the platform grants."""
        granted = ACCESS[self.state]
        return replace(granted, reach=Reach.EXPORT) if self.confined else granted

    @property
    def allowed(self) -> bool:
        """Whether the platform gives access."""
        return self.access.allowed

    @property
    def sunset(self) -> datetime | None:
        """The moment from which nothing but export is answered, where it is known."""
        return self.deadline if self.state is State.PHASING_OUT else None

    @property
    def deadline(self) -> datetime | None:
        """When the state's deadline passes if nothing is decided until then: an appeal stays it for its time.

        Severity 1 is not stayed.
        """
        if self.due is None or self.appealed is None or self.severity == 1:
            return self.due
        return self.due + DECIDING_TIME


def first(entry: Entry) -> Situation:
    """The situation after the first line, which is always an application."""
    if entry.event is not Event.APPLY:
        raise CannotHappenError(f"a log begins with {Event.APPLY}, not with {entry.event}")
    return Situation(State.APPLIED, entry.at, entry.reason, keeps_records=entry.profile in RECORD_PROFILES)


def after(before: Situation, entry: Entry) -> Situation:
    """The situation after one more line. Raises CannotHappenError where the table has no such line."""
    before = at(before, entry.at)
    if entry.event in BY_ITSELF:
        raise CannotHappenError(f"{entry.event} happens by itself and is not written into the log")
    if (before.state, entry.event) not in TABLE:
        raise CannotHappenError(f"{entry.event} cannot follow while a product is {before.state}")
    if reason := _why_not(before, entry):
        raise CannotHappenError(reason)
    target = TABLE[before.state, entry.event]
    if target is None:
        return _as_before(before, entry)
    if target is before.state or _too_soon(before, entry) or _closes_by_run(before, entry):
        return _stayed(before, entry)
    return _moved(before, target, entry)


def _why_not(before: Situation, entry: Entry) -> str | None:
    """What forbids a step that the table allows."""
    if (unreadable := _unreadable(entry)) is not None:
        return unreadable
    match entry.event:
        case Event.CLOSE if before.passed is None:
            return "a run of the checks has to pass before the finding is closed"
        case Event.RECOVER if before.decided_by != MONITOR:
            return "a full run of the checks ends this watch"
        case Event.EXTEND if before.extended:
            return "a plan is extended once"
        case Event.APPEAL | Event.UPHOLD | Event.OVERTURN:
            return _why_no_appeal(before, entry)
        case Event.HOLD if not entry.second or entry.second == entry.who:
            return "an emergency hold needs two people"
        case Event.HOLD if entry.until is None or not entry.at < entry.until <= entry.at + HOLD_MOST:
            return f"an emergency hold ends, within {HOLD_MOST.days} days"
        case Event.PHASE_OUT if entry.until is not None:
            least = PHASE_OUT_LEAST[entry.severity or before.severity]
            return f"a phase-out lasts at least {least.days} days" if entry.until < entry.at + least else None
        case Event.WITHDRAW if before.deadline is not None and entry.at < before.deadline:
            return f"export stays possible until {before.deadline:%Y-%m-%d %H:%M} UTC"
    return None


def _why_no_appeal(before: Situation, entry: Entry) -> str | None:
    """What forbids a step of an appeal."""
    match entry.event:
        case Event.APPEAL if before.appealed:
            return "an appeal has been lodged already"
        case Event.APPEAL if entry.at > before.since + APPEAL_TIME:
            return f"an appeal is lodged within {APPEAL_TIME.days} days of the decision"
        case Event.UPHOLD | Event.OVERTURN if before.appealed is None:
            return "there is no appeal to decide"
        case Event.UPHOLD | Event.OVERTURN if entry.who == before.decided_by:
            return "an appeal is decided by other people than the decision was"
    return None


def _unreadable(entry: Entry) -> str | None:
    """What is wrong with a line by itself."""
    if entry.until is not None and entry.until.tzinfo is None:
        return "the time until which it holds names its zone"
    if entry.severity is not None and entry.severity not in FIX_TIME:
        return "a severity is 1, 2 or 3"
    return None


def _too_soon(before: Situation, entry: Entry) -> bool:
    """A second failed run within a day confirms nothing (lifecycle.md: two failed runs at least 24 h apart)."""
    watched = before.state is State.WATCH and entry.event is Event.REFUSE
    return watched and entry.at - before.since < FLAKE_GUARD


def _closes_by_run(before: Situation, entry: Entry) -> bool:
    """Whether a run that passed would end what the authority found itself: probes do not see everything."""
    return entry.event is Event.CERTIFY and before.found and before.state in _OPEN_CASE


def _stayed(before: Situation, entry: Entry) -> Situation:
    """The state is the same; some lines change what goes with it."""
    match entry.event:
        case Event.CERTIFY if before.state in _OPEN_CASE:
            until = _certified_until(entry)
            return replace(
                before, certificate_id=entry.certificate_id, certificate_until=until, passed=entry.at
            )
        case Event.SUSPEND:
            return replace(before, since=entry.at, reason=entry.reason, lapses=entry.at + SUSPENSION_LIFETIME)
        case Event.CERTIFY:
            return replace(
                before,
                since=entry.at,
                reason=entry.reason,
                certificate_id=entry.certificate_id,
                certificate_until=_certified_until(entry),
            )
        case Event.REFUSE if before.state is State.WATCH and entry.who != MONITOR:
            return replace(before, decided_by=entry.who)
        case Event.REPLY:
            planned = before.since + PLAN_TIME
            return replace(before, replied=True, due=max(before.due or planned, planned))
        case Event.EXTEND:
            more = FIX_TIME[before.severity] * EXTENSION
            return replace(before, extended=True, due=(before.due or entry.at) + more)
        case Event.APPEAL:
            return replace(before, appealed=entry.at)
        case Event.UPHOLD:
            return replace(before, appealed=None, due=_paused(before, entry.at))
        case Event.HOLD if before.due is not None and entry.until is not None:
            return replace(before, due=max(before.due, entry.until))
    return before


def _certified_until(entry: Entry) -> datetime:
    """A certificate that rests on a waiver ends with it."""
    until = entry.at + CERTIFICATE_LIFETIME
    return min(until, entry.until) if entry.until else until


def _paused(before: Situation, now: datetime) -> datetime | None:
    """An appeal stays the decision, severity 1 excepted: the time it took does not count."""
    if before.due is None or before.appealed is None or before.severity == 1:
        return before.due
    return before.due + min(now - before.appealed, DECIDING_TIME)


def _as_before(before: Situation, entry: Entry) -> Situation:
    """A suspension is lifted, or an appeal succeeds."""
    return at(_resumed(before, entry.at, entry.reason), entry.at)


def _resumed(situation: Situation, when: datetime, reason: str) -> Situation:
    """The situation before the decision that fell. What fell due meanwhile falls due now: no clock runs backwards."""
    earlier = situation.before
    if earlier is None:
        raise CannotHappenError("there is no situation to return to")
    due = max(earlier.due, when) if earlier.due else None
    return replace(earlier, since=when, reason=reason, due=due)


def _moved(before: Situation, state: State, entry: Entry) -> Situation:
    severity = entry.severity or (before.severity if state not in _FRESH else _USUAL_SEVERITY)
    certificate, until = before.certificate_id, before.certificate_until
    if entry.event is Event.CERTIFY:
        certificate, until = entry.certificate_id, _certified_until(entry)
    elif state in _FRESH or (state is State.TESTING and before.state is State.EXPIRED):
        certificate, until = None, None
    found = Situation(
        state=state,
        since=entry.at,
        reason=entry.reason,
        certificate_id=certificate,
        certificate_until=until,
        lapses=entry.at + SUSPENSION_LIFETIME if state is State.SUSPENDED else None,
        severity=severity if state is not State.CERTIFIED else _USUAL_SEVERITY,
        decided_by=entry.who,
        found=state in _OPEN_CASE and (before.found or entry.event in (Event.FIND, Event.RESTRICT)),
        passed=before.passed if state in _OPEN_CASE else None,
        confined=entry.event is Event.PHASE_OUT and before.state in _WITHOUT_ACCESS,
        keeps_records=before.keeps_records,
        before=None if state in _FRESH else replace(before, before=_kept(before)),
    )
    return replace(found, due=entry.until if entry.event is Event.PHASE_OUT and entry.until else _due(found))


def _kept(situation: Situation) -> Situation | None:
    """A suspended product is again what it was; of other pasts one step is enough."""
    return situation.before if situation.state is State.SUSPENDED else None


def _due(situation: Situation) -> datetime | None:
    """When the state's own deadline passes."""
    lasting: timedelta | None = {
        State.NONCONFORMITY: REPLY_TIME[situation.severity],
        State.CAP_AGREED: FIX_TIME[situation.severity],
        State.RESTRICTED: RESTRICTED_TIME,
        State.PHASING_OUT: PHASE_OUT_TIME[situation.severity],
        State.EXPORT_ONLY: EXPORT_TIME_OF_RECORDS if situation.keeps_records else EXPORT_TIME,
    }.get(situation.state)
    return situation.since + lasting if lasting else None


def at(situation: Situation, now: datetime) -> Situation:
    """The situation at `now`, with whatever has come to its end by itself until then."""
    while coming := [each for each in _coming(situation) if each[0] <= now]:
        when, event = min(coming)
        situation = _by_itself(situation, event, max(when, situation.since))
    return situation


def _coming(situation: Situation) -> list[tuple[datetime, Event]]:
    dates = (
        (situation.lapses, Event.LAPSE),
        (situation.certificate_until, Event.EXPIRE),
        (situation.deadline, Event.OVERDUE),
    )
    return [(when, event) for when, event in dates if when and (situation.state, event) in TABLE]


def _by_itself(situation: Situation, event: Event, when: datetime) -> Situation:
    target = TABLE[situation.state, event]
    if target is None:
        return _resumed(situation, when, _WORDS[event])
    moved = _moved(situation, target, Entry(event, when, "the calendar", _WORDS[event]))
    return replace(moved, certificate_until=None) if event is Event.EXPIRE else moved


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
