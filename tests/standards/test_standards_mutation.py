"""Checks of the checks: each passes the sound service and finds the defect that it is there to find."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from carespine.standards import catalogue
from carespine.standards.checks import all_checks
from carespine.standards.engine import runner
from carespine.standards.models import Level, Outcome, Requirement, ServiceKind, Verdict
from reference.defects import DEFECTS

pytestmark = pytest.mark.slow

# What needs real TLS has its own test (test_standards_tls.py).
ELSEWHERE = {"old-tls", "ending-certificate"}
# On a loopback address without TLS.
OMITTED = {"SE-01", "SE-02", "SE-03"}
# Checks that need a browser, and those that take seconds: run once for each kind, not for each of twenty seeds.
BROWSER = {"AC-01"}
LONG = BROWSER | {"RE-05"}
HAS_BROWSER = (
    bool(shutil.which("chromium")) and (Path(__file__).parents[2] / "node_modules" / "axe-core").is_dir()
)


def kind_for(requirement: Requirement) -> str:
    """The kind of service by which a requirement's check is tested: the example apps' where it applies."""
    return str(
        ServiceKind.DEVICE_APP
        if ServiceKind.DEVICE_APP in requirement.applies_to
        else requirement.applies_to[-1]
    )


MUTANTS = [
    (requirement, mutant)
    for requirement in catalogue.requirements().values()
    for mutant in requirement.mutants
    if mutant not in ELSEWHERE
]


def outcomes(report: runner.Report) -> Mapping[str, Outcome]:
    """By requirement how its checks ended: with a failure, if one of them did."""
    found: dict[str, Outcome] = {}
    for result in report.results:
        if found.get(result.requirement) is not Outcome.FAIL:
            found[result.requirement] = result.outcome
    return found


@pytest.mark.parametrize("kind", list(ServiceKind))
async def test_the_sound_service_of_each_kind_passes_every_check(start, kind):
    wanted = set(catalogue.profile(kind).requirements) - (set() if HAS_BROWSER else BROWSER)
    report = await runner.run(start(kind=kind).plan(*wanted))

    assert {
        each.requirement: [each.finding.came, *each.finding.faults]
        for each in report.results
        if each.outcome is not Outcome.PASS and each.requirement not in OMITTED
    } == {}
    assert report.verdict is Verdict.PASS
    assert set(outcomes(report)) == wanted
    assert sum(each.seconds for each in report.results) < 180


@pytest.mark.timeout(900)  # five whole runs, on a machine that may have other work
@pytest.mark.parametrize("first", range(0, 20, 5))
@pytest.mark.parametrize("kind", list(ServiceKind))
async def test_twenty_seeds_find_no_fault_in_a_sound_service(start, kind, first):
    service = start(kind=kind)
    wanted = set(catalogue.profile(kind).requirements) - LONG

    for number in range(first, first + 5):
        report = await runner.run(service.plan(*wanted, seed=f"seed {number}"))
        assert report.verdict is Verdict.PASS, [each for each in report.results if each.outcome == "fail"]


@pytest.mark.parametrize(
    ("requirement", "mutant"),
    [pytest.param(requirement, mutant, id=f"{requirement.id}-{mutant}") for requirement, mutant in MUTANTS],
)
async def test_each_defect_is_found_by_the_check_of_its_requirement(start, requirement, mutant):
    if requirement.id in BROWSER and not HAS_BROWSER:
        pytest.skip("there is no Chromium or no axe-core here")
    over_tls = requirement.id == "SE-03"
    service = start(
        mutant,
        kind=kind_for(requirement),
        base="https://127.0.0.1" if over_tls else "http://127.0.0.1:9",
        https_only=over_tls,
    )

    report = await runner.run(service.plan(requirement.id))

    assert outcomes(report) == {requirement.id: Outcome.FAIL}
    finding = next(each.finding for each in report.results if each.outcome is Outcome.FAIL)
    assert finding.faults
    assert all(fault.text for fault in finding.faults)


async def test_over_https_the_sound_service_holds_browsers_to_it(start):
    service = start(base="https://127.0.0.1", https_only=True)

    report = await runner.run(service.plan("SE-03"))

    assert outcomes(report) == {"SE-03": Outcome.PASS}


def test_every_must_check_has_a_defect_that_it_must_find():
    tested = {each.requirement for each in all_checks().values()}

    for name in tested:
        requirement = catalogue.requirements()[name]
        assert requirement.level is not Level.MUST or requirement.mutants, name


def test_every_defect_of_the_service_belongs_to_a_requirement():
    known = {mutant for each in catalogue.requirements().values() for mutant in each.mutants}

    assert set(DEFECTS) == known - ELSEWHERE


async def test_the_loose_band_fails_for_its_three_defects_and_nothing_else(start):
    defects = ("accepts-replayed-assertion", "loses-time-zone", "answers-other-patients")

    report = await runner.run(start(*defects).plan())

    assert {name for name, outcome in outcomes(report).items() if outcome is Outcome.FAIL} == {
        "SE-05",
        "TR-04",
        "SE-07",
    }
