"""Pure decisions: from results to a verdict, and from there to a certificate or a refusal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from carespine.standards import stages
from carespine.standards.models import CheckResult, Finding, Level, Outcome, Requirement, Verdict

# A MUST counts as met with these outcomes; `warn` is met with something to mend, `omit` does not apply.
_MET = frozenset({Outcome.PASS, Outcome.WARN, Outcome.OMIT})


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a certificate is issued, at which level, and if not, every reason why."""

    certified: bool
    level: str | None
    reasons: tuple[str, ...]


def softened(finding: Finding, requirement: Requirement, *, on: date) -> Finding:
    """The finding as it counts on that day: a requirement that is published and not yet in force decides
    nothing.
    """
    if stages.stage(requirement, on) in stages.BINDING:
        return finding
    coming = f"not in force before {requirement.effective.isoformat()}"
    if finding.outcome is Outcome.FAIL:
        return replace(finding, outcome=Outcome.WARN, came=f"{finding.came}; {coming}")
    if finding.outcome is Outcome.SKIP:
        return replace(finding, outcome=Outcome.OMIT, came=f"{finding.came}; {coming}")
    return finding


def verdict(results: Iterable[CheckResult]) -> Verdict:
    """The verdict over all results. A failure outweighs an engine error, which outweighs what was not
    proven.
    """
    outcomes = {result.outcome for result in results if result.level is Level.MUST}
    if Outcome.FAIL in outcomes:
        return Verdict.FAIL
    if Outcome.ERROR in outcomes:
        return Verdict.ERROR
    return Verdict.NOT_PROVEN if Outcome.SKIP in outcomes or not outcomes else Verdict.PASS


def exit_code(found: Verdict) -> int:
    """0 where all was met, 2 where the engine itself failed, 1 otherwise."""
    return {Verdict.PASS: 0, Verdict.ERROR: 2}.get(found, 1)


def decide(
    results: Sequence[CheckResult], *, required: Iterable[str], waived: Collection[str] = ()
) -> Decision:
    """Certify where every MUST requirement of the profile was checked and met; otherwise refuse with reasons.

    `required` are the ids of the profile's requirements; those of `waived` hold nothing up. The level says how
    far: `core` is every MUST that is not waived, `full` is everything, SHOULD included.
    """
    checked = {result.requirement for result in results}
    reasons = [f"{name} was not checked" for name in required if name not in checked | {*waived}]
    reasons += [
        f"{result.requirement} {result.title}: {_words(result)}"
        for result in results
        if result.level is Level.MUST and result.outcome not in _MET and result.requirement not in waived
    ]
    if reasons:
        return Decision(certified=False, level=None, reasons=tuple(reasons))
    full = checked >= {*required} and all(result.outcome in _MET for result in results)
    return Decision(certified=True, level="full" if full else "core", reasons=())


def _words(result: CheckResult) -> str:
    """What came, in a sentence the supplier reads first."""
    if result.outcome is Outcome.SKIP:
        return f"not proven ({result.finding.came})"
    if result.outcome is Outcome.ERROR:
        return f"the check itself failed and must be run again ({result.finding.came})"
    first = f"; first: {result.finding.faults[0].text}" if result.finding.faults else ""
    return result.finding.came if result.finding.came in first else f"{result.finding.came}{first}"
