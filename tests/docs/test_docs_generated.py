"""The generated pages of docs/ say what the code says now."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from carespine.devices.metrics import all_metrics
from carespine.standards import catalogue
from carespine.web.settings import Settings

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "generate_docs.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """tools/generate_docs.py as a module; tools is no package."""
    spec = importlib.util.spec_from_file_location("generate_docs", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_generated_page_is_stale(tool: ModuleType) -> None:
    assert tool.stale() == [], "run: make docs"


def test_check_names_each_stale_page_and_exits_1(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, make in tool.PAGES.items():
        (tmp_path / name).write_text(make(), encoding="utf-8")
    (tmp_path / "metrics.md").write_text("an older text", encoding="utf-8")
    (tmp_path / "command-line.md").unlink()
    monkeypatch.setattr(tool, "stale", lambda stale=tool.stale: stale(tmp_path))
    monkeypatch.setattr(sys, "argv", ["generate_docs.py", "--check"])
    assert tool.main() == 1
    told = capsys.readouterr().err
    assert "metrics.md" in told
    assert "command-line.md" in told
    assert "configuration.md" not in told


def test_the_tool_runs_as_make_check_runs_it() -> None:
    done = subprocess.run([sys.executable, TOOL, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_setting_is_in_the_page(tool: ModuleType) -> None:
    page = tool.configuration()
    for name in Settings.model_fields:
        assert f"| `{name}` | `CARESPINE_{name.upper()}` |" in page


def test_every_requirement_and_profile_is_in_the_page(tool: ModuleType) -> None:
    page = tool.standards_catalogue()
    for requirement in catalogue.requirements().values():
        assert f"### {requirement.id} {requirement.title}" in page
    for name in catalogue.profiles():
        assert f"`{name}`" in page


def test_every_metric_is_in_the_page(tool: ModuleType) -> None:
    page = tool.metrics()
    for metric in all_metrics().values():
        assert f"| {metric.title} |" in page


def test_a_table_of_a_generated_page_has_equal_rows(tool: ModuleType) -> None:
    for name, make in tool.PAGES.items():
        blocks = [block.splitlines() for block in make().split("\n\n") if block.startswith("|")]
        for block in blocks:
            assert len({line.count("|") for line in block}) == 1, f"{name}: {block[0]}"
