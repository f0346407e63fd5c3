"""The report of a run: what goes into JSON, and the hash by which two runs are shown to agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

import carespine
from carespine.kernel.clock import fhir_instant
from carespine.standards.engine.evidence import EvidenceLog, canonical
from carespine.standards.models import CheckResult, Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run found. `seed` and `seed_sha256` prove that the inputs were fixed before it
    began.
    """

    base_url: str
    profile: str
    profile_version: str
    catalogue: str
    seed: str
    seed_sha256: str
    started: datetime
    ended: datetime
    results: tuple[CheckResult, ...]
    verdict: Verdict
    evidence: EvidenceLog
    published_keys: tuple[str, ...] = ()

    @property
    def canonical_part(self) -> dict[str, Any]:
        """What another run with the same seed must find again: no address, no time, no measured figure."""
        return {
            "engine": carespine.__version__,
            "profile": f"{self.profile} {self.profile_version}",
            "catalogue": self.catalogue,
            "seed": self.seed,
            "verdict": self.verdict,
            "results": [
                [each.check, each.requirement, each.requirement_version, each.level, each.outcome]
                for each in sorted(self.results, key=lambda each: each.check)
            ],
        }

    @property
    def verdict_hash(self) -> str:
        """SHA-256 of the canonical part."""
        return sha256(canonical(self.canonical_part)).hexdigest()

    @property
    def counts(self) -> dict[str, int]:
        """How many checks ended in each outcome."""
        return dict(Counter(str(each.outcome) for each in self.results))

    def tree(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {
            "service": self.base_url,
            "profile": {"name": self.profile, "version": self.profile_version},
            "catalogue_sha256": self.catalogue,
            "engine": carespine.__version__,
            "seed": {"sha256_before": self.seed_sha256, "after": self.seed},
            "started": fhir_instant(self.started),
            "ended": fhir_instant(self.ended),
            "verdict": self.verdict,
            "verdict_sha256": self.verdict_hash,
            "counts": self.counts,
            "evidence": {"records": len(self.evidence.lines), "head": self.evidence.head},
            "results": [_result(each) for each in self.results],
        }

    def json(self) -> bytes:
        """The report as JSON text; its SHA-256 goes into the certificate."""
        return msgspec.json.format(msgspec.json.encode(self.tree()), indent=2)


def _result(result: CheckResult) -> dict[str, Any]:
    return {
        "check": result.check,
        "requirement": result.requirement,
        "requirement_version": result.requirement_version,
        "level": result.level,
        "title": result.title,
        "quote": result.quote,
        "outcome": result.outcome,
        "expected": result.expected,
        "came": result.finding.came,
        "tried": result.finding.tried,
        "faults": [{"text": each.text, "exchange": each.exchange} for each in result.finding.faults],
        "advice": result.advice,
        "exchanges": list(result.exchanges),
        "attempts": result.attempts,
        "seconds": round(result.seconds, 3),
    }
