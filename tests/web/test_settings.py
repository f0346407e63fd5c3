"""The settings: which source counts, what is refused, and in which words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from carespine.kernel.errors import Misconfigured
from carespine.web import settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in, and no setting in the environment."""
    for name in [name for name in os.environ if name.startswith("CARESPINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(**given: object) -> str:
    with pytest.raises(Misconfigured) as caught:
        settings.load(**given)
    return caught.value.message


def test_a_misspelt_variable_is_named_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARESPINE_PORTT", "1")
    with pytest.raises(Misconfigured, match="CARESPINE_PORTT"):
        settings.load()


def test_the_defaults_listen_on_this_machine_and_ask_for_a_sign_in() -> None:
    chosen = settings.load()
    assert (chosen.host, chosen.port, chosen.address) == ("127.0.0.1", 8600, "http://127.0.0.1:8600")
    assert (chosen.open, chosen.demo, chosen.database) == (False, False, None)
    assert chosen.data == Path(".carespine")


def test_the_command_line_counts_before_the_environment_before_the_file_before_the_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "carespine.toml").write_text("port = 1001\nworkers = 2\nlog_level = 'error'\n")
    monkeypatch.setenv("CARESPINE_PORT", "1002")
    monkeypatch.setenv("CARESPINE_WORKERS", "3")
    chosen = settings.load(port=1003, workers=None)
    assert (chosen.port, chosen.workers, chosen.log_level) == (1003, 3, "error")
    assert chosen.max_body_mb == 32


def test_what_the_command_line_does_not_give_does_not_hide_what_others_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CARESPINE_DATA", "elsewhere")
    assert settings.load(data=None).data == Path("elsewhere")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_a_switch_in_the_environment_is_a_word(
    text: str, value: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARESPINE_OPEN", text)
    assert settings.load().open is value


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_open_access_is_possible_on_this_machine(host: str) -> None:
    assert settings.load(host=host, open=True, demo=True).open


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "::", "care.example.nhs.uk", "127.0.0.1.example"])  # noqa: S104
@pytest.mark.parametrize("switch", ["open", "demo"])
def test_open_access_and_the_demonstration_are_refused_elsewhere_even_behind_tls(
    host: str, switch: str
) -> None:
    said = refusal(host=host, base_url="https://care.example.nhs.uk", **{switch: True})
    assert f"refused on {host}" in said
    assert "Listen on 127.0.0.1" in said


@pytest.mark.parametrize("base_url", ["", "http://care.example.nhs.uk"])
def test_listening_beyond_this_machine_needs_an_https_address(base_url: str) -> None:
    said = refusal(host="0.0.0.0", base_url=base_url)  # noqa: S104
    assert "needs a base_url that begins with https://" in said


def test_listening_beyond_this_machine_behind_tls_is_what_a_deployment_does() -> None:
    chosen = settings.load(host="0.0.0.0", base_url="https://care.example.nhs.uk/")  # noqa: S104
    assert chosen.address == "https://care.example.nhs.uk"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 70_000),
        ("port", "eight"),
        ("workers", -1),
        ("max_body_mb", 0),
        ("max_in_flight", 0),
        ("database_connections", 1),
        ("log_level", "loud"),
        ("database", "mysql://db/carespine"),
        ("base_url", "care.example.nhs.uk"),
        ("base_url", "ftp://care.example.nhs.uk"),
        ("base_url", "https://"),
        ("validation", "ful"),
        ("validation", "structure,Patent=full"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name_with_its_variable(name: str, value: object) -> None:
    said = refusal(**{name: value})
    assert f"The setting {name} (CARESPINE_{name.upper()}) is not usable" in said


@pytest.mark.parametrize("value", ["off", "full,Patient=off"])
def test_no_level_of_validation_is_below_structure_and_the_refusal_says_so(value: str) -> None:
    assert "structure is the least" in refusal(validation=value)


def test_every_fault_is_told_at_once() -> None:
    said = refusal(port=-1, workers=-1)
    assert "port" in said
    assert "workers" in said


def test_a_setting_in_the_file_that_does_not_exist_is_refused_by_name(folder: Path) -> None:
    (folder / "carespine.toml").write_text("prot = 8601\n")
    assert "prot" in refusal()


def test_the_short_form_of_a_database_url_is_written_out() -> None:
    assert settings.load(database="postgres://u@db/c").database == "postgresql://u@db/c"


def test_settings_do_not_change_while_the_server_runs() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings.load().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.168.1.1", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_which_addresses_only_this_machine_can_reach(host: str, here: bool) -> None:
    assert settings.is_loopback(host) is here


def test_a_file_that_is_no_toml_is_refused_by_its_name(folder: Path) -> None:
    (folder / "carespine.toml").write_text("port = = 1")
    assert refusal().startswith("carespine.toml cannot be read as TOML: ")


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", set()),
        ("https://a.example", {"https://a.example"}),
        ("https://a.example, http://localhost:3000,", {"https://a.example", "http://localhost:3000"}),
        ("*", {"*"}),
    ],
)
def test_the_origins_of_browsers_apps_are_a_list(text: str, origins: set[str]) -> None:
    assert settings.load(cors_origins=text).origins == origins


@pytest.mark.parametrize("text", ["a.example", "https://a.example/", "https://a.example/app", "null"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    assert "is not an origin" in refusal(cors_origins=text)
