"""The states and their laws: nothing happens that the table does not say, and the log says it all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.standards import lifecycle
from carespine.standards.access import Reach
from carespine.standards.lifecycle import CannotHappenError, Entry, Event, State

BEGIN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
BY_ITSELF = lifecycle.BY_ITSELF
steps = st.lists(
    st.tuples(
        st.sampled_from([each for each in Event if each not in BY_ITSELF]), st.integers(0, 40 * 86_400)
    ),
    max_size=40,
)


def day(number: float) -> datetime:
    return BEGIN + timedelta(days=number)


def log(*events: tuple[Event, float]) -> list[Entry]:
    return [
        Entry(
            event, day(at), "somebody", f"{event} for a reason", f"c{n}" if event is Event.CERTIFY else None
        )
        for n, (event, at) in enumerate(events)
    ]


APPLIED = ((Event.APPLY, 0),)
CERTIFIED = ((Event.APPLY, 0), (Event.START, 1), (Event.CERTIFY, 2))
FOUND = (*CERTIFIED, (Event.FIND, 3))
AGREED = (*FOUND, (Event.AGREE, 20))
FAILED_TWICE = (*CERTIFIED, (Event.REFUSE, 3), (Event.REFUSE, 4))


@pytest.mark.parametrize(
    ("events", "at", "state", "allowed"),
    [
        (((Event.APPLY, 0),), 1, State.APPLIED, False),
        (((Event.APPLY, 0), (Event.START, 1)), 2, State.TESTING, False),
        (((Event.APPLY, 0), (Event.START, 1), (Event.REFUSE, 2)), 3, State.REFUSED, False),
        (CERTIFIED, 3, State.CERTIFIED, True),
        ((*CERTIFIED, (Event.START, 3)), 4, State.CERTIFIED, True),
        ((*CERTIFIED, (Event.START, 3), (Event.REFUSE, 3)), 4, State.WATCH, True),
        ((*CERTIFIED, (Event.START, 3), (Event.REFUSE, 3), (Event.CERTIFY, 5)), 6, State.CERTIFIED, True),
        ((*CERTIFIED, (Event.SUSPEND, 3)), 3, State.SUSPENDED, False),
        ((*CERTIFIED, (Event.SUSPEND, 3)), 16.999, State.SUSPENDED, False),
        ((*CERTIFIED, (Event.SUSPEND, 3)), 17, State.CERTIFIED, True),
        ((*CERTIFIED, (Event.SUSPEND, 3), (Event.SUSPEND, 10)), 23, State.SUSPENDED, False),
        ((*CERTIFIED, (Event.SUSPEND, 3), (Event.REINSTATE, 4)), 5, State.CERTIFIED, True),
        (CERTIFIED, 2 + 365 - 0.001, State.CERTIFIED, True),
        (CERTIFIED, 2 + 365, State.EXPIRED, False),
        ((*CERTIFIED, (Event.SUSPEND, 360)), 2 + 365, State.SUSPENDED, False),
        ((*CERTIFIED, (Event.SUSPEND, 360)), 374, State.EXPIRED, False),
        ((*CERTIFIED, (Event.START, 368)), 369, State.TESTING, False),
        ((*APPLIED, (Event.WITHDRAW, 3)), 4, State.WITHDRAWN, False),
        ((*APPLIED, (Event.WITHDRAW, 3), (Event.APPLY, 4)), 5, State.APPLIED, False),
        ((*CERTIFIED, (Event.REFUSE, 3), (Event.REFUSE, 3.9)), 4, State.WATCH, True),
        ((*CERTIFIED, (Event.REFUSE, 3), (Event.REFUSE, 4)), 4, State.NONCONFORMITY, True),
        (FOUND, 3 + 28 - 0.001, State.NONCONFORMITY, True),
        (FOUND, 3 + 28, State.RESTRICTED, True),
        ((*FOUND, (Event.REPLY, 20)), 3 + 30 - 0.001, State.NONCONFORMITY, True),
        ((*FOUND, (Event.REPLY, 20)), 3 + 30, State.RESTRICTED, True),
        (AGREED, 20 + 90 - 0.001, State.CAP_AGREED, True),
        (AGREED, 20 + 90, State.RESTRICTED, True),
        ((*AGREED, (Event.EXTEND, 100)), 20 + 135 - 0.001, State.CAP_AGREED, True),
        ((*AGREED, (Event.EXTEND, 100)), 20 + 135, State.RESTRICTED, True),
        ((*FOUND, (Event.START, 5), (Event.CERTIFY, 6)), 7, State.NONCONFORMITY, True),
        ((*FOUND, (Event.START, 5), (Event.CERTIFY, 6), (Event.CLOSE, 7)), 8, State.CERTIFIED, True),
        ((*FOUND, (Event.START, 5), (Event.CERTIFY, 6)), 3 + 28, State.RESTRICTED, True),
        ((*AGREED, (Event.START, 50), (Event.CERTIFY, 51)), 52, State.CAP_AGREED, True),
        ((*AGREED, (Event.START, 50), (Event.CERTIFY, 51), (Event.CLOSE, 52)), 53, State.CERTIFIED, True),
        ((*AGREED, (Event.RESTRICT, 50), (Event.CERTIFY, 51)), 52, State.RESTRICTED, True),
        ((*FAILED_TWICE, (Event.START, 5), (Event.CERTIFY, 6)), 7, State.CERTIFIED, True),
        ((*FAILED_TWICE, (Event.RESTRICT, 5), (Event.CERTIFY, 6)), 7, State.RESTRICTED, True),
        (AGREED, 20 + 90 + 60, State.PHASING_OUT, True),
        (AGREED, 20 + 90 + 60 + 365 - 0.001, State.PHASING_OUT, True),
        (AGREED, 20 + 90 + 60 + 365, State.EXPORT_ONLY, True),
        ((*AGREED, (Event.WITHDRAW, 20 + 90 + 60 + 365 + 30)), 600, State.WITHDRAWN, False),
        ((*AGREED, (Event.SUSPEND, 30)), 44, State.CAP_AGREED, True),
        ((*AGREED, (Event.SUSPEND, 105)), 119, State.RESTRICTED, True),
    ],
)
def test_where_a_product_stands(events, at, state, allowed):
    found = lifecycle.replay(log(*events), now=day(at))

    assert (found.state, found.allowed) == (state, allowed)
    assert found.reason


@pytest.mark.parametrize(
    "events",
    [
        (),
        ((Event.CERTIFY, 0),),
        ((Event.APPLY, 0), (Event.CERTIFY, 1)),
        ((Event.APPLY, 0), (Event.SUSPEND, 1)),
        ((*CERTIFIED, (Event.REINSTATE, 3))),
        ((*APPLIED, (Event.WITHDRAW, 3), (Event.REINSTATE, 4))),
        ((*CERTIFIED, (Event.WITHDRAW, 3))),
        ((*AGREED, (Event.WITHDRAW, 20 + 90 + 60 + 365 + 29))),
        ((*AGREED, (Event.EXTEND, 30), (Event.EXTEND, 31))),
        ((*AGREED, (Event.APPEAL, 49))),
        ((*FOUND, (Event.CLOSE, 4))),
        ((*FAILED_TWICE, (Event.CLOSE, 5))),
        ((*FOUND, (Event.UPHOLD, 4))),
        ((*FOUND, (Event.HOLD, 4))),
        ((*CERTIFIED, (Event.LAPSE, 4))),
        ((*CERTIFIED, (Event.OVERDUE, 4))),
        ((*CERTIFIED, (Event.SUSPEND, 3), (Event.CERTIFY, 4))),
        ((*CERTIFIED, (Event.SUSPEND, 400))),
    ],
)
def test_what_the_table_does_not_say_cannot_happen(events):
    with pytest.raises(CannotHappenError):
        lifecycle.replay(log(*events), now=day(1000))


def test_no_state_is_a_trap_and_every_state_can_be_reached():
    reached, frontier = {State.APPLIED}, [State.APPLIED]
    while frontier:
        here = frontier.pop()
        onward = {after for (before, _), after in lifecycle.TABLE.items() if before is here and after}
        assert onward, here
        frontier += onward - reached
        reached |= onward
    assert reached == set(State)


def played(wanted: list[tuple[Event, int]]) -> list[Entry]:
    """A log of those of the wanted events that can happen, each some seconds after the one before."""
    entries = log((Event.APPLY, 0))
    for number, (event, seconds) in enumerate(wanted):
        at = entries[-1].at + timedelta(seconds=seconds)
        certificate = f"c{number}" if event is Event.CERTIFY else None
        entry = Entry(event, at, "somebody", str(event), certificate)
        try:
            lifecycle.replay([*entries, entry], now=at)
        except CannotHappenError:
            continue
        entries.append(entry)
    return entries


@given(steps, st.integers(0, 500))
def test_access_always_rests_on_a_certificate_in_force(wanted, later):
    entries = played(wanted)
    now = entries[-1].at + timedelta(days=later)
    found = lifecycle.replay(entries, now=now)

    if found.allowed:
        assert found.certificate_id is not None
    if found.state in {State.CERTIFIED, State.WATCH}:
        assert found.certificate_until is not None
        assert now < found.certificate_until
        issued = next(each for each in entries if each.certificate_id == found.certificate_id)
        assert found.certificate_until == issued.at + lifecycle.CERTIFICATE_LIFETIME
    if found.state is State.SUSPENDED:
        assert found.lapses is not None
        assert now < found.lapses


@given(steps)
def test_suspension_and_withdrawal_bite_in_the_same_instant(wanted):
    entries = played(wanted)

    for place, entry in enumerate(entries):
        if entry.event in {Event.SUSPEND, Event.WITHDRAW}:
            assert not lifecycle.replay(entries[: place + 1], now=entry.at).allowed


@given(steps, st.integers(0, 500))
def test_replaying_all_at_once_and_line_by_line_agree(wanted, later):
    entries = played(wanted)
    now = entries[-1].at + timedelta(days=later)
    situation = lifecycle.first(entries[0])
    for entry in entries[1:]:
        situation = lifecycle.after(lifecycle.at(situation, entry.at), entry)

    assert lifecycle.at(situation, now) == lifecycle.replay(entries, now=now)


def entry(event: Event, at: float, *, who: str = "somebody", **more: object) -> Entry:
    return replace(Entry(event, day(at), who, "a reason"), **more)


def test_a_failed_appeal_does_not_cost_the_supplier_the_time_it_took():
    found = [*log(*FOUND), entry(Event.APPEAL, 10), entry(Event.UPHOLD, 30, who="another")]

    assert lifecycle.replay(found, now=day(3 + 28 + 20 - 0.001)).state is State.NONCONFORMITY
    assert lifecycle.replay(found, now=day(3 + 28 + 20)).state is State.RESTRICTED


def test_an_appeal_about_safety_stays_nothing():
    found = [*log(*CERTIFIED), entry(Event.FIND, 3, severity=1), entry(Event.APPEAL, 4)]

    assert lifecycle.replay(found, now=day(3 + 3)).state is State.RESTRICTED


def test_a_successful_appeal_restores_what_was_before():
    found = [*log(*FOUND), entry(Event.APPEAL, 10), entry(Event.OVERTURN, 30, who="another")]

    assert lifecycle.replay(found, now=day(31)).state is State.CERTIFIED


def test_nobody_decides_an_appeal_against_themselves():
    found = [*log(*FOUND), entry(Event.APPEAL, 10), entry(Event.OVERTURN, 30)]

    with pytest.raises(CannotHappenError, match="other people"):
        lifecycle.replay(found, now=day(31))


def test_an_appeal_that_nobody_decides_stays_the_decision_for_28_days_and_no_longer():
    leaving = [*log(*CERTIFIED), entry(Event.PHASE_OUT, 10, until=day(10 + 180)), entry(Event.APPEAL, 12)]

    assert lifecycle.replay(leaving, now=day(13)).sunset == day(190 + 28)
    assert lifecycle.replay(leaving, now=day(190 + 28 - 0.001)).state is State.PHASING_OUT
    assert lifecycle.replay(leaving, now=day(190 + 28)).state is State.EXPORT_ONLY
    late = [*leaving, entry(Event.UPHOLD, 100, who="another")]
    assert lifecycle.replay(late, now=day(101)).due == day(190 + 28)


@pytest.mark.parametrize("stopped", [((Event.SUSPEND, 3),), ((Event.START, 3),)])
def test_a_phase_out_of_what_had_no_access_gives_back_no_more_than_export(stopped):
    before = [*log(*CERTIFIED, *stopped)]
    begun = entry(Event.PHASE_OUT, 5 if stopped[0][0] is Event.SUSPEND else 370)

    found = lifecycle.replay([*before, begun], now=begun.at)

    assert (found.state, found.access.reach, found.access.new_sites) == (
        State.PHASING_OUT, Reach.EXPORT, False
    )  # fmt: skip
    resumed = [*before, begun, replace(begun, event=Event.SUSPEND), replace(begun, event=Event.REINSTATE)]
    assert lifecycle.replay(resumed, now=begun.at).access.reach is Reach.EXPORT


@pytest.mark.parametrize("event", [Event.HOLD, Event.PHASE_OUT])
def test_a_time_without_a_zone_is_refused_in_words(event):
    naive = entry(event, 4, until=day(300).replace(tzinfo=None), second="another")

    with pytest.raises(CannotHappenError, match="names its zone"):
        lifecycle.replay([*log(*FOUND), naive], now=day(5))


def test_an_emergency_hold_stops_the_calendar_and_ends():
    held = entry(Event.HOLD, 100, until=day(180), second="another")

    found = [*log(*AGREED), held]

    assert lifecycle.replay(found, now=day(180 - 0.001)).state is State.CAP_AGREED
    assert lifecycle.replay(found, now=day(180)).state is State.RESTRICTED


@pytest.mark.parametrize(
    ("severity", "days", "possible"),
    [(1, 29, False), (1, 30, True), (2, 179, False), (2, 180, True), (3, 400, True)],
)
def test_a_phase_out_is_never_shorter_than_the_rule_allows(severity, days, possible):
    found = [*log(*CERTIFIED), entry(Event.PHASE_OUT, 10, severity=severity, until=day(10 + days))]

    if not possible:
        with pytest.raises(CannotHappenError, match="at least"):
            lifecycle.replay(found, now=day(10))
        return
    assert lifecycle.replay(found, now=day(10 + days) - timedelta(microseconds=1)).state is State.PHASING_OUT
    assert lifecycle.replay(found, now=day(10 + days)).state is State.EXPORT_ONLY
    assert lifecycle.replay(found, now=day(11)).sunset == day(10 + days)


@given(steps, st.integers(0, 800))
def test_nothing_is_withdrawn_that_ever_was_certified_without_a_month_of_export(wanted, later):
    entries = played(wanted)
    now = entries[-1].at + timedelta(days=later)
    if lifecycle.replay(entries, now=now).state is not State.WITHDRAWN:
        return
    last = max((each for each in entries if each.event is Event.WITHDRAW), key=lambda each: each.at)
    past = entries[: entries.index(last)]
    lives = [number for number, each in enumerate(past) if each.event is Event.APPLY]
    if any(each.event is Event.CERTIFY for each in past[lives[-1] :]):
        before = lifecycle.replay(past, now=last.at)
        assert before.state is State.EXPORT_ONLY
        assert last.at - before.since >= timedelta(days=30)


@given(steps)
def test_access_never_grows_by_itself_but_by_the_end_of_a_suspension(wanted):
    entries = played(wanted)
    found = lifecycle.replay(entries, now=entries[-1].at)
    order = list(Reach)
    for days in range(0, 900, 7):
        later = lifecycle.at(found, found.since + timedelta(days=days))
        if found.state is not State.SUSPENDED:
            assert order.index(later.access.reach) >= order.index(found.access.reach)
