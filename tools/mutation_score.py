"""Tests every check of the standards by the faults it must find, and writes docs/mutation-score.md from the result.

    python tools/mutation_score.py [--seed TEXT]

For each requirement the sound reference service must pass its checks and each of its mutants must fail them. Exits 1
where one does not. The page is written by this run alone: what is not found is written down as not found.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "mutation-score.md"
sys.path.insert(0, str(ROOT / "examples"))

from carespine.standards import catalogue  # noqa: E402
from carespine.standards.engine import config, runner  # noqa: E402
from carespine.standards.models import Level, Outcome, Requirement, ServiceKind  # noqa: E402
from reference import kinds, sandbox  # noqa: E402

# What only a real TLS handshake shows is tested in tests/standards/test_standards_tls.py.
ELSEWHERE = dict.fromkeys(
    ("SE-01", "SE-02"), "by real handshakes, in `tests/standards/test_standards_tls.py`"
)
# What is checked only over HTTPS.
HTTPS = {"SE-03"}
_BASE, _SECURE = "http://127.0.0.1:9", "https://127.0.0.1"


@dataclass(frozen=True)
class Row:
    """One requirement: how its sound service came out, and each mutant."""

    requirement: Requirement
    kind: str
    sound: Outcome | None
    mutants: dict[str, Outcome]

    @property
    def killed(self) -> int:
        return sum(outcome is Outcome.FAIL for outcome in self.mutants.values())

    @property
    def holds(self) -> bool:
        return self.sound is Outcome.PASS and self.killed == len(self.mutants)


def kind_for(requirement: Requirement) -> str:
    """The kind of service by which its check is tested: the wearable apps' where it applies."""
    applies = requirement.applies_to
    return str(ServiceKind.DEVICE_APP if ServiceKind.DEVICE_APP in applies else applies[-1])


async def outcome(requirement: Requirement, defects: frozenset[str], *, seed: str) -> Outcome:
    """How the requirement's checks end on a fresh service of its kind with these defects: the worst of them."""
    https = requirement.id in HTTPS
    base, kind = _SECURE if https else _BASE, kind_for(requirement)
    with tempfile.TemporaryDirectory() as folder:
        parts = kinds.service(kind, data=Path(folder), base=base, defects=defects)
        told = sandbox.config(parts.store, Path(folder), patience_seconds=0.5)
        transport = httpx.ASGITransport(kinds.build(parts, https_only=https), raise_app_exceptions=False)
        plan = runner.Plan(
            base,
            profile=kind,
            config=config.parse(told),
            seed=seed,
            only=frozenset({requirement.id}),
            transport=transport,
        )
        report = await runner.run(plan)
        parts.store.close()
    found = {each.outcome for each in report.results}
    return Outcome.FAIL if Outcome.FAIL in found else found.pop()


async def tested(requirement: Requirement, *, seed: str) -> Row:
    """The requirement's row of the matrix."""
    kind = kind_for(requirement)
    if requirement.id in ELSEWHERE:
        return Row(requirement, kind, None, {})
    sound = await outcome(requirement, frozenset(), seed=seed)
    mutants = {name: await outcome(requirement, frozenset([name]), seed=seed) for name in requirement.mutants}
    return Row(requirement, kind, sound, mutants)


def page(rows: list[Row], *, seed: str) -> str:
    """The page that says what was found."""
    musts = [row for row in rows if row.requirement.level is Level.MUST and row.sound is not None]
    made = sum(len(row.mutants) for row in musts)
    killed = sum(row.killed for row in musts)
    lines = [
        "# Mutation score: the checks of the checks",
        "",
        "<!-- Written by tools/mutation_score.py from a run. Do not edit: run the tool. -->",
        "",
        "A check that cannot fail proves nothing. So each check is run against a sound reference service, which must "
        "pass, and against the same service with one deliberate fault (a mutant), which must fail. The faults stand "
        "in `examples/wearable/defects.py` and `examples/reference/defects.py`; any of them can be switched on with "
        "`--defect`.",
        "",
        f"**{killed} of {made} mutants of MUST requirements were found ({100 * killed / made:.1f} %); "
        f"{sum(row.sound is Outcome.PASS for row in musts)} of {len(musts)} sound services passed.** Seed `{seed}`, "
        f"catalogue `{catalogue.digest()[:16]}`.",
        "",
        "| Requirement | Level | Reference service | Sound | Mutants: fail is found |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        found = ", ".join(f"`{name}` {end}" for name, end in row.mutants.items())
        told = ELSEWHERE.get(row.requirement.id, found or "none")
        sound = str(row.sound) if row.sound else "-"
        lines.append(
            f"| {row.requirement.id} {row.requirement.title} | {row.requirement.level.upper()} | {row.kind} | {sound} "
            f"| {told} |"
        )
    return "\n".join([*lines, ""])


async def main() -> int:
    """Run the matrix and write the page; 1 where a check misses a fault or accuses a sound service."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", default="mutation")
    seed = parser.parse_args().seed
    rows = []
    began = time.perf_counter()
    for requirement in catalogue.requirements().values():
        row = await tested(requirement, seed=seed)
        rows.append(row)
        print(
            f"{'ok ' if row.holds or row.sound is None else 'NOT'} {requirement.id} {row.killed} of {len(row.mutants)}"
        )
    PAGE.write_text(page(rows, seed=seed))
    print(f"{PAGE.relative_to(ROOT)} written after {time.perf_counter() - began:.0f} s.")
    return 0 if all(row.holds for row in rows if row.sound is not None) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
