"""Whom a change to the standards affects, told before it lands."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from carespine.cli import app
from carespine.kernel.errors import Misconfigured
from carespine.standards import catalogue, impact, store
from carespine.standards.lifecycle import Entry, Event
from carespine.standards.models import Application
from carespine.standards.store import Deployment

NOW = datetime(2026, 12, 1, tzinfo=UTC)
STANDARDS = Path(catalogue.__file__).parents[1]


@pytest.fixture
def coming(tmp_path: Path) -> Path:
    """The standards as they are, in a folder where they can be changed."""
    for name in ("catalogue", "profiles"):
        shutil.copytree(
            STANDARDS / name, tmp_path / name, ignore=shutil.ignore_patterns("*.py", "__pycache__")
        )
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_nothing_changed_is_no_change(coming):
    assert impact.proposed(coming) == ()


def test_a_changed_requirement_names_its_fields_and_the_profiles_that_hold_it(coming):
    edit(coming / "catalogue" / "BK-07.toml", 'version = "1.0"', 'version = "1.1"')
    edit(coming / "catalogue" / "BK-07.toml", "evidence_days = 30", "evidence_days = 7")

    [change] = impact.proposed(coming)

    assert change.requirement == "BK-07"
    assert change.what == "version: 1.0 -> 1.1, evidence_days: 30 -> 7"
    assert change.profiles == ("care-programme", "virtual-clinic")


def test_a_requirement_that_enters_a_profile_affects_it(coming):
    edit(coming / "profiles" / "patient-app.toml", '  "WE-02",\n', "")

    [change] = impact.proposed(coming)

    assert (change.requirement, change.what) == ("WE-02", "enters or leaves patient-app")
    assert "patient-app" in change.profiles


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("evidence_days = 30", "evidence_days = 7", "the version is still 1.0"),
        ("effective = 2026-11-01", "effective = 2026-11-01\nretired = 2027-01-01", "twelve months"),
    ],
)
def test_a_change_that_breaks_a_rule_is_refused(coming, old, new, told):
    edit(coming / "catalogue" / "SE-13.toml", old, new)

    with pytest.raises(Misconfigured, match=told):
        impact.proposed(coming)


def test_a_requirement_cannot_vanish(coming):
    (coming / "catalogue" / "BK-02.toml").unlink()
    for name in ("booking-service", "virtual-clinic"):
        edit(coming / "profiles" / f"{name}.toml", '  "BK-02",\n', "")

    with pytest.raises(Misconfigured, match="BK-02 would vanish"):
        impact.proposed(coming)


async def register(database, name: str, profile: str, *events: Event, sites: int = 0) -> None:
    wanted = Application(
        id=name, supplier=f"{name} Ltd", product=name, version="1.0.0", client_id=name,
        base_url="https://x.example", profile=profile, contact=f"s@{name}.example", jwks={"keys": []},
        thumbprint=name, created=NOW,
    )  # fmt: skip
    async with database.transaction() as tx:
        await store.add_application(tx, wanted, secret=b"")
        for event in (Event.APPLY, Event.START, *events):
            certificate = "c" if event is Event.CERTIFY else None
            await store.add_event(tx, name, Entry(event, NOW, name, "told", certificate))
        for number in range(sites):
            await store.deploy(tx, name, Deployment(f"A8100{number}", "", NOW, name))


async def test_the_report_names_the_products_that_are_held_to_it_and_no_others(database):
    await register(database, "small", "care-programme", Event.CERTIFY)
    await register(database, "large", "virtual-clinic", Event.CERTIFY, sites=2)
    await register(database, "refused", "virtual-clinic", Event.REFUSE)
    await register(database, "other", "device-app", Event.CERTIFY)

    async with database.connection() as connection:
        found = await impact.affected(connection, impact.named(["BK-07", "BK-02"]), now=NOW)

    assert [(each.product, each.sites, each.requirements, each.contact) for each in found] == [
        ("large", 2, ("BK-07", "BK-02"), "s@large.example"),
        ("small", 0, ("BK-07",), "s@small.example"),
    ]
    assert {each.state for each in found} == {"certified"}


def test_the_command_wants_to_know_what_changes():
    done = CliRunner().invoke(app, ["standards", "impact"])

    assert done.exit_code == 2
    assert "requirements that are to change" in done.output
