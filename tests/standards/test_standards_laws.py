"""The laws of "Done means" over any log: nothing is lost, no access outlives its time, every day is exact."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from register_stage import Clock

from carespine.kernel.errors import Unauthenticated
from carespine.security.access_tokens import ACCESS_TOKEN_LIFE_S, AccessTokens
from carespine.standards import gates, lifecycle, states
from carespine.standards.access import Reach
from carespine.standards.gates import Facts, Override, Part, Site
from carespine.standards.lifecycle import CannotHappenError, Entry, Event, Situation, State

LONDON = ZoneInfo("Europe/London")
# Around the clock changes and 29 February of 2024 and 2028, and anywhere between.
begins = st.one_of(
    st.sampled_from(
        [
            datetime.fromisoformat(each)
            for each in ("2027-03-28T00:59:59", "2027-10-31T01:30", "2028-02-29", "2027-02-28")
        ]
    ),
    st.datetimes(datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2032-01-01")),
)
zones = st.sampled_from(
    [UTC, LONDON, timezone(timedelta(hours=14)), timezone(timedelta(hours=-11, minutes=-30))]
)
EVENTS = [each for each in Event if each not in lifecycle.BY_ITSELF]
steps = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.integers(0, 120 * 86_400), st.sampled_from([1, 2, 3, None])),
    max_size=30,
)


def certified(at: datetime) -> list[Entry]:
    return [
        Entry(Event.APPLY, at, "supplier", "applied"),
        Entry(Event.START, at, "supplier", "began"),
        Entry(Event.CERTIFY, at, "Carespine", "met", "c"),
    ]


def played(begun: datetime, asked) -> list[Entry]:
    """The log that these steps make, those left out that may not follow."""
    log = certified(begun)
    last, now = lifecycle.replay(log, now=begun), begun
    for number, (event, seconds, severity) in enumerate(asked):
        now += timedelta(seconds=seconds)
        until = now + timedelta(days=80) if event is Event.HOLD else None
        entry = Entry(event, now, f"person {number % 3}", "why", f"c{number}", severity, until, "another")
        try:
            last = lifecycle.after(last, entry)
        except CannotHappenError:
            continue
        log.append(entry)
    return log


@settings(deadline=None)
@given(begins, zones, zones, st.sampled_from([1, 2, 3]))
def test_a_phase_out_is_exact_whatever_clocks_and_calendars_do(begun, zone, reader, severity):
    at = begun.replace(tzinfo=zone).astimezone(UTC)
    log = [*certified(at), Entry(Event.PHASE_OUT, begun.replace(tzinfo=zone), "a", "why", severity=severity)]
    due = at + states.PHASE_OUT_TIME[severity]

    def stands(moment: datetime) -> Situation:
        return lifecycle.replay(log, now=moment.astimezone(reader))

    tick = timedelta(microseconds=1)
    assert stands(due - tick).state is State.PHASING_OUT
    assert stands(due).state is State.EXPORT_ONLY
    sunset = stands(due - tick).sunset
    assert sunset == due
    assert (sunset.astimezone(UTC) - at).days == states.PHASE_OUT_TIME[severity].days


@settings(deadline=None)
@given(begins, st.integers(1, 3600))
def test_a_reader_whose_clock_is_wrong_is_wrong_by_no_more_than_that(begun, skew):
    at = begun.replace(tzinfo=UTC)
    log = [*certified(at), Entry(Event.PHASE_OUT, at, "a", "why", severity=2)]
    due = at + states.PHASE_OUT_TIME[2]
    wrong = timedelta(seconds=skew)
    assert lifecycle.replay(log, now=due - wrong).state is State.PHASING_OUT
    assert lifecycle.replay(log, now=due + wrong).state is State.EXPORT_ONLY


@settings(deadline=None)
@given(begins, steps, st.integers(0, 500))
def test_replaying_any_log_from_its_beginning_gives_the_state_that_was_reached(begun, asked, later):
    begun = begun.replace(tzinfo=UTC)
    log = played(begun, asked)
    last = lifecycle.first(log[0])
    for number, entry in enumerate(log[1:], start=2):
        last = lifecycle.after(last, entry)
        assert lifecycle.replay(log[:number], now=entry.at) == last
    then = log[-1].at + timedelta(days=later)
    assert lifecycle.replay(log, now=then) == lifecycle.at(last, then)
    assert lifecycle.replay(log, now=then) == lifecycle.replay(list(log), now=then.astimezone(LONDON))


@settings(deadline=None)
@given(begins, steps)
def test_a_product_that_had_access_is_withdrawn_out_of_export_only_and_not_before_its_time(begun, asked):
    """WITHDRAWN is reached by that one door, or by products that never were let in; gates.py guards the door."""
    log = played(begun.replace(tzinfo=UTC), asked)
    last = lifecycle.first(log[0])
    for entry in log[1:]:
        before, last = lifecycle.at(last, entry.at), lifecycle.after(last, entry)
        if entry.event is Event.WITHDRAW:
            assert before.state in {State.EXPORT_ONLY, State.APPLIED, State.TESTING, State.REFUSED}
            if before.state is State.EXPORT_ONLY:
                assert entry.at - before.since >= states.EXPORT_TIME
        else:
            assert last.state is not State.WITHDRAWN


parts = st.builds(
    Part,
    exported=st.integers(0, 2),
    imported=st.integers(0, 2),
    exported_sha256=st.sampled_from(["a" * 64, "b" * 64, ""]),
    imported_sha256=st.sampled_from(["a" * 64, "b" * 64, ""]),
)
whole = st.just(Part(exported=2, imported=2, exported_sha256="a" * 64, imported_sha256="a" * 64))
sites = st.builds(
    Site,
    organisation=st.sampled_from("ABC"),
    capabilities=st.just(("records",)),
    acknowledged=st.none() | st.just(date(2027, 1, 1)),
    replacements=st.sampled_from([{}, {"records": "Other"}]),
    parts=st.dictionaries(st.sampled_from(gates.PARTS), whole | parts)
    | st.fixed_dictionaries(dict.fromkeys(gates.PARTS, whole)),
)
NOW = datetime(2027, 5, 1, tzinfo=UTC)
overrides = st.none() | st.builds(
    Override, first=st.just("ada"), second=st.sampled_from(["otto", "ada"]), reason=st.just("why"),
    signed=st.just(NOW), until=st.just(NOW + timedelta(days=14)),
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(
    st.lists(sites, max_size=3), st.sets(st.sampled_from("ABC")), overrides, st.sampled_from(["", "a person"])
)
def test_no_signature_and_no_facts_withdraw_what_exists_nowhere_else(told, deployed, override, named):
    facts = Facts(sites=tuple(told), continuity_owner=named, hazard_signed_by=named, override=override)
    if gates.reasons_to_stay(facts, deployed=frozenset(deployed), now=NOW):
        return
    assert deployed <= {site.organisation for site in told}
    for site in told:
        assert site.parts.keys() >= set(gates.PARTS)
        assert all(part.equal for part in site.parts.values())
    assert override is not None or all(site.acknowledged and site.replacements for site in told)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 299), st.integers(300, 100_000))
def test_no_token_outlives_300_seconds_whatever_happens_to_its_product(young, old):
    clock = Clock(NOW)
    tokens = AccessTokens(KEY, clock, base_url="https://carespine.example")
    text = tokens.issue(sub="app", scope="system/*.rs", client_id="app", generation=1)
    clock.now = NOW + timedelta(seconds=young)
    assert tokens.read(text)["sub"] == "app"
    clock.now = NOW + timedelta(seconds=old)
    with pytest.raises(Unauthenticated):
        tokens.read(text)


KEY = ECKey.generate_key("P-256", {"kid": "k"})


def test_the_life_of_a_token_is_that_of_the_lifecycle():
    assert ACCESS_TOKEN_LIFE_S <= 300


@settings(deadline=None)
@given(begins, steps)
def test_each_state_without_access_refuses_at_once(begun, asked):
    """Standing is read at every token and every request, so with a life of 300 s nothing is alive beyond them."""
    log = played(begun.replace(tzinfo=UTC), asked)
    found = lifecycle.replay(log, now=log[-1].at)
    refusing = {State.SUSPENDED, State.EXPIRED, State.WITHDRAWN, State.APPLIED, State.TESTING, State.REFUSED}
    assert found.allowed == (found.state not in refusing)
    assert (found.access.reach is Reach.NONE) == (found.state in refusing)
