"""Accounts and browser sessions: who gets in, who is locked out, when a session is over, and what is not told."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import argon2
import pytest
from api import FakeClock, Server, serving

from carespine.kernel.errors import Unauthenticated
from carespine.security import accounts
from carespine.security.accounts import Account, BrowserSession

PASSWORD = "correct horse battery staple"
GP = Account("gp", "Dr Elm", "practitioner", "general practitioner", "A10001", "Practitioner/gp")
ANN = Account("ann", "Ann Abel", "patient", "patient", None, "Patient/ann")


@dataclass(frozen=True, slots=True)
class Reception:
    """The accounts of one server, at a moment that a test decides on."""

    server: Server
    clock: FakeClock

    async def save(self, account: Account, password: str = PASSWORD) -> None:
        async with self.server.platform.database.transaction() as tx:
            await accounts.save(tx, account, password)

    async def sign_in(self, username: str = "gp", password: str = PASSWORD) -> str | None:
        """The cookie's value, or None where the door stays shut; failures are counted as the pages do."""
        async with self.server.platform.database.transaction() as tx:
            try:
                return await accounts.sign_in(tx, username, password, now=self.clock())
            except Unauthenticated as error:
                refused = error.message
        assert refused == accounts.REFUSED
        return None

    async def session(self, value: str | None) -> BrowserSession | None:
        async with self.server.platform.database.connection() as connection:
            return await accounts.session(connection, value or "", now=self.clock())


@pytest.fixture
async def reception(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Reception]:
    # The real cost of a password, a tenth of a second, is not what these tests are about.
    monkeypatch.setattr(accounts, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    clock = FakeClock()
    async with serving(database_url, tmp_path, clock=clock) as server:
        made = Reception(server, clock)
        await made.save(GP)
        yield made


async def test_the_right_password_opens_a_session_of_that_person(reception: Reception) -> None:
    await reception.save(ANN)
    for account in (GP, ANN):
        opened = await reception.session(await reception.sign_in(account.username))
        assert opened is not None
        actor = opened.actor
        assert (actor.kind, actor.id, actor.role) == (account.kind, account.username, account.role)
        assert actor.organisation == account.organisation
        assert actor.patient == ("ann" if account is ANN else None)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("gp", "wrong"),
        ("gp", ""),
        ("gp", PASSWORD.upper()),
        ("gp", PASSWORD + " "),
        ("GP", PASSWORD),
        ("gp ", PASSWORD),
        ("nobody", PASSWORD),
        ("", ""),
        ("gp' or '1'='1", PASSWORD),
        ("%", PASSWORD),
        ("x" * 10_000, "y" * 10_000),
    ],
)
async def test_whatever_is_wrong_the_answer_is_the_same(
    reception: Reception, username: str, password: str
) -> None:
    assert await reception.sign_in(username, password) is None


async def test_a_name_that_cannot_be_stored_is_refused_like_any_other(reception: Reception) -> None:
    assert await reception.sign_in("a\0b") is None


async def test_eight_wrong_passwords_lock_for_a_quarter_of_an_hour(reception: Reception) -> None:
    for _ in range(7):
        assert await reception.sign_in(password="wrong") is None
    assert await reception.sign_in() is not None, "seven do not lock"
    for _ in range(8):
        assert await reception.sign_in(password="wrong") is None
    assert await reception.sign_in() is None
    reception.clock.forward(minutes=14, seconds=59)
    assert await reception.sign_in() is None
    reception.clock.forward(seconds=1)
    assert await reception.sign_in() is not None


async def test_guessing_on_after_the_lock_locks_again_after_eight(reception: Reception) -> None:
    for _ in range(8):
        await reception.sign_in(password="wrong")
    reception.clock.forward(minutes=15)
    for _ in range(8):
        await reception.sign_in(password="wrong")
    assert await reception.sign_in() is None


async def test_trying_while_locked_does_not_make_the_lock_longer(reception: Reception) -> None:
    for _ in range(8):
        await reception.sign_in(password="wrong")
    reception.clock.forward(minutes=10)
    for _ in range(20):
        assert await reception.sign_in(password="wrong") is None
    reception.clock.forward(minutes=5)
    assert await reception.sign_in() is not None


async def test_the_lock_of_one_does_not_lock_another(reception: Reception) -> None:
    await reception.save(ANN)
    for _ in range(8):
        await reception.sign_in("gp", "wrong")
    assert await reception.sign_in("ann") is not None


async def test_a_session_ends_after_half_an_hour_without_use(reception: Reception) -> None:
    value = await reception.sign_in()
    for _ in range(3):
        reception.clock.forward(minutes=29)
        assert await reception.session(value) is not None
    reception.clock.forward(minutes=30)
    assert await reception.session(value) is None
    assert await reception.session(value) is None


async def test_a_session_ends_after_twelve_hours_of_use(reception: Reception) -> None:
    value = await reception.sign_in()
    for _ in range(35):
        reception.clock.forward(minutes=20)
        assert await reception.session(value) is not None
    reception.clock.forward(minutes=20)
    assert await reception.session(value) is None


async def test_signing_out_ends_this_session_and_no_other(reception: Reception) -> None:
    first, second = await reception.sign_in(), await reception.sign_in()
    assert first != second
    async with reception.server.platform.database.transaction() as tx:
        await accounts.sign_out(tx, first or "")
        await accounts.sign_out(tx, "no session at all")
    assert await reception.session(first) is None
    assert await reception.session(second) is not None


async def test_a_new_password_ends_the_sessions_of_the_old_one(reception: Reception) -> None:
    value = await reception.sign_in()
    await reception.save(GP, "another long password")
    assert await reception.session(value) is None
    assert await reception.sign_in() is None
    assert await reception.sign_in(password="another long password") is not None


async def test_a_disabled_account_neither_signs_in_nor_stays(reception: Reception) -> None:
    value = await reception.sign_in()
    await reception.server.rows("update account set enabled = false where username = 'gp'")
    assert await reception.session(value) is None
    assert await reception.sign_in() is None


async def test_the_database_holds_neither_passwords_nor_cookies(reception: Reception) -> None:
    value = await reception.sign_in()
    row = (await reception.server.rows("select password from account"))[0]
    assert row["password"].startswith("$argon2id$")
    dump = str(
        await reception.server.rows("select account::text, web_session::text from account, web_session")
    )
    assert PASSWORD not in dump
    assert value is not None
    assert value not in dump


async def test_each_form_has_a_secret_of_its_session(reception: Reception) -> None:
    sessions = [await reception.session(await reception.sign_in()) for _ in range(2)]
    secrets = {session.csrf for session in sessions if session}
    assert len(secrets) == 2
    assert all(len(secret) >= 32 for secret in secrets)


async def test_signing_in_over_http_leaves_no_password_in_log_or_trail(
    reception: Reception, capsys: pytest.CaptureFixture[str]
) -> None:
    await reception.save(ANN)
    http = reception.server.http
    page = await http.get("/sign-in")
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    assert hidden, "the form carries its own secret"
    secrets = (PASSWORD, "a wrong password of theirs")
    for password, username in ((secrets[1], "ann"), (secrets[1], "nobody"), (PASSWORD, "ann")):
        form = {**hidden, "user_name": username, "password": password}
        reply = await http.post("/sign-in", data=form)
        assert password not in reply.text
    assert reply.status_code in (302, 303)
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=" in cookie
    events = await reception.server.events()
    attempts = [event for event in events if event["subtype"][0]["code"] == "login"]
    assert [event["outcome"] for event in attempts] == ["4", "4", "0"]
    written = capsys.readouterr()
    everything = written.out + written.err + str(events)
    assert not any(secret in everything for secret in secrets)
