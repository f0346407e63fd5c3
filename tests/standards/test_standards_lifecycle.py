"""The states and their laws: nothing happens that the table does not say, and the log says it all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.standards import lifecycle
from carespine.standards.lifecycle import CannotHappenError, Entry, Event, State

BEGIN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
BY_ITSELF = {Event.LAPSE, Event.EXPIRE}
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


CERTIFIED = ((Event.APPLY, 0), (Event.START, 1), (Event.CERTIFY, 2))


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
        ((*CERTIFIED, (Event.SUSPEND, 360)), 2 + 365, State.EXPIRED, False),
        ((*CERTIFIED, (Event.START, 368)), 369, State.TESTING, False),
        ((*CERTIFIED, (Event.WITHDRAW, 3)), 4, State.WITHDRAWN, False),
        ((*CERTIFIED, (Event.WITHDRAW, 3), (Event.APPLY, 4)), 5, State.APPLIED, False),
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
        ((*CERTIFIED, (Event.WITHDRAW, 3), (Event.REINSTATE, 4))),
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
        onward = {after for (before, _), after in lifecycle.TABLE.items() if before is here}
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
