"""The command line: a failure is one sentence and an exit code, never a traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from carespine import cli


def said(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["carespine", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    code = ended.value.code
    return (code if isinstance(code, int) else 0), capsys.readouterr().err


def test_a_data_folder_that_is_a_file_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a-file"
    file.write_text("not a folder")
    code, text = said(["load", "x.json", "--data", str(file / "inside")], monkeypatch, capsys)
    assert code in (1, 2)
    assert "Traceback" not in text
    assert text.strip()


def test_a_file_given_as_the_data_folder_is_named_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a-file"
    file.write_text("not a folder")
    code, text = said(["load", str(file), "--data", str(file)], monkeypatch, capsys)
    assert code == 2
    assert "--data" in text
    assert "is a file" in " ".join(text.replace("│", " ").split())


def test_a_certificate_that_cannot_be_opened_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = said(["certificate", "verify", str(tmp_path)], monkeypatch, capsys)
    assert code in (1, 2)
    assert "Traceback" not in text
    assert text.strip()
