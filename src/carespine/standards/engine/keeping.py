"""Keeping a run as it goes, so that one that was broken off can be resumed where it stood.

A report folder holds `evidence.jsonl`, which grows line by line, and until the end `run.json`: the seed and
the results so far. The seed is secret until the run has ended, so only its owner may read that file; it is
removed at the end.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec

from carespine.kernel.errors import Misconfigured
from carespine.standards.engine.evidence import EvidenceLog, verify
from carespine.standards.models import CheckResult

_STATE, _EVIDENCE = "run.json", "evidence.jsonl"


class Begun(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A run that has begun: what it is of, and the results it has so far, in order."""

    service: str
    profile: str
    catalogue: str
    only: tuple[str, ...]
    seed: str
    started: datetime
    results: list[CheckResult] = msgspec.field(default_factory=list)

    def is_of(self, other: Begun) -> bool:
        """Whether both are runs of the same checks against the same service."""
        return (self.service, self.profile, self.catalogue, self.only) == (
            other.service,
            other.profile,
            other.catalogue,
            other.only,
        )


def follow(folder: Path, begun: Begun, evidence: EvidenceLog) -> None:
    """From now on write each line of evidence to the folder as it comes; what there is already, at once."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / _EVIDENCE
    file.write_text(evidence.text())
    save(folder, begun)

    def add(line: str) -> None:
        with file.open("a") as out:
            out.write(line + "\n")

    evidence.also = add


def save(folder: Path, begun: Begun) -> None:
    """Write how far the run is; a file that is there already is replaced whole or not at all."""
    aside = folder / f"{_STATE}.new"
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(msgspec.json.encode(begun))
    aside.replace(folder / _STATE)


def finish(folder: Path) -> None:
    """The run has ended: nothing is left to resume."""
    (folder / _STATE).unlink(missing_ok=True)


def resume(folder: Path, asked: Begun) -> tuple[Begun, EvidenceLog]:
    """The run that was broken off in the folder, and its evidence. Raises Misconfigured where there is none,
    where it is of something else than `asked`, or where its evidence was altered.
    """
    try:
        begun = msgspec.json.decode((folder / _STATE).read_bytes(), type=Begun)
        whole, _, torn = (folder / _EVIDENCE).read_text().rpartition("\n")
    except FileNotFoundError as error:
        raise Misconfigured(f"{folder} holds no run that was broken off; --report DIR begins one") from error
    except (OSError, ValueError) as error:
        raise Misconfigured(f"the run in {folder} cannot be read: {error}") from error
    if not begun.is_of(asked):
        raise Misconfigured(
            f"the run in {folder} is of {begun.profile} at {begun.service}, or of other checks"
        )
    lines = whole.splitlines()
    found = verify(lines)
    if not found.ok:
        raise Misconfigured(f"the evidence in {folder} is not whole: {found.fault}")
    evidence = EvidenceLog(lines, found.head)
    evidence.append("resumed", {"results": len(begun.results), "torn_bytes": len(torn)})
    return begun, evidence
