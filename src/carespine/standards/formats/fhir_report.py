"""A run as a FHIR R4 TestReport: one test a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carespine.fhir import codec
from carespine.kernel.clock import fhir_instant
from carespine.standards.formats.text import plain
from carespine.standards.models import CheckResult, Outcome, Verdict

if TYPE_CHECKING:
    from carespine.standards.engine.report import Report

# R4 value set report-action-result-codes. What does not apply or is not proven was skipped.
_RESULT = {
    Outcome.PASS: "pass",
    Outcome.WARN: "warning",
    Outcome.FAIL: "fail",
    Outcome.SKIP: "skip",
    Outcome.OMIT: "skip",
    Outcome.ERROR: "error",
}
# R4 value set report-result-codes: what is neither passed nor failed is pending.
_VERDICT = {Verdict.PASS: "pass", Verdict.FAIL: "fail"}


def tree(report: Report) -> dict[str, Any]:
    """The run as a TestReport; its script is the profile, by name and version."""
    met = sum(each.outcome in (Outcome.PASS, Outcome.WARN, Outcome.OMIT) for each in report.results)
    made: dict[str, Any] = {
        "resourceType": "TestReport",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:sha256:{report.verdict_hash}"},
        "name": f"{report.profile} {report.profile_version}",
        "status": "completed",
        "testScript": {"display": f"Carespine profile {report.profile} {report.profile_version}"},
        "result": _VERDICT.get(report.verdict, "pending"),
        "tester": "Carespine standards engine",
        "issued": fhir_instant(report.ended),
        "participant": [{"type": "server", "uri": report.base_url}],
    }
    if report.results:
        made["test"] = [_test(each) for each in report.results]
        made["score"] = round(100 * met / len(report.results))
    return made


def _test(result: CheckResult) -> dict[str, Any]:
    told: dict[str, Any] = {"result": _RESULT[result.outcome]}
    message = f"Expected: {result.expected} Came: {result.finding.came}".strip()
    if faults := "\n".join(f"- {each.text}" for each in result.finding.faults):
        message += "\n" + faults
    told["message"] = plain(message)
    return {
        "name": f"{result.requirement} {result.title}",
        "description": result.quote,
        "action": [{"assert": told}],
    }


def render(report: Report) -> bytes:
    """The TestReport as FHIR JSON. Raises where it would break R4's structure."""
    made = tree(report)
    codec.check(made)
    return codec.encode(made)
