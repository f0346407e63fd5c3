"""The stages of a requirement, from draft to retired: what each asks, and that twelve months are twelve months."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from carespine.standards import catalogue, rules, stages
from carespine.standards.engine import runner
from carespine.standards.models import Finding, Outcome, Requirement
from carespine.standards.stages import Stage

SE_13 = catalogue.requirements()["SE-13"]


def dated(**dates: date | None) -> Requirement:
    return msgspec.structs.replace(SE_13, **{"published": None, "effective": date(2027, 3, 1), **dates})


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2026, 12, 31), Stage.DRAFT),
        (date(2027, 1, 1), Stage.PUBLISHED),
        (date(2027, 3, 1), Stage.EFFECTIVE),
        (date(2028, 2, 29), Stage.DEPRECATED),
        (date(2029, 2, 28), Stage.DEPRECATED),
        (date(2029, 3, 1), Stage.RETIRED),
    ],
)
def test_a_requirement_stands_where_its_dates_say(on, expected):
    requirement = dated(published=date(2027, 1, 1), deprecated=date(2028, 2, 29), retired=date(2029, 3, 1))

    assert stages.stage(requirement, on) is expected
    assert stages.faults(requirement) == []


def test_without_a_day_of_publication_it_stays_a_draft():
    assert stages.stage(dated(), date(2099, 1, 1)) is Stage.DRAFT


@pytest.mark.parametrize(
    ("deprecated", "first_day"),
    [
        (date(2027, 6, 1), date(2028, 6, 1)),
        (date(2028, 2, 28), date(2029, 2, 28)),
        (date(2028, 2, 29), date(2029, 3, 1)),
    ],
)
def test_twelve_months_lie_between_deprecated_and_retired_to_the_day(deprecated, first_day):
    def told(retired: date) -> list[str]:
        return stages.faults(dated(published=date(2027, 1, 1), deprecated=deprecated, retired=retired))

    assert told(first_day) == []
    assert any("twelve months" in text for text in told(first_day.fromordinal(first_day.toordinal() - 1)))


@pytest.mark.parametrize(
    ("outcome", "counts_as"),
    [(Outcome.FAIL, Outcome.WARN), (Outcome.SKIP, Outcome.OMIT), (Outcome.PASS, Outcome.PASS)],
)
def test_what_is_published_and_not_in_force_is_told_and_decides_nothing(outcome, counts_as):
    requirement = dated(published=date(2027, 1, 1))
    finding = Finding(outcome, "told")

    assert rules.softened(finding, requirement, on=date(2027, 2, 28)).outcome is counts_as
    assert rules.softened(finding, requirement, on=date(2027, 3, 1)) is finding


async def test_a_run_before_the_first_catalogue_is_held_to_none_of_it(start):
    plan = start("expired-security-txt").plan("SE-13", clock=lambda: datetime(2026, 10, 31, tzinfo=UTC))

    report = await runner.run(plan)

    assert [(each.outcome, each.attempts) for each in report.results] == [(Outcome.OMIT, 1)]
    assert "draft" in report.results[0].finding.came
    assert report.results[0].exchanges == ()
