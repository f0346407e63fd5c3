"""The catalogue and a run in OSCAL 1.1.2 (NIST), which audit and compliance tools read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

import carespine
from carespine.standards import catalogue
from carespine.standards.models import CheckResult, Outcome, Requirement

if TYPE_CHECKING:
    from carespine.standards.engine.report import Report

OSCAL_VERSION = "1.1.2"
# The names of our own properties; a name, not an address that answers.
_NAMES = "urn:carespine:standards"
_SATISFIED = frozenset({Outcome.PASS, Outcome.WARN, Outcome.OMIT})


def catalog() -> bytes:
    """The whole catalogue as an OSCAL catalog: a group an area, a control a requirement."""
    found = catalogue.requirements()
    groups = [
        {"id": area.lower(), "title": catalogue.AREAS[area], "controls": controls}
        for area in sorted({name[:2] for name in found})
        if (controls := [_control(each) for name, each in found.items() if name.startswith(area)])
    ]
    newest = max(each.effective for each in found.values())
    modified = datetime.combine(newest, time(), tzinfo=UTC)
    tree = {
        "uuid": str(_name("catalog", catalogue.digest())),
        "metadata": _metadata("Carespine open minimum standards", modified),
        "groups": groups,
    }
    return _json({"catalog": tree})


def _control(requirement: Requirement) -> dict[str, Any]:
    name = requirement.id.lower()
    told = {
        "level": requirement.level,
        "severity": str(requirement.severity),
        "version": requirement.version,
        "evidence-days": str(requirement.evidence_days),
        "waivable": "yes" if requirement.waivable else "no",
        "effective": requirement.effective.isoformat(),
    }
    several = {
        "applies-to": requirement.applies_to,
        "method": requirement.method,
        "probe": requirement.probes,
    }
    props = [_prop(key, value) for key, value in told.items()]
    props += [_prop(key, str(value)) for key, values in several.items() for value in values]
    return {
        "id": name,
        "title": requirement.title,
        "props": props,
        "parts": [
            {"id": f"{name}_smt", "name": "statement", "prose": requirement.statement},
            {"id": f"{name}_gdn", "name": "guidance", "prose": f"Harm prevented: {requirement.harm}"},
            {
                "id": f"{name}_obj",
                "name": "assessment-objective",
                "prose": f"{requirement.threshold} ({requirement.threshold_standing}). "
                f"Source: {requirement.source}",
            },
        ],
    }


def assessment_results(report: Report) -> bytes:
    """A run as OSCAL assessment results: an observation a check, a finding a requirement."""
    seed = f"{report.verdict_hash}/{report.evidence.head}"
    plan = str(_name("plan", seed))
    requirements: dict[str, list[CheckResult]] = {}
    for result in report.results:
        requirements.setdefault(result.requirement, []).append(result)
    outcome = {
        "uuid": str(_name("result", seed)),
        "title": f"{report.profile} {report.profile_version}: {report.verdict}",
        "description": f"{len(report.results)} checks against {report.base_url}, seed {report.seed}.",
        "start": _moment(report.started),
        "end": _moment(report.ended),
        "props": [_prop("verdict", report.verdict), _prop("verdict-sha256", report.verdict_hash)],
        "reviewed-controls": {
            "control-selections": [
                {"include-controls": [{"control-id": name.lower()} for name in requirements]}
            ]
        },
        "observations": [_observation(each, seed, report) for each in report.results],
        "findings": [_finding(name, found, seed) for name, found in requirements.items()],
    }
    tree = {
        "uuid": str(_name("assessment", seed)),
        "metadata": _metadata(f"Carespine standards: {report.base_url}", report.ended),
        "import-ap": {"href": f"#{plan}"},
        "results": [outcome],
        "back-matter": {
            "resources": [
                {
                    "uuid": plan,
                    "title": "The plan",
                    "description": f"Profile {report.profile} {report.profile_version} of the catalogue with "
                    f"SHA-256 {report.catalogue}.",
                }
            ]
        },
    }
    return _json({"assessment-results": tree})


def _observation(result: CheckResult, seed: str, report: Report) -> dict[str, Any]:
    faults = "".join(f"\n- {each.text}" for each in result.finding.faults)
    exchanges = [str(number) for number in result.exchanges]
    evidence: dict[str, Any] = {
        "href": "evidence.jsonl",
        "description": f"The exchanges of this check; the chain's head is {report.evidence.head}.",
    }
    if exchanges:
        evidence["props"] = [
            _prop("first-exchange", exchanges[0]),
            _prop("last-exchange", exchanges[-1]),
        ]
    return {
        "uuid": str(_name("observation", f"{seed}/{result.check}")),
        "title": f"{result.requirement} {result.title}",
        "description": f"Expected: {result.expected}\nCame: {result.finding.came}{faults}",
        "props": [_prop("check", result.check), _prop("outcome", result.outcome)],
        "methods": ["TEST"],
        "collected": _moment(report.ended),
        "relevant-evidence": [evidence],
        "remarks": result.advice,
    }


def _finding(name: str, results: list[CheckResult], seed: str) -> dict[str, Any]:
    good = all(each.outcome in _SATISFIED for each in results)
    return {
        "uuid": str(_name("finding", f"{seed}/{name}")),
        "title": f"{name} {results[0].title}",
        "description": results[0].quote,
        "target": {
            "type": "objective-id",
            "target-id": f"{name.lower()}_obj",
            "status": {
                "state": "satisfied" if good else "not-satisfied",
                "reason": "pass"
                if good
                else "fail"
                if any(each.outcome is Outcome.FAIL for each in results)
                else "other",
            },
        },
        "related-observations": [
            {"observation-uuid": str(_name("observation", f"{seed}/{each.check}"))} for each in results
        ],
    }


def _metadata(title: str, modified: datetime) -> dict[str, str]:
    return {
        "title": title,
        "last-modified": _moment(modified),
        "version": carespine.__version__,
        "oscal-version": OSCAL_VERSION,
    }


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": _NAMES, "value": str(value)}


def _name(kind: str, text: str) -> UUID:
    """The same thing has the same UUID wherever it is made."""
    return uuid5(NAMESPACE_URL, f"{_NAMES}:{kind}:{text}")


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(tree: Mapping[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(tree), indent=2)
