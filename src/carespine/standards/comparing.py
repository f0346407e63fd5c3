"""Products side by side on evidence: what was shown for each requirement, how, when, and until when it counts; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from carespine.standards.models import Level, Requirement

# The worst of a requirement's checks tells. Ours: what may be wrong outweighs what was not proven.
_WORST_FIRST = ("fail", "error", "skip", "warn", "pass", "omit")


@dataclass(frozen=True, slots=True)
class Shown:
    """What one product has shown for one requirement. `how` is probe, document or attestation, joined by "and"."""

    outcome: str
    how: str
    on: date
    until: date

    def counts(self, now: datetime) -> bool:
        """Whether the evidence is still young enough."""
        return now.date() <= self.until


@dataclass(frozen=True, slots=True)
class Line:
    """One requirement and what each product has shown for it; None where its profile does not ask for it, or no
    run has checked it.
    """

    requirement: Requirement
    asked: tuple[bool, ...]
    shown: tuple[Shown | None, ...]


def evidence(
    results: Sequence[Mapping[str, Any]], ended: datetime, requirements: Mapping[str, Requirement]
) -> dict[str, Shown]:
    """What a run showed, by requirement. `results` are as in the JSON report."""
    outcomes: dict[str, set[str]] = {}
    for result in results:
        outcomes.setdefault(result["requirement"], set()).add(result["outcome"])
    found = {}
    for name, came in outcomes.items():
        requirement = requirements.get(name)
        if requirement is None:
            continue
        worst = next(each for each in _WORST_FIRST if each in came)
        on = ended.date()
        until = on + timedelta(days=requirement.evidence_days)
        found[name] = Shown(worst, " and ".join(requirement.method), on, until)
    return found


def compare(
    profiles: Sequence[frozenset[str]],
    shown: Sequence[Mapping[str, Shown]],
    requirements: Mapping[str, Requirement],
) -> list[Line]:
    """A line for each requirement that any of the products' profiles asks for: what must be met first."""
    asked = sorted(
        frozenset().union(*profiles) & requirements.keys(),
        key=lambda name: (requirements[name].level is not Level.MUST, requirements[name].severity, name),
    )
    return [
        Line(
            requirements[name],
            tuple(name in profile for profile in profiles),
            tuple(each.get(name) if name in profile else None
                  for profile, each in zip(profiles, shown, strict=True)),
        )
        for name in asked
    ]  # fmt: skip
