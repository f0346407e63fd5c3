"""`carespine admin` and `carespine doctor`: a deployment is set up and examined without a browser."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from joserfc.jwk import ECKey
from typer.testing import CliRunner

from carespine.cli import app
from carespine.kernel.errors import CarespineError
from carespine.storage.embedded import EmbeddedPostgres

PASSWORD = "correct horse battery"
KEY = ECKey.generate_key("P-384", {"kid": "one"})


class Desk:
    """An administrator's terminal over one database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder, self._place = folder, ["--data", str(folder / "data"), "--database", url]

    def run(self, *words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(app, [*words, *self._place], input=typed)

    def done(self, *words: str, typed: str | None = None) -> str:
        result = self.run(*words, typed=typed)
        assert result.exit_code == 0, (result.output, result.exception)
        return str(result.stdout)

    def refused(self, *words: str, typed: str | None = None) -> str:
        """The sentence that stops a command (cli.main prints it; here it is still the exception)."""
        result = self.run(*words, typed=typed)
        assert isinstance(result.exception, CarespineError), result.output
        return result.exception.message

    def jwks(self, *keys: dict[str, object]) -> str:
        path = self.folder / "jwks.json"
        path.write_text(json.dumps({"keys": list(keys)}))
        return str(path)


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Desk:
    return Desk(database_url, tmp_path)


def test_the_first_administrator_needs_no_browser_and_no_argument_with_a_password(desk: Desk) -> None:
    assert "There are no people yet" in desk.done("admin", "person", "list")
    said = desk.done(
        "admin", "person", "add", "ann", "--name", "Ann Abel", "--role", "administrator",
        "--password-stdin", typed=f"{PASSWORD}\n",
    )  # fmt: skip
    assert "Ann Abel can sign in as ann" in said
    (person,) = json.loads(desk.done("admin", "person", "list", "--json"))
    assert (person["username"], person["role"], person["enabled"]) == ("ann", "administrator", True)
    assert "There is an administrator" in desk.done("doctor")


@pytest.mark.parametrize(
    ("words", "typed", "reason"),
    [
        (["ann", "--role", "wizard"], PASSWORD, "There is no role 'wizard'"),
        (["ann", "--role", "nurse"], PASSWORD, "works for an organisation"),
        (["ann", "--role", "patient"], PASSWORD, "names its Patient"),
        (["a b", "--role", "administrator"], PASSWORD, "A user name is"),
        (["ann", "--role", "administrator"], "short", "12 to 256"),
        (["ann", "--role", "administrator"], "passwordpassword", "first that anybody would guess"),
        (["annabel", "--role", "administrator"], "annabel-annabel-1", "does not hold the user name"),
        (["ann", "--role", "administrator"], "", "no password"),
    ],
)
def test_a_person_who_cannot_be_added_is_refused_with_the_reason(
    desk: Desk, words: list[str], typed: str, reason: str
) -> None:
    said = desk.refused(
        "admin", "person", "add", *words, "--name", "Ann", "--password-stdin", typed=f"{typed}\n"
    )
    assert reason in said
    assert json.loads(desk.done("admin", "person", "list", "--json")) == []


def test_people_are_disabled_given_roles_and_new_passwords(desk: Desk) -> None:
    add = ("admin", "person", "add", "elm", "--name", "Dr Elm", "--role", "nurse", "--organisation", "A10001")
    desk.done(*add, "--password-stdin", typed=PASSWORD)
    assert "already" in desk.refused(*add, "--password-stdin", typed=PASSWORD)
    desk.done("admin", "role", "give", "elm", "general practitioner", "--organisation", "A10001")
    desk.done("admin", "person", "password", "elm", "--password-stdin", typed="another long word")
    desk.done("admin", "person", "disable", "elm")
    (person,) = json.loads(desk.done("admin", "person", "list", "--json"))
    assert (person["role"], person["enabled"]) == ("general practitioner", False)
    desk.done("admin", "person", "enable", "elm")
    assert "There is no person" in desk.refused("admin", "person", "disable", "nobody")
    roles = CliRunner().invoke(app, ["admin", "role", "list", "--json"])
    assert "nurse" in json.loads(roles.stdout)


def test_a_client_is_registered_with_its_keys_listed_and_disabled(desk: Desk) -> None:
    jwks = desk.jwks(KEY.as_dict(private=False))
    add = ("admin", "client", "add", "night", "--name", "Nightly export", "--scope", "system/*.rs")
    desk.done(*add, "--jwks", jwks, "--organisation", "A10001")
    assert "already" in desk.refused(*add, "--jwks", jwks)
    desk.done("admin", "client", "disable", "night")
    (client,) = json.loads(desk.done("admin", "client", "list", "--json"))
    assert (client["enabled"], client["scopes"], client["method"]) == (
        False,
        ["system/*.rs"],
        "private_key_jwt",
    )
    desk.done("admin", "client", "enable", "night")
    assert "There is no client" in desk.refused("admin", "client", "disable", "nobody")


def test_a_secret_is_made_here_shown_once_and_stored_as_its_digest_only(
    desk: Desk, database_url: str
) -> None:
    said = desk.done(
        "admin", "client", "add", "charts", "--name", "Charts", "--method", "client_secret_basic",
        "--redirect-uri", "https://charts.example/callback", "--scope", "openid patient/*.rs", "--json",
    )  # fmt: skip
    secret = json.loads(said)["client_secret"]
    assert len(secret) >= 43
    assert secret not in desk.done("admin", "client", "list", "--json")
    with psycopg.connect(database_url) as connection:
        (stored,) = connection.execute("select secret from oauth_client").fetchone() or (None,)
    assert len(stored) == 32


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--scope", "system/Nothing.rs", "--method", "none"], "Not a scope"),
        (
            ["--scope", "patient/*.rs", "--method", "none", "--redirect-uri", "http://evil.example/x"],
            "redirect",
        ),
        (
            ["--scope", "patient/*.rs", "--method", "none", "--redirect-uri", "https://a.example/*"],
            "redirect",
        ),
        (
            ["--scope", "patient/*.rs", "--method", "none", "--redirect-uri", "https://a.example/#x"],
            "redirect",
        ),
        (
            ["--scope", "patient/*.rs", "--method", "none", "--redirect-uri", "javascript:alert(1)"],
            "redirect",
        ),
        (["--scope", "system/*.rs"], "needs --jwks"),
        (["--scope", "system/*.rs", "--method", "guess"], "--method is one of"),
    ],
)
def test_a_client_that_cannot_be_used_safely_is_refused(desk: Desk, words: list[str], reason: str) -> None:
    assert reason in desk.refused("admin", "client", "add", "x", "--name", "X", *words)


def test_a_private_key_in_a_jwks_file_is_refused(desk: Desk) -> None:
    jwks = desk.jwks(KEY.as_dict(private=True))
    said = desk.refused(
        "admin", "client", "add", "x", "--name", "X", "--scope", "system/*.rs", "--jwks", jwks
    )
    assert "private key" in said


def test_an_organisation_is_recorded_and_its_people_stand_and_fall_with_it(desk: Desk) -> None:
    desk.done("admin", "organisation", "add", "A10001", "--name", "Elm Surgery")
    assert "already" in desk.refused("admin", "organisation", "add", "A10001", "--name", "Elm Surgery")
    assert "ODS code" in desk.refused("admin", "organisation", "add", "A 1", "--name", "Elm Surgery")
    desk.done(
        "admin", "person", "add", "elm", "--name", "Dr Elm", "--role", "nurse", "--organisation", "A10001",
        "--password-stdin", typed=PASSWORD,
    )  # fmt: skip
    desk.done("admin", "organisation", "disable", "A10001")
    (place,) = json.loads(desk.done("admin", "organisation", "list", "--json"))
    assert (place["name"], place["active"]) == ("Elm Surgery", False)
    assert not json.loads(desk.done("admin", "person", "list", "--json"))[0]["enabled"]
    desk.done("admin", "organisation", "enable", "A10001")
    assert json.loads(desk.done("admin", "person", "list", "--json"))[0]["enabled"]


def test_every_administration_command_is_in_the_audit_trail(desk: Desk, database_url: str) -> None:
    desk.done("admin", "organisation", "add", "A10001", "--name", "Elm Surgery")
    desk.done("admin", "organisation", "disable", "A10001")
    with psycopg.connect(database_url) as connection:
        bodies = [
            json.loads(body) for (body,) in connection.execute("select body from audit_event order by seq")
        ]
    assert {event["subtype"][0]["code"] for event in bodies} >= {"create", "update", "disable-people-of"}
    assert all("admin command by" in event["agent"][0]["name"] for event in bodies)


def test_the_doctor_names_what_is_unsafe_and_exits_1(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.done("doctor")
    monkeypatch.setenv("CARESPINE_DEMO", "true")
    (desk.folder / "data" / "keys").chmod(0o777)
    result = desk.run("doctor", "--json")
    assert result.exit_code == 1
    unsafe = [finding["sentence"] for finding in json.loads(result.stdout) if finding["level"] == "unsafe"]
    assert any("demonstration" in sentence for sentence in unsafe)
    assert any("Others can read keys" in sentence for sentence in unsafe)


def test_the_doctor_sees_a_public_client_with_system_scopes(desk: Desk, postgres: EmbeddedPostgres) -> None:
    desk.done(
        "admin", "client", "add", "open", "--name", "Open", "--method", "none", "--scope", "system/*.cruds"
    )
    result = desk.run("doctor")
    assert result.exit_code == 1
    assert "is public and has system scopes" in result.stdout
