"""`carespine terminology` and `carespine view`: what they print, and how they refuse."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from carespine.cli import app
from carespine.kernel.errors import CarespineError

sys.path.insert(0, str(Path(__file__).parents[1] / "fhir"))
from release_files import loinc
from view_cases import BEN, CAT, columns

VIEW = {"resourceType": "ViewDefinition", "name": "people", "status": "active", "resource": "Patient"}


def run(*words: str | Path) -> str:
    """The output of a command that succeeds."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def view(folder: Path, *select: object) -> Path:
    path = folder / "view.json"
    path.write_text(json.dumps({**VIEW, "select": list(select)}))
    return path


def test_a_release_is_loaded_listed_and_removed(database_url: str, tmp_path: Path) -> None:
    where = ("--database", database_url, "--data", tmp_path / "data")
    told = run("terminology", "load", loinc(tmp_path / "release"), *where)
    assert told.startswith("Loaded http://loinc.org 2.99: 2 concepts,")
    assert run("terminology", "list", *where) == "http://loinc.org 2.99: 2 concepts, latest\n"
    run("terminology", "unload", "http://loinc.org", "2.99", *where)
    assert run("terminology", "list", *where) == "No release is loaded.\n"
    (tmp_path / "letter.txt").write_text("Dear all")
    with pytest.raises(CarespineError, match="no release that is known"):
        run("terminology", "load", tmp_path / "letter.txt", *where)


def test_a_view_is_run_over_files(tmp_path: Path) -> None:
    people, out = tmp_path / "people.ndjson", tmp_path / "people.csv"
    people.write_text("\n".join(json.dumps(tree) for tree in (BEN, CAT)))
    definition = view(tmp_path, columns(id="id", family="name.family"))
    run("view", "run", definition, "--input", people, "--output", out)
    assert out.read_text().splitlines() == ["id,family", "ben,Bond", "cat,"]
    people.write_text('{"resourceType":"Patient","name":"x"}')
    with pytest.raises(CarespineError, match=r"people\.ndjson:1"):
        run("view", "run", definition, "--input", people, "--output", out)
    assert not out.exists()
    with pytest.raises(CarespineError, match=r"ending in \.ndjson"):
        run("view", "run", definition, "--input", people, "--output", tmp_path / "people.xlsx")


def test_a_view_is_run_over_what_is_stored(database_url: str, tmp_path: Path) -> None:
    where = ("--database", database_url, "--data", tmp_path / "data")
    people, out = tmp_path / "people.ndjson", tmp_path / "people.ndjson.out.ndjson"
    people.write_text(json.dumps(BEN))
    run("load", people, *where)
    run("view", "run", view(tmp_path, columns(id="id")), "--output", out, "--jobs", "1", *where)
    assert out.read_text() == '{"id":"ben"}\n'


def test_a_view_is_checked(tmp_path: Path) -> None:
    good = view(tmp_path, columns(id="id", gender="gender"))
    assert run("view", "check", good) == "people: a table of Patient with id, gender.\n"
    result = CliRunner().invoke(app, ["view", "check", str(view(tmp_path, columns(id="name.(")))])
    assert result.exit_code == 1
    assert "ViewDefinition.select[0].column[0].path" in result.stderr
