"""The engine: seeds, verdicts, retries, limits, and who is charged with what."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from carespine.kernel.errors import Misconfigured
from carespine.standards import catalogue, rules
from carespine.standards.checks import all_checks
from carespine.standards.engine import html, runner
from carespine.standards.engine.check import Check
from carespine.standards.engine.config import RunConfig, parse
from carespine.standards.engine.context import Context, Session
from carespine.standards.engine.evidence import verify
from carespine.standards.models import CheckResult, Finding, Level, Outcome, Verdict


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["device-app", "virtual-clinic"])
async def test_the_same_seed_gives_the_same_verdict_and_hash_again_and_elsewhere(start, kind):
    service, elsewhere = start(kind=kind), start(kind=kind)
    wanted = set(catalogue.profile(kind).requirements) - {"AC-01"}  # which needs a browser

    first, again, elsewhere = [
        await runner.run(each.plan(*wanted, seed="same")) for each in (service, service, elsewhere)
    ]

    assert first.verdict is Verdict.PASS
    assert first.verdict_hash == again.verdict_hash == elsewhere.verdict_hash
    assert first.verdict_hash != replace(first, seed="other").verdict_hash
    assert first.evidence.head != again.evidence.head


@pytest.mark.slow
async def test_a_sound_service_passes_again_and_again_on_what_earlier_runs_left_behind(start):
    service = start()
    writing = ("TR-04", "TR-06", "WE-01", "WE-02", "AP-05", "AP-06", "ID-01", "RE-02", "SE-07")

    for number in range(12):
        once = await runner.run(service.plan("TR-04", seed=f"seed {number}"))
        assert once.verdict is Verdict.PASS, once.results[0].finding
    for number in range(3):
        report = await runner.run(service.plan(*writing, seed=f"all {number}"))
        assert report.verdict is Verdict.PASS, [each for each in report.results if each.outcome == "fail"]


async def test_the_hash_of_the_seed_is_told_before_the_first_request_and_the_seed_after(start):
    told: list[tuple[str, int]] = []
    service = start()
    plan = service.plan("SE-13", seed="", announce=lambda digest: told.append((digest, len(told))))

    report = await runner.run(plan)

    assert told == [(sha256(report.seed.encode()).hexdigest(), 0)]
    assert report.evidence.record(1)["seed_sha256"] == report.seed_sha256
    assert report.evidence.record(len(report.evidence.lines))["seed"] == report.seed
    assert len(report.seed) >= 32


async def test_no_secret_of_the_run_is_in_its_evidence_report_or_page(start):
    service = start()

    report = await runner.run(service.plan("SE-05", "SE-06"))

    kept = report.evidence.text() + report.json().decode() + html.render(report)
    assert not [secret for secret in service.config.secrets if secret in kept]
    assert not [token for token in service.parts.tokens.given if token in kept]
    assert "client_assertion" in kept
    assert verify(report.evidence.lines, head=report.evidence.head).ok


async def test_without_test_identities_the_verdict_is_not_proven_and_says_why(start):
    report = await runner.run(start().plan(config=RunConfig()))

    assert report.verdict is Verdict.NOT_PROVEN
    assert rules.exit_code(report.verdict) == 1
    skipped = [result for result in report.results if result.outcome is Outcome.SKIP]
    assert skipped
    assert all("configuration" in result.finding.came for result in skipped)


async def test_an_address_where_nothing_answers_is_nobodys_failure():
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    plan = runner.Plan("http://127.0.0.1:9", transport=httpx.MockTransport(refuse))

    with pytest.raises(runner.NothingAnswers):
        await runner.run(plan)


def test_only_names_checks_of_the_profile():
    with pytest.raises(Misconfigured, match="WE-02"):
        runner.Plan("http://x", profile="record-system", only=frozenset({"WE-02"})).checks()


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"identities": "nobody"}, "identities"),
        ({"wishes": 1}, "wishes"),
        ({"auditor": "nobody"}, "nobody"),
        ({"identities": [{"name": "a", "client_id": "a", "jwk": {}}] * 2}, "two identities"),
    ],
)
def test_a_configuration_that_is_wrong_says_where(tree, told):
    with pytest.raises(Misconfigured, match=told):
        parse(tree)


# Runs that were broken off


class BrokenOffError(Exception):
    """Somebody pulled the plug."""


async def broken_off(service, folder: Path, *, after: int) -> None:
    """A run of five checks that ends when so many are done."""
    done = iter(range(after))

    def pulled(_: CheckResult) -> None:
        if next(done, None) is None:
            raise BrokenOffError

    only = ("SE-13", "SE-04", "ID-01", "ID-02", "ID-03")
    with pytest.raises(BrokenOffError):
        await runner.run(service.plan(*only, seed="", folder=folder, progress=pulled))


async def test_a_run_that_was_broken_off_goes_on_with_its_own_seed_and_ends_as_if_whole(start, tmp_path):
    service, folder, told = start(), tmp_path / "report", list[str]()
    await broken_off(service, folder, after=2)
    with (folder / "evidence.jsonl").open("a") as file:
        file.write('{"n": 99, "torn')
    kept = (folder / "run.json").stat().st_mode & 0o777

    only = ("SE-13", "SE-04", "ID-01", "ID-02", "ID-03")
    plan = service.plan(*only, seed="", folder=folder, resume=True, announce=told.append)
    report = await runner.run(plan)

    assert kept == 0o600
    assert told == [report.seed_sha256] == [report.evidence.record(1)["seed_sha256"]]
    whole = await runner.run(service.plan(*only, seed=report.seed))
    assert report.verdict_hash == whole.verdict_hash
    assert [each.check for each in report.results] == [each.check for each in whole.results]
    lines = (folder / "evidence.jsonl").read_text().splitlines()
    assert verify(lines, head=report.evidence.head).ok
    resumed = [record for line in lines if (record := json.loads(line))["kind"] == "resumed"]
    assert [(each["results"], each["torn_bytes"] > 0) for each in resumed] == [(3, True)]
    assert not (folder / "run.json").exists()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "run.json").unlink(), "no run that was broken off"),
        (lambda folder: (folder / "run.json").write_text("{}"), "cannot be read"),
        (
            lambda folder: (folder / "evidence.jsonl").write_text(
                (folder / "evidence.jsonl").read_text().replace("127.0.0.1", "127.0.0.2", 1)
            ),
            "not whole",
        ),
    ],
)
async def test_what_cannot_be_resumed_says_why(start, tmp_path, spoil, told):
    service, folder = start(), tmp_path / "report"
    await broken_off(service, folder, after=1)
    spoil(folder)

    only = ("SE-13", "SE-04", "ID-01", "ID-02", "ID-03")
    with pytest.raises(Misconfigured, match=told):
        await runner.run(service.plan(*only, seed="", folder=folder, resume=True))


async def test_a_run_of_other_checks_is_not_resumed(start, tmp_path):
    service, folder = start(), tmp_path / "report"
    await broken_off(service, folder, after=1)

    with pytest.raises(Misconfigured, match="or of other checks"):
        await runner.run(service.plan("SE-13", seed="", folder=folder, resume=True))


# Flakes, limits and faults of a check


def a_check(run, **more) -> Check:
    return replace(all_checks()["se-13-security-txt"], run=run, needs=(), **more)


async def decided(service, check: Check):
    async with runner._session(service.plan(), runner.EvidenceLog()) as session:
        return await runner._decided(session, check, "seed")


def answers(*outcomes: Outcome):
    found = iter(outcomes)

    async def run(context: Context) -> Finding:
        return Finding(next(found), "told")

    return run


@pytest.mark.parametrize(
    ("outcomes", "outcome", "attempts"),
    [
        ((Outcome.PASS,), Outcome.PASS, 1),
        ((Outcome.FAIL, Outcome.FAIL), Outcome.FAIL, 2),
        ((Outcome.FAIL, Outcome.PASS, Outcome.PASS), Outcome.PASS, 3),
        ((Outcome.FAIL, Outcome.PASS, Outcome.FAIL), Outcome.FAIL, 3),
    ],
)
async def test_a_check_that_noise_may_spoil_is_decided_by_two_of_three(start, outcomes, outcome, attempts):
    result = await decided(start(), a_check(answers(*outcomes), flaky=True))

    assert (result.outcome, result.attempts) == (outcome, attempts)


async def test_a_check_that_noise_cannot_spoil_is_decided_at_once(start):
    result = await decided(start(), a_check(answers(Outcome.FAIL)))

    assert (result.outcome, result.attempts) == (Outcome.FAIL, 1)


async def test_one_lost_connection_is_forgiven_and_two_are_not(start):
    def losing(times: int):
        left = iter(range(times))

        async def run(context: Context) -> Finding:
            if next(left, None) is not None:
                raise httpx.ReadError("lost")
            return context.passed("told")

        return run

    assert (await decided(start(), a_check(losing(1)))).outcome is Outcome.PASS
    assert (await decided(start(), a_check(losing(2)))).outcome is Outcome.FAIL


async def test_a_check_that_does_not_end_is_ended_and_charged_to_the_service(start):
    async def run(context: Context) -> Finding:
        await asyncio.Event().wait()
        return context.passed("never")

    result = await decided(start(), a_check(run, time_limit_s=0.01))

    assert result.outcome is Outcome.FAIL
    assert "did not end" in result.finding.came


async def test_a_fault_of_the_check_is_never_charged_to_the_supplier(start):
    async def run(context: Context) -> Finding:
        raise ZeroDivisionError("ours")

    result = await decided(start(), a_check(run))

    assert result.outcome is Outcome.ERROR
    assert rules.exit_code(rules.verdict([replace(result, level=Level.MUST)])) == 2


@pytest.mark.parametrize(
    ("outcomes", "verdict", "code"),
    [
        ((Outcome.PASS, Outcome.WARN, Outcome.OMIT), Verdict.PASS, 0),
        ((Outcome.PASS, Outcome.SKIP), Verdict.NOT_PROVEN, 1),
        ((Outcome.PASS, Outcome.ERROR, Outcome.SKIP), Verdict.ERROR, 2),
        ((Outcome.FAIL, Outcome.ERROR), Verdict.FAIL, 1),
        ((), Verdict.NOT_PROVEN, 1),
    ],
)
async def test_the_worst_outcome_of_a_must_decides_the_verdict(start, outcomes, verdict, code):
    service = start()
    results = [await decided(service, a_check(answers(each))) for each in outcomes]
    musts = [replace(each, level=Level.MUST) for each in results]

    assert rules.verdict(musts) is verdict
    assert rules.exit_code(verdict) == code


async def test_a_should_that_fails_lowers_the_level_and_not_the_verdict(start):
    report = await runner.run(start("expired-security-txt").plan())

    assert report.verdict is Verdict.PASS
    decision = rules.decide(report.results, required=[each.requirement for each in report.results])
    assert (decision.certified, decision.level) == (True, "core")


async def test_what_was_not_checked_is_not_certified(start):
    report = await runner.run(start().plan("SE-13"))

    decision = rules.decide(report.results, required=["SE-13", "SE-05"])

    assert not decision.certified
    assert decision.reasons == ("SE-05 was not checked",)


async def test_the_page_escapes_what_came_from_the_service(start):
    async def run(context: Context) -> Finding:
        answer = await context.call("GET", "/<script>alert(1)</script>")
        return context.failed("<script>alert(2)</script>", answer)

    service = start()
    report = await runner.run(service.plan("SE-13"))
    async with runner._session(service.plan(), report.evidence) as session:
        assert isinstance(session, Session)
        result = await runner._decided(session, a_check(run), "seed")

    page = html.render(replace(report, results=(result,), verdict=Verdict.FAIL))

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(2)" in page
    assert "What to do" in page
