"""The catalogue is data that is checked when it is loaded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from carespine.kernel.errors import Misconfigured
from carespine.standards import catalogue
from carespine.standards.checks import all_checks
from carespine.standards.engine.runner import Plan
from carespine.standards.models import ServiceKind, ThresholdStanding
from wearable.defects import DEFECTS

# Checks of TLS, which a service on a loopback address may do without.
OVER_TLS = {"SE-01", "SE-02", "SE-03"}

GOOD = (catalogue._HERE / "SE-13.toml").read_text("utf-8")


def automatic() -> list[str]:
    """The requirements with a part that a machine tests on the live service."""
    by_hand = {"document", "attestation"}
    return [each.id for each in catalogue.requirements().values() if set(each.method) - by_hand]


def test_the_catalogue_is_as_wide_as_it_says():
    assert len(catalogue.requirements()) >= 60
    assert len(automatic()) >= 45
    assert set(catalogue.profiles()) == set(ServiceKind)


@pytest.mark.parametrize("kind", list(ServiceKind))
def test_the_profile_of_a_kind_asks_for_everything_that_applies_to_it(kind):
    applying = {each.id for each in catalogue.requirements().values() if kind in each.applies_to}

    assert set(catalogue.profile(kind).requirements) == applying


def test_every_requirement_has_its_checks_and_every_check_its_requirement():
    named = {probe for each in catalogue.requirements().values() for probe in each.probes}

    assert named == set(all_checks())


def test_every_check_quotes_its_requirement_word_for_word():
    for check in all_checks().values():
        statement = catalogue.requirements()[check.requirement].statement
        assert check.quote.rstrip(".") in statement, check.id


def test_every_number_says_whether_it_is_sourced_or_ours():
    standings = {each.threshold_standing for each in catalogue.requirements().values()}

    assert standings <= set(ThresholdStanding)


def test_a_profile_only_asks_for_what_applies_to_its_kind_of_service():
    for profile in catalogue.profiles().values():
        assert profile.service_kind in ServiceKind
        for name in profile.requirements:
            assert profile.service_kind in catalogue.requirements()[name].applies_to


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('level = "should"', 'level = "perhaps"', "perhaps"),
        ("severity = 3", "severity = 4", "severity must be 1 to 3"),
        ('id = "SE-13"', 'id = "SE-99"', "is not the file's name"),
        ('id = "SE-13"', 'id = "XX-13"', "begins with one of the areas AC, AP"),
        ("evidence_days = 30", "evidence_days = 0", "at least 1"),
        ('probes = ["se-13-security-txt"]', "probes = []", "at least one probe"),
        ("waivable = true", "waivable = true\nvendor = 1", "vendor"),
        (
            "effective = 2026-11-01",
            "effective = 2026-11-01\nretired = 2027-11-01",
            "retired needs deprecated",
        ),
        (
            "effective = 2026-11-01",
            "effective = 2026-11-01\ndeprecated = 2025-11-01",
            "deprecated comes after",
        ),
        (
            "effective = 2026-11-01",
            "effective = 2026-11-01\ndeprecated = 2027-02-01\nretired = 2028-01-31",
            "twelve months after",
        ),
        ("published = 2026-11-01", "published = 2026-11-02", "does not come before published"),
        (
            "published = 2026-11-01\neffective = 2026-11-01",
            "effective = 2026-11-01\ndeprecated = 2027-11-01",
            "a draft is neither",
        ),
        ("effective = 2026-11-01", "", "effective"),
    ],
)
def test_a_requirement_that_breaks_a_rule_is_refused_by_name(tmp_path, old, new, told):
    assert old in GOOD
    path = tmp_path / "SE-13.toml"
    path.write_text(GOOD.replace(old, new))

    with pytest.raises(Misconfigured, match=f"SE-13.toml: .*{told}"):
        catalogue.read_requirement(path)


def test_an_unknown_profile_is_refused_with_the_names_there_are():
    with pytest.raises(Misconfigured, match="booking-service, care-programme, device-app"):
        catalogue.profile("fax-machine")


def test_the_page_of_the_mutation_score_covers_the_catalogue_as_it_is():
    """The page is written by tools/mutation_score.py; the matrix itself is run in test_standards_mutation.py."""
    page = (Path(__file__).parents[2] / "docs" / "mutation-score.md").read_text("utf-8")

    for requirement in catalogue.requirements().values():
        row = re.search(rf"^\| {requirement.id} .*$", page, re.MULTILINE)
        assert row, f"run tools/mutation_score.py: {requirement.id} is not on the page"
        if requirement.id not in {"SE-01", "SE-02"}:
            found = re.findall(r"`([a-z-]+)` (\w+)", row[0])
            assert found == [(name, "fail") for name in requirement.mutants], requirement.id
    assert "(100.0 %)" in page


def test_the_documentation_counts_what_there_is():
    """Who follows the tutorial sees the numbers that it names."""
    docs = Path(__file__).parents[2] / "docs"
    checks = len(Plan("http://127.0.0.1:9", profile="device-app").checks())
    told = " ".join((docs / "tutorial-certify-my-app.md").read_text("utf-8").split())

    assert f"{checks} checks take some seconds and {checks - len(OVER_TLS)} pass" in told
    assert f"`--defect` knows {len(DEFECTS)} such faults" in told
    count = f"{len(catalogue.requirements())} of 77 candidate requirements"
    assert count in (docs / "index.md").read_text("utf-8")
    assert count.replace(" candidate requirements", "") in (docs / "service-contract.md").read_text("utf-8")
