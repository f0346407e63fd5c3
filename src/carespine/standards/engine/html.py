"""The report as one HTML file that needs nothing else: for each check what was asked, what came, what to do."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from carespine.standards import catalogue
from carespine.standards.engine.report import Report
from carespine.standards.models import CheckResult, Outcome, Verdict

_TEMPLATES = Path(__file__).parent.parent / "templates"
_MOST_FAULTS, _MOST_EXCHANGES, _LONGEST_BODY = 12, 3, 4_000
_WORDS = {
    Outcome.PASS: "Passed",
    Outcome.FAIL: "Failed",
    Outcome.WARN: "Passed with a warning",
    Outcome.SKIP: "Not proven",
    Outcome.OMIT: "Does not apply",
    Outcome.ERROR: "Fault of the check",
}
_HEADLINES = {
    Verdict.PASS: ("Passed", "Every requirement that must be met is met."),
    Verdict.FAIL: ("Not passed", "Some requirements that must be met are not. Each says below what to do."),
    Verdict.NOT_PROVEN: (
        "Not proven",
        "Nothing was found wrong, but some requirements could not be checked. Each says below what is missing.",
    ),
    Verdict.ERROR: (
        "To be repeated",
        "Some checks failed through our own fault. It is not held against the service.",
    ),
}
# What a reader with little time looks at first.
_ORDER = (Outcome.FAIL, Outcome.ERROR, Outcome.SKIP, Outcome.WARN, Outcome.PASS, Outcome.OMIT)


@cache
def _style() -> str:
    return (_TEMPLATES / "report.css").read_text("utf-8")


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(_TEMPLATES)
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )


@cache
def content_security_policy() -> str:
    """The header under which the report may be shown: its own style by hash, nothing else, framed by nobody."""
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"


def render(report: Report) -> str:
    """The report as HTML. Everything that came from the service is escaped."""
    headline, sentence = _HEADLINES[report.verdict]
    ordered = sorted(report.results, key=lambda each: _ORDER.index(each.outcome))
    tree = report.tree()
    by_check = {each["check"]: each for each in tree["results"]}
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=tree,
            profile=catalogue.profile(report.profile),
            headline=headline,
            sentence=sentence,
            style=Markup(_style()),  # noqa: S704 - our own file
            words=_WORDS,
            ordered=[by_check[each.check] for each in ordered],
            exchanges={each.check: _shown(report, each) for each in report.results},
            most=_MOST_FAULTS,
            longest=_LONGEST_BODY,
        )
    )


def _shown(report: Report, result: CheckResult) -> list[dict[str, Any]]:
    """The exchanges behind the first faults of a check."""
    numbers = dict.fromkeys(each.exchange for each in result.finding.faults if each.exchange)
    records = [report.evidence.record(number) for number in list(numbers)[:_MOST_EXCHANGES]]
    for record in records:
        for side in ("request", "response"):
            if side in record:
                record[side].setdefault("body", "")
    return records
