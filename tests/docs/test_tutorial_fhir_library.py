"""The tutorial of the library runs as it stands, where nothing of the server can be imported."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/tutorial-fhir-library.md"
# Nothing but the library's own packages and what it declares may be imported.
_BLOCK = """
import importlib.abc, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        parts = name.split(".")
        inside = parts[0] == "carespine" and (len(parts) == 1 or parts[1] in ("fhir", "kernel"))
        known = name[0] == "_" or parts[0] in sys.stdlib_module_names or parts[0] in ALLOWED
        if not inside and not known:
            raise ImportError(f"{name} is not part of the library")
ALLOWED = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Blocked())
"""
_RUN = _BLOCK + "import doctest; sys.exit(doctest.testfile(sys.argv[2], module_relative=False).failed)"
_ALL = (
    _BLOCK
    + """
import pkgutil, importlib, carespine.fhir, carespine.kernel
for package in (carespine.fhir, carespine.kernel):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
"""
)


def allowed() -> str:
    """The import names of what the library's wheel declares."""
    project = tomllib.loads((ROOT / "packaging/fhir/pyproject.toml").read_text())["project"]
    return ",".join(each.partition(">")[0].partition(";")[0] for each in project["dependencies"])


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, allowed(), *arguments], capture_output=True, text=True, check=False
    )


def test_the_tutorial_runs_without_the_server() -> None:
    done = run(_RUN, str(PAGE))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_of_the_library_imports_without_the_server() -> None:
    done = run(_ALL)
    assert done.returncode == 0, done.stderr


def test_the_wheel_of_the_library_pins_no_less_than_the_platform() -> None:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    library = tomllib.loads((ROOT / "packaging/fhir/pyproject.toml").read_text())["project"]["dependencies"]
    assert set(library) <= set(whole)
