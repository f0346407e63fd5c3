"""The reference services as processes of their own: over a real network, and killed for real."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from carespine.security.egress import Egress
from carespine.standards.engine import config, runner
from carespine.standards.models import Outcome

pytestmark = pytest.mark.slow
APP = Path(__file__).parents[2] / "examples" / "reference" / "app.py"


@contextmanager
def running(kind: str, data: Path, *options: str) -> Iterator[dict[str, Any]]:
    """A supervised service of this kind; what a plan needs to know of it."""
    command = [sys.executable, str(APP), "--kind", kind, "--data", str(data)]
    shown = subprocess.run(
        [*command, "--sandbox-config"], capture_output=True, text=True, check=True, timeout=30
    )
    served = [*command, "--supervised", *options]
    with subprocess.Popen(served, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        about = json.loads(process.stdout.readline())
        yield {
            "base_url": about["address"],
            "profile": kind,
            "config": config.parse(json.loads(shown.stdout)),
            "egress": Egress(allow_loopback=True),
            "seed": "reference",
        }
        process.terminate()
        assert process.wait(timeout=10) == 0


async def test_a_node_that_is_killed_for_real_loses_nothing_and_doubles_nothing(tmp_path):
    with running("record-system", tmp_path) as told:
        report = await runner.run(runner.Plan(**told, only=frozenset({"RE-05"})))

    [result] = report.results
    assert result.outcome is Outcome.PASS, result.finding
    kills = [line for line in report.evidence.lines if "/hooks/crash" in line]
    assert len(kills) == 1
    assert "failure" in json.loads(kills[0])


async def test_a_node_that_answers_before_it_commits_is_found_out(tmp_path):
    with running("record-system", tmp_path, "--defect", "loses-on-crash") as told:
        report = await runner.run(runner.Plan(**told, only=frozenset({"RE-05"})))

    [result] = report.results
    assert result.outcome is Outcome.FAIL
    assert any("are lost" in fault.text for fault in result.finding.faults)


async def test_a_whole_profile_over_the_network_takes_less_than_three_minutes(tmp_path):
    with running("virtual-clinic", tmp_path) as told:
        wanted = {check.requirement for check in runner.Plan(**told).checks()} - {"AC-01"}
        report = await runner.run(runner.Plan(**told, only=frozenset(wanted)))

    assert {
        each.requirement: each.finding.came for each in report.results if each.outcome is Outcome.FAIL
    } == {}
    assert (report.ended - report.started).total_seconds() < 180
