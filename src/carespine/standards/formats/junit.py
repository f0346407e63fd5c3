"""A run as JUnit XML, which build servers show: one test case a check."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from carespine.kernel.clock import fhir_instant
from carespine.standards.formats.text import plain
from carespine.standards.models import CheckResult, Level, Outcome

if TYPE_CHECKING:
    from carespine.standards.engine.report import Report

_SKIPPED = frozenset({Outcome.SKIP, Outcome.OMIT})


def render(report: Report) -> bytes:
    """The run as a JUnit file. A failed SHOULD is told in the output and fails no build."""
    results = report.results
    counts = {
        "tests": len(results),
        "failures": sum(_fails(each) for each in results),
        "errors": sum(each.outcome is Outcome.ERROR for each in results),
        "skipped": sum(each.outcome in _SKIPPED for each in results),
    }
    numbers = {name: str(count) for name, count in counts.items()}
    whole = Element("testsuites", {"name": f"{report.profile} {report.profile_version}", **numbers})
    spent = f"{sum(each.seconds for each in results):.3f}"
    suite = SubElement(
        whole,
        "testsuite",
        {"name": report.profile, "timestamp": fhir_instant(report.started), "time": spent, **numbers},
    )
    told = {
        "service": report.base_url,
        "verdict": report.verdict,
        "seed": report.seed,
        "verdict_sha256": report.verdict_hash,
        "evidence_head": report.evidence.head,
    }
    properties = SubElement(suite, "properties")
    for name, value in told.items():
        SubElement(properties, "property", {"name": name, "value": plain(value)})
    for result in results:
        _case(suite, result)
    written: bytes = tostring(whole, encoding="utf-8", xml_declaration=True)
    return written


def _fails(result: CheckResult) -> bool:
    return result.outcome is Outcome.FAIL and result.level is Level.MUST


def _case(suite: Element, result: CheckResult) -> None:
    name = plain(f"{result.requirement} {result.title}")
    case = SubElement(
        suite, "testcase", {"classname": result.check, "name": name, "time": f"{result.seconds:.3f}"}
    )
    came = plain(result.finding.came)
    if result.outcome in _SKIPPED:
        SubElement(case, "skipped", {"message": came})
    elif result.outcome is Outcome.ERROR:
        SubElement(case, "error", {"message": came, "type": result.check})
    elif _fails(result):
        failure = SubElement(case, "failure", {"message": came, "type": result.requirement})
        failure.text = _details(result)
    elif result.outcome is not Outcome.PASS:
        SubElement(case, "system-out").text = f"{result.outcome}: {_details(result)}"


def _details(result: CheckResult) -> str:
    lines = [f"Expected: {result.expected}", f"Came: {result.finding.came}"]
    lines += [
        each.text + (f" (exchange {each.exchange})" if each.exchange is not None else "")
        for each in result.finding.faults
    ]
    return plain("\n".join([*lines, f"What to do: {result.advice}"]))
