"""Ten years in seconds: the laws hold, the same seed tells the same story, and a broken rule is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from carespine.cli import app
from carespine.standards import lifecycle, simulating
from carespine.standards.states import State

BEGUN = datetime(2026, 11, 1, tzinfo=UTC)


def test_no_law_is_broken_and_every_ending_is_reached():
    found = simulating.simulate(begun=BEGUN, years=4, products=12, seed="3")

    assert found.broken == []
    assert found.steps == 4 * 365 * 12
    assert {"find", "agree", "suspend", "reinstate", "withdraw", "appeal"} <= set(found.events)
    assert sum(found.years[4].values()) == 12


def test_the_same_seed_tells_the_same_story():
    first, again, other = (
        simulating.simulate(begun=BEGUN, years=1, products=4, seed=seed) for seed in ("a", "a", "b")
    )

    assert (first.years, first.events) == (again.years, again.events)
    assert first.events != other.events


def test_a_calendar_that_runs_late_is_found(monkeypatch: pytest.MonkeyPatch):
    """The check that cannot fail proves nothing: with deadlines acted on a month late, laws are broken."""
    punctual = lifecycle.at
    monkeypatch.setattr(lifecycle, "at", lambda found, now: punctual(found, now - timedelta(days=30)))

    found = simulating.simulate(begun=BEGUN, years=3, products=12, seed="3")

    assert any("a deadline acts at its moment" in line for line in found.broken)


def test_access_in_the_state_of_suspension_is_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(lifecycle.ACCESS, State.SUSPENDED, lifecycle.ACCESS[State.CERTIFIED])

    found = simulating.simulate(begun=BEGUN, years=3, products=12, seed="3")

    assert any("a suspension ends all access" in line for line in found.broken)


def test_the_command_tells_the_years():
    done = CliRunner().invoke(app, ["standards", "simulate", "--years", "1", "--products", "3"])

    assert done.exit_code == 0, done.output
    assert "Laws broken: 0" in " ".join(done.output.split())
