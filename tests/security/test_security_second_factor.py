"""The second factor: staff need a code, a code works once, and guessing codes locks like guessing passwords."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest
from joserfc.jwk import OctKey
from oauth_people import Browser, Town, field_of, town

from carespine.kernel.errors import Unavailable
from carespine.security import second_factor
from carespine.security.vault import Vault
from carespine.web.pages import browser_sessions


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with town(database_url, tmp_path, second_factor=True) as made:
        yield made


def code_of(place: Town, secret: str, *, step: int = 0) -> str:
    return pyotp.TOTP(secret).at(place.clock(), counter_offset=step)


async def send(browser: Browser, code: str) -> int:
    page = await browser.open("/sign-in/code")
    if page.status_code != 200:
        return page.status_code
    form = {"csrf_token": field_of(page.text, "csrf_token"), "code": code}
    return (await browser.http.post("/sign-in/code", data=form)).status_code


async def enrol(place: Town, browser: Browser, user_name: str = "elm") -> str:
    answer = await browser.sign_in(user_name)
    assert answer.headers["location"].startswith("/sign-in/code")
    page = await browser.open("/sign-in/code")
    secret = page.text.split("<code>")[1].split("</code>")[0]
    assert await send(browser, code_of(place, secret)) == 303
    return secret


async def test_staff_enrol_once_and_need_a_code_each_time(place: Town) -> None:
    async with place.browser() as browser:
        await browser.sign_in("elm")
        assert (await browser.open("/practice/inbox")).status_code == 303, "the password alone opens nothing"
        secret = await enrol(place, browser)
        assert (await browser.open("/practice/inbox")).status_code == 200
    place.clock.forward(seconds=30)
    async with place.browser() as browser:
        await browser.sign_in("elm")
        assert secret not in (await browser.open("/sign-in/code")).text, "the secret is shown once"
        assert await send(browser, "000000") == 401
        assert (await browser.open("/practice/inbox")).status_code == 303
        assert await send(browser, code_of(place, secret)) == 303
        assert (await browser.open("/practice/inbox")).status_code == 200


async def test_a_code_works_once_and_for_one_step_before_and_after(place: Town) -> None:
    async with place.browser() as browser:
        secret = await enrol(place, browser)
        used = code_of(place, secret)
    async with place.browser() as browser:
        await browser.sign_in("elm")
        assert await send(browser, used) == 401, "a code that was used"
        assert await send(browser, code_of(place, secret, step=2)) == 401, "two steps ahead"
        for wrong in ("", "12345", "1234567", "abcdef", "１２３４５６"):
            assert await send(browser, wrong) == 401
    place.clock.forward(minutes=16)
    async with place.browser() as browser:
        await browser.sign_in("elm")
        assert await send(browser, code_of(place, secret, step=1)) == 303


async def test_guessing_codes_locks_the_account(place: Town) -> None:
    async with place.browser() as browser:
        secret = await enrol(place, browser)
    place.clock.forward(minutes=1)
    async with place.browser() as browser:
        await browser.sign_in("elm")
        for _ in range(8):
            assert await send(browser, "000000") == 401
        assert await send(browser, code_of(place, secret)) == 401
        assert (await browser.sign_in("elm")).status_code == 401


async def test_patients_need_none_and_the_wait_for_a_code_ends(place: Town) -> None:
    async with place.browser("ann") as browser:
        assert (await browser.open("/me/access")).status_code == 200
    async with place.browser() as browser:
        await browser.sign_in("elm")
        place.clock.forward(minutes=11)
        assert await send(browser, "000000") == 303
        assert (await browser.open("/sign-in/code")).headers["location"] == "/sign-in"


async def test_the_cookie_changes_when_the_sign_in_is_whole(place: Town) -> None:
    async with place.browser() as browser:
        await browser.sign_in("elm")
        before = dict(browser.http.cookies)
        await enrol(place, browser)
        assert dict(browser.http.cookies)["carespine-session"] != before["carespine-session"]


async def test_one_password_tried_on_many_names_is_slowed_down_known_or_not(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_sessions, "_FAILURES_OF_AN_ADDRESS", 10)
    monkeypatch.setattr(browser_sessions, "_FAILURES_OF_A_NAME", 3)
    async with town(database_url, tmp_path) as small, small.browser() as browser:
        for name in ("nobody", "desk"):
            tried = [await browser.sign_in(name, "wrong password") for _ in range(4)]
            assert [each.status_code for each in tried] == [401] * 3 + [429], "a name, known or not"
            assert tried[-1].headers["retry-after"] == "60"
        for number in range(4):
            assert (await browser.sign_in(f"nobody-{number}", "wrong password")).status_code == 401
        for name in ("ann", "nobody-known"):
            assert (await browser.sign_in(name)).status_code == 429, "an address"
        small.clock.forward(minutes=1)
        assert (await browser.sign_in("ann")).status_code == 303


async def test_a_secret_from_before_sealing_is_sealed_at_the_next_start_and_still_works(place: Town) -> None:
    platform, clear = place.server.platform, pyotp.random_base32()
    async with platform.database.transaction() as tx:
        await tx.execute("update account set totp_secret = $1 where username = 'elm'", clear)
        await second_factor.seal_all(tx, platform.keys.vault)
        sealed = await tx.fetchval("select totp_secret from account where username = 'elm'")
        await second_factor.seal_all(tx, platform.keys.vault)
        assert await tx.fetchval("select totp_secret from account where username = 'elm'") == sealed
    assert clear not in sealed
    async with place.browser() as browser:
        await browser.sign_in("elm")
        assert await send(browser, code_of(place, clear)) == 303


def test_what_is_sealed_opens_for_its_owner_and_with_its_key_only() -> None:
    vault, other = Vault(OctKey.generate_key(256)), Vault(OctKey.generate_key(256))
    sealed = vault.seal("a secret", owner="elm")
    assert vault.open(sealed, owner="elm") == "a secret"
    assert vault.seal("a secret", owner="elm") != sealed
    for opened, text, owner in (
        (vault, sealed, "ann"),
        (other, sealed, "elm"),
        (vault, sealed[:-2] + "AA", "elm"),
        (vault, "x", "elm"),
    ):
        with pytest.raises(Unavailable):
            opened.open(text, owner=owner)
