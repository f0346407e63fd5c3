"""Passkeys: added by whoever has just signed in, good alone or after a password, and refused when anything is amiss."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import httpx
import pyotp
import pytest
from api import fresh_database
from oauth_people import Browser, Town, field_of, town
from software_authenticator import PRESENT, Authenticator

from carespine.security import second_factor
from carespine.storage.embedded import EmbeddedPostgres

ORIGIN = "http://localhost:8600"


@pytest.fixture(scope="module")
async def place(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    with fresh_database(postgres) as url:
        folder = tmp_path_factory.mktemp("passkeys")
        async with town(url, folder, second_factor=True, base_url=ORIGIN) as made:
            yield made


def options_of(html: str) -> str:
    return unescape(html.split('data-options="', 1)[1].split('"', 1)[0])


async def add(
    browser: Browser, device: Authenticator, *, name: str = "My telephone", **over: Any
) -> httpx.Response:
    page = await browser.open("/account/passkeys")
    form = {
        "csrf_token": field_of(page.text, "csrf_token"),
        "state": field_of(page.text, "state"),
        "credential": device.make(options_of(page.text), **over),
        "name": name,
    }
    return await browser.http.post("/account/passkeys", data=form)


async def alone(browser: Browser, device: Authenticator, **over: Any) -> httpx.Response:
    page = await browser.open("/sign-in/passkey?next=/me/access")
    form = {"state": field_of(page.text, "state"), "credential": device.use(options_of(page.text), **over)}
    return await browser.http.post("/sign-in/passkey", data=form)


async def second(browser: Browser, device: Authenticator, onward: str = "") -> httpx.Response:
    page = await browser.open(f"/sign-in/code{onward}")
    form = {"state": field_of(page.text, "state"), "credential": device.use(options_of(page.text))}
    return await browser.http.post("/sign-in/code/passkey", data=form)


async def enrolled(place: Town, browser: Browser) -> str:
    """Dr Elm, signed in with a password and the first code; returns the secret."""
    async with place.server.platform.database.transaction() as tx:
        await second_factor.forget(tx, "elm")
    place.clock.forward(minutes=1)
    await browser.sign_in("elm")
    page = await browser.open("/sign-in/code")
    secret = page.text.split("<code>")[1].split("</code>")[0]
    form = {"csrf_token": field_of(page.text, "csrf_token"), "code": pyotp.TOTP(secret).at(place.clock())}
    assert (await browser.http.post("/sign-in/code", data=form)).status_code == 303
    return secret


async def test_a_patient_adds_a_passkey_and_signs_in_with_it_alone(place: Town) -> None:
    device = Authenticator(ORIGIN)
    async with place.browser("ann") as browser:
        assert "You have no passkey yet" in (await browser.open("/account/passkeys")).text
        assert (await add(browser, device)).headers["location"] == "/account/passkeys?done=added"
        page = await browser.open("/account/passkeys?done=added")
        assert "My telephone" in page.text
        assert (await add(browser, device)).status_code == 409, "the same one twice"
    async with place.browser() as browser:
        assert "/sign-in/passkey" in (await browser.open("/sign-in")).text
        answer = await alone(browser, device)
        assert (answer.status_code, answer.headers["location"]) == (303, "/me/access")
        assert (await browser.open("/me/access")).status_code == 200
    async with place.browser() as browser:
        answer = await browser.sign_in("ann")
        assert answer.headers["location"] == "/sign-in/code", "from now on the password alone opens nothing"
        assert (await browser.open("/me/access")).status_code == 303
        page = await browser.open("/sign-in/code")
        assert "Use your passkey" in page.text
        assert "<code>" not in page.text, "a password brings no new factor"
        form = {"csrf_token": field_of(page.text, "csrf_token"), "code": "123456"}
        assert (await browser.http.post("/sign-in/code", data=form)).status_code in (303, 401)
        assert (await second(browser, device)).headers["location"] == "/me"
        page = await browser.open("/account/passkeys")
        gone = {"csrf_token": field_of(page.text, "csrf_token"), "passkey": device.credential.hex()}
        assert (await browser.http.post("/account/passkeys/remove", data=gone)).status_code == 303
        assert (await browser.http.post("/account/passkeys/remove", data=gone)).status_code == 404
    async with place.browser() as browser:
        assert (await alone(browser, device)).status_code == 401
    async with place.server.platform.database.connection() as connection:
        rows = await connection.fetch("select convert_from(body, 'utf8') as body from audit_event")
    told = "".join(row["body"] for row in rows)
    assert "add-passkey" in told
    assert "remove-passkey" in told


async def test_staff_use_a_passkey_in_the_place_of_the_code(place: Town) -> None:
    device = Authenticator(ORIGIN)
    async with place.browser() as browser:
        secret = await enrolled(place, browser)
        assert (await add(browser, device)).status_code == 303
    async with place.server.platform.database.connection() as connection:
        stored = await connection.fetchval("select totp_secret from account where username = 'elm'")
    assert secret not in stored
    assert stored.count(".") == 4, "sealed, as a compact JWE"
    async with place.browser() as browser:
        await browser.sign_in("elm")
        before = browser.http.cookies["carespine-session"]
        assert "Or use a passkey" in (await browser.open("/sign-in/code")).text
        assert (await second(browser, device)).headers["location"] == "/practice/inbox"
        assert browser.http.cookies["carespine-session"] != before
        assert (await browser.open("/practice/inbox")).status_code == 200
    async with place.browser("ann") as other:
        theirs = Authenticator(ORIGIN)
        assert (await add(other, theirs)).status_code == 303
    async with place.browser() as browser:
        await browser.sign_in("elm")
        refused = await second(browser, theirs)
        assert refused.headers["location"] == "/sign-in/code?passkey=refused", "somebody else's passkey"
        assert "was not accepted" in (await browser.open("/sign-in/code?passkey=refused")).text
        again = await second(browser, theirs, "?next=/practice/emergency")
        assert again.headers["location"].endswith("?passkey=refused&next=%2Fpractice%2Femergency")
        done = await second(browser, device, "?next=/practice/emergency")
        assert done.headers["location"] == "/practice/emergency"
    async with place.server.platform.database.transaction() as tx:
        assert await second_factor.forget(tx, "elm")
        await second_factor.forget(tx, "ann")
    async with place.browser() as browser:
        assert (await alone(browser, device)).status_code == 401, "forgotten with the other factor"


async def test_a_passkey_that_is_not_as_it_should_be_is_refused(place: Town) -> None:
    device = Authenticator(ORIGIN)
    async with place.browser("ann") as browser:
        for over in ({"origin": "https://evil.example"}, {"challenge": "AAAA"}, {"type": "webauthn.get"}):
            assert (await add(browser, device, **over)).status_code == 400
        device.flags = PRESENT
        assert (await add(browser, device)).status_code == 400, "nobody was verified"
        device.flags, device.rp_id = Authenticator(ORIGIN).flags, "evil.example"
        assert (await add(browser, device)).status_code == 400
        device.rp_id = "localhost"
        assert (await add(browser, device, name="")).status_code == 400
        assert (await add(browser, device)).status_code == 303
    async with place.browser() as browser:
        for over in ({"origin": "https://evil.example"}, {"challenge": "AAAA"}, {"type": "webauthn.create"}):
            assert (await alone(browser, device, **over)).status_code == 401
        device.flags = PRESENT
        assert (await alone(browser, device)).status_code == 401, "nobody was verified"
        device.flags, device.handle = Authenticator(ORIGIN).flags, b"somebody else"
        assert (await alone(browser, device)).status_code == 401
        stranger = Authenticator(ORIGIN, credential=device.credential)
        assert (await alone(browser, stranger)).status_code == 401, "another key"
    async with place.server.platform.database.transaction() as tx:
        await second_factor.forget(tx, "ann")


async def test_a_counter_that_goes_back_and_an_answer_that_comes_twice_are_refused(place: Town) -> None:
    device = Authenticator(ORIGIN)
    async with place.browser("ann") as browser:
        await add(browser, device)
    async with place.browser() as browser:
        device.count = 9
        page = await browser.open("/sign-in/passkey")
        form = {"state": field_of(page.text, "state"), "credential": device.use(options_of(page.text))}
        async with place.browser() as thief:
            assert (await thief.http.post("/sign-in/passkey", data=form)).status_code == 401, (
                "another browser"
            )
        assert (await browser.http.post("/sign-in/passkey", data=form)).status_code == 303
        assert (await browser.http.post("/sign-in/passkey", data=form)).status_code == 401, "used up"
    async with place.browser() as browser:
        device.count = 5
        refused = await alone(browser, device)
        assert refused.status_code == 401, "a copy of the authenticator"
        assert "was not accepted" in refused.text
        device.count = 10
        assert (await alone(browser, device)).status_code == 303
    async with place.server.platform.database.transaction() as tx:
        await tx.execute("update account set enabled = false where username = 'ann'")
    async with place.browser() as browser:
        assert (await alone(browser, device)).status_code == 401, "a disabled account"
    async with place.server.platform.database.transaction() as tx:
        await tx.execute("update account set enabled = true where username = 'ann'")
        await second_factor.forget(tx, "ann")


async def test_only_whoever_has_just_signed_in_changes_passkeys(place: Town) -> None:
    async with place.browser() as browser:
        assert (await browser.open("/account/passkeys")).headers["location"].startswith("/sign-in")
    async with place.browser("ann") as browser:
        page = await browser.open("/account/passkeys")
        place.clock.forward(minutes=16)
        form = {"csrf_token": field_of(page.text, "csrf_token"), "passkey": "00"}
        assert (await browser.http.post("/account/passkeys/remove", data=form)).status_code == 403
        assert "sign in again" in (await browser.open("/account/passkeys")).text
