"""`carespine validate`: files of every form, profiles from packages, a summary, exit codes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from profile_package import observation, url, write_archive, write_folder
from typer.testing import CliRunner
from validation_faults import PATIENT

from carespine.cli import app
from carespine.fhir import xml
from carespine.fhir.validation.batch import Request, validate_files

VALID = json.dumps(PATIENT)
INVALID = json.dumps({**PATIENT, "contact": [{"gender": "male"}]})


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    return write_archive(folder / "profiles.tgz", write_folder(folder))


def run(*arguments: Any) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["validate", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("good.json", VALID.encode(), 0, "1 resources: 1 valid"),
        ("bad.json", INVALID.encode(), 1, "bad.json: error: Patient.contact[0] breaks the rule pat-1"),
        ("good.xml", xml.encode(PATIENT), 0, "1 valid"),
        ("lines.ndjson", f"{VALID}\n\n{INVALID}\n".encode(), 1, "lines.ndjson:3: error:"),
        ("lines.ndjson.gz", gzip.compress(f"{VALID}\n{VALID}\n".encode()), 0, "2 resources: 2 valid"),
        ("broken.json", b"{", 1, "broken.json: fatal: The body is not JSON"),
        ("list.json", b"[]", 1, "is not a FHIR resource"),
        ("shape.json", b'{"resourceType": "Patient", "nam": 1}', 1, "Did you mean name?"),
        ("twice.json", b'{"resourceType": "Patient", "active": true, "active": true}', 1, "repeats a key"),
    ],
)
def test_a_file_is_judged(name: str, content: bytes, code: int, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    found, output = run(tmp_path / name)
    assert found == code
    assert words in output


def test_a_folder_is_judged_whole(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(VALID)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c.ndjson").write_text(f"{VALID}\n{VALID}\n")
    (tmp_path / "notes.txt").write_text("not FHIR")
    assert run(tmp_path)[1].splitlines()[-1].startswith("3 resources: 3 valid")


def test_profiles_come_from_packages(tmp_path: Path, package: Path) -> None:
    (tmp_path / "o.json").write_text(json.dumps(observation()))
    code, output = run(tmp_path / "o.json", "--package", package, "--profile", url("fixed"))
    assert code == 1
    assert "has no subject" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--profile", "http://x.org/p"], "name the package that defines it"),
        (["--package", "good.json"], "has no StructureDefinition"),
        (["--package", "absent.tgz"], "does not exist"),
    ],
)
def test_what_cannot_be_used_is_misuse(arguments: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(VALID)
    given = [str(tmp_path / each) if each.endswith((".json", ".tgz")) else each for each in arguments]
    code, output = run(tmp_path / "good.json", *given)
    assert code == 2
    assert words in " ".join(output.replace("│", " ").split())


def test_json_lists_every_finding_for_a_program(tmp_path: Path) -> None:
    (tmp_path / "lines.ndjson").write_text(f"{VALID}\n{INVALID}\n")
    code, output = run(tmp_path / "lines.ndjson", "--json")
    told = json.loads(output[output.index("{") : output.rindex("}") + 1])
    assert code == 1
    assert (told["resources"], told["valid"], told["errors"]) == (2, 1, 1)
    (finding,) = (each for each in told["findings"] if each["severity"] == "error")
    assert (finding["place"], finding["rule"], finding["expression"]) == (
        "lines.ndjson:2",
        "pat-1",
        "Patient.contact[0]",
    )


def test_several_processes_find_what_one_finds_in_the_same_order(tmp_path: Path) -> None:
    lines = [INVALID if number % 7 == 0 else VALID for number in range(120)]
    (tmp_path / "many.ndjson").write_text("\n".join(lines))
    alone = list(validate_files([tmp_path / "many.ndjson"], Request()))
    assert list(validate_files([tmp_path / "many.ndjson"], Request(), processes=2)) == alone
    assert sum(not verdict.valid for verdict in alone) == 18
