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


@pytest.mark.parametrize(
    "words",
    [
        ["devices", "report", "--patient", "9990000115"],
        ["devices", "import", "{file}", "--patient", "9990000115"],
        ["terminology", "list"],
        ["terminology", "unload", "http://loinc.org", "2.80"],
        ["package", "list"],
        ["package", "remove", "x"],
        ["space"],
    ],
)
def test_a_mistyped_folder_is_said_and_not_made(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a,b\n")
    folder = tmp_path / "mistyped"
    given = [word.format(file=file) for word in words]
    code, text = said([*given, "--data", str(folder)], monkeypatch, capsys)
    assert (code, folder.exists()) == (2, False)
    assert "There is no Carespine data in" in text
    assert "docs/configuration.md" not in text


@pytest.mark.parametrize(
    "address", ["banana", "ftp://x.example", "http://", "https://[", "http://x:0", "//x"]
)
def test_what_is_no_address_is_said_before_anything_is_checked(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = said(["standards", "check", address], monkeypatch, capsys)
    assert code == 2
    assert f"'{address.rstrip('/')}' is no address of a service" in text


def test_an_address_where_nobody_listens_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = said(["standards", "check", "http://127.0.0.1:9"], monkeypatch, capsys)
    assert (code, "nobody listens there" in text, "ConnectError" in text) == (2, True, False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["serve", "--port", "99999"],
            "The setting port (CARESPINE_PORT) is not usable: it is 65535 at most.",
        ),
        (["nope"], "carespine: No such command 'nope'. See carespine --help."),
        (
            ["serve", "--prot", "1"],
            "carespine: No such option: --prot (Possible options: --host, --port) See carespine",
        ),
        (
            ["serve", "--port", "abc"],
            "carespine: Invalid value for '--port': it is a whole number. See carespine serve",
        ),
        (
            ["load", "missing.json"],
            "carespine: Invalid value for 'files': file 'missing.json' does not exist.",
        ),
        (
            ["certificate", "verify"],
            "carespine: Missing argument 'file'. See carespine certificate verify --help.",
        ),
        (["devices"], "Usage: carespine devices"),
        (["serve", "--workers", "-1"], "workers (CARESPINE_WORKERS) is not usable: it is 0 at least."),
        (["certificate", "verify", "{file}", "--trust", "{file}"], "is not JSON; expected a JWKS."),
        (["view", "run", "{file}"], "text.txt is no ViewDefinition: it is not JSON."),
        (["view", "check", "{file}"], "text.txt is no ViewDefinition: it is not JSON."),
        (
            ["devices", "inspect", "{file}", "--zone", "Europe/Nowhere"],
            "There is no time zone 'Europe/Nowhere'.",
        ),
        (["devices", "inspect", "{file}", "--mapping", "{file}"], "text.txt is not TOML"),
        (["demo", "--data", "{file}"], "is a file"),
    ],
)
def test_misuse_is_a_sentence_and_2(
    words: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "text.txt"
    file.write_text("only words\n")
    code, text = said([word.format(file=file) for word in words], monkeypatch, capsys)
    assert code == 2
    assert expected in " ".join(text.replace("│", " ").split())


def test_what_is_no_package_or_no_readings_is_said_without_a_library_s_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "text.txt"
    file.write_text("only words\n")
    code, text = said(["package", "add", str(file), "--data", str(tmp_path / "d")], monkeypatch, capsys)
    assert (code, "text.txt is no package" in text, "method" in text) == (1, True, False)
    code, text = said(["devices", "inspect", str(file)], monkeypatch, capsys)
    assert code == 1
    assert len(text) < 300


def test_a_file_of_readings_that_is_cut_off_is_explained_and_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "export.xml"
    record = (
        '<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="W" unit="count/min" value="61" '
        'startDate="2026-10-01 08:00:00 +0100" endDate="2026-10-01 08:00:00 +0100"/>'
    )
    file.write_text(f'<?xml version="1.0"?><HealthData locale="en_GB">{record}<Record type="HKQ')
    code, _ = said(["devices", "inspect", str(file)], monkeypatch, capsys)
    assert code == 1
