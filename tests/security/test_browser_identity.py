"""In a real browser: npm's fhirclient, unmodified, is let in; a passkey is made and used; the pages are accessible."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyotp
import pytest
from access_people import PEOPLE
from api import fresh_database, serving
from browser_driver import (
    DESKTOP,
    PHONE,
    accessibility_faults,
    chromium,
    free_port,
    overflow,
    served,
    watched_page,
)
from fake_provider import FakeProvider, providing
from oauth_people import ACCOUNTS, EVERYTHING, PASSWORD
from playwright.sync_api import Browser, Page, expect

from carespine.kernel import clock
from carespine.security import accounts, clients
from carespine.security.clients import Client
from carespine.storage.embedded import EmbeddedPostgres
from carespine.web.app import build
from carespine.web.platform import Platform
from carespine.web.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HERE = Path(__file__).parent
FHIRCLIENT = "fhirclient@2.6.3"
_NPM_WITHIN_S = 60


@dataclass(frozen=True)
class World:
    """Where the server and the app are."""

    address: str
    app: str
    provider: FakeProvider


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    port, app_port = free_port(), free_port()
    app = f"http://127.0.0.1:{app_port}"
    folder = tmp_path_factory.mktemp("identity")
    with providing() as provider, fresh_database(postgres) as url, _app(folder / "app", app_port):
        provider.clock = clock.now
        settings: dict[str, Any] = {
            "port": port,
            "base_url": f"http://localhost:{port}",
            "cors_origins": app,
            "outbound": "any",
            "nhs_login_issuer": provider.issuer,
            "nhs_login_client_id": "carespine",
        }
        with ThreadPoolExecutor(1) as apart:  # the browser's driver keeps a loop in this thread
            apart.submit(lambda: asyncio.run(_furnish(url, folder, app, settings))).result()
        platform = Platform.build(Settings(data=folder, **settings), url)
        with served(build(platform), port=port):
            yield World(settings["base_url"], app, provider)


async def _furnish(url: str, folder: Path, app: str, settings: dict[str, Any]) -> None:
    async with serving(url, folder, **settings) as server:
        await server.put(*PEOPLE)
        async with server.platform.database.transaction() as tx:
            for account in ACCOUNTS:
                await accounts.save(tx, account, PASSWORD)
            charts = Client(
                "charts", "Charts", None, {"keys": []}, EVERYTHING, False, True, (f"{app}/",), "none"
            )
            await clients.register(tx, charts)


@contextmanager
def _app(folder: Path, port: int) -> Iterator[None]:
    """The app's one page, from an origin of its own."""
    folder.mkdir()
    shutil.copy(HERE / "smart_app.html", folder / "index.html")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


@pytest.fixture
def fhirclient(tmp_path_factory: pytest.TempPathFactory, world: World) -> None:
    """npm's fhirclient beside the app's page; skipped where npm cannot be reached."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here: fhirclient cannot be fetched")
    folder = tmp_path_factory.mktemp("npm")
    try:
        command = [npm, "pack", FHIRCLIENT, "--silent"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_NPM_WITHIN_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("npm cannot be reached: fhirclient cannot be fetched")
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        script = packed.extractfile("package/build/fhir-client.min.js")
        assert script is not None
        target = tmp_path_factory.getbasetemp() / "identity0" / "app"
        target.joinpath("fhir-client.min.js").write_bytes(script.read())


def sign_in(page: Page, user_name: str) -> None:
    page.get_by_label("User name").fill(user_name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def looked_at(page: Page, name: str, heading: str) -> None:
    """The page is accessible and fits a desk and a phone; a picture of it is kept where one is asked for."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    folder = os.environ.get("SCREENSHOTS")
    for size, kind in ((PHONE, "phone"), (DESKTOP, "desk")):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert accessibility_faults(page) == []
        assert overflow(page) == 0
        if folder:
            page.screenshot(path=Path(folder) / f"{name}-{kind}.png", full_page=True)


@pytest.mark.usefixtures("fhirclient")
def test_npms_fhirclient_completes_a_standalone_launch(browser: Browser, world: World) -> None:
    page = browser.new_context(bypass_csp=True).new_page()
    page.goto(f"{world.app}/?iss={world.address}/fhir")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sign in")
    sign_in(page, "ann")
    looked_at(page, "consent", "Let Charts in?")
    page.get_by_role("button", name="Let it in", exact=True).click()
    told = page.locator("#told")
    expect(told).not_to_have_text("Waiting", timeout=15_000)
    assert "Failed" not in told.inner_text(), told.inner_text()
    assert told.inner_text().split() == ["ann", "Patient/ann", "ann-bp", "Bearer", "Ann"]


def test_a_passkey_is_made_used_and_refused_without_verification(browser: Browser, world: World) -> None:
    watched = watched_page(browser, world.address, bypass_policy=False)
    page = watched.page
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
    }
    made = devices.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "isUserVerified": True}})
    page.goto("/sign-in?next=/account/passkeys")
    sign_in(page, "ann")
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Laptop")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/sign-in?next=/me/access")
    page.get_by_role("link", name="Sign in with a passkey").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Who has looked")
    page.get_by_role("button", name="Sign out").click()
    page.goto("/sign-in")
    sign_in(page, "ann")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Use your passkey")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/me")
    page.get_by_role("button", name="Sign out").click()
    unverified = {"authenticatorId": made["authenticatorId"], "isUserVerified": False}
    devices.send("WebAuthn.setUserVerified", unverified)
    page.goto("/sign-in/passkey")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used")
    devices.send("WebAuthn.setUserVerified", {**unverified, "isUserVerified": True})
    page.goto("/sign-in?next=/account/passkeys")
    sign_in(page, "ann")
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Remove Laptop").click()
    expect(page.get_by_text("You have no passkey yet")).to_be_visible()
    assert watched.troubles == []


def test_the_pages_of_signing_in_are_accessible_and_fit(browser: Browser, world: World) -> None:
    page = watched_page(browser, world.address).page
    page.goto("/sign-in")
    looked_at(page, "sign-in", "Sign in")
    page.goto("/sign-in/passkey")
    looked_at(page, "sign-in-passkey", "Sign in with a passkey")
    page.goto("/sign-in/nhs-login/return?state=guessed&code=guessed")
    looked_at(page, "refused", "You are not signed in")
    question = (
        f"{world.address}/oauth/authorize?response_type=code&client_id=charts&redirect_uri={world.app}/&state=stated"
        f"&scope=launch/patient%20openid%20patient/*.rs&aud={world.address}/fhir&code_challenge_method=S256"
        "&code_challenge=" + "x" * 43
    )
    page.goto(question)
    sign_in(page, "elm")
    looked_at(page, "second-factor", "Enter your code")
    secret = page.locator("main code").inner_text()
    page.get_by_label("Code").fill("000")
    page.get_by_role("button", name="Continue").click()
    looked_at(page, "second-factor-wrong", "Enter your code")
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Continue").click()
    looked_at(page, "picker", "Choose a patient")
    page.get_by_label("Name or NHS number").fill("Cy")
    page.get_by_role("button", name="Find").click()
    looked_at(page, "picker-found", "Choose a patient")
    page.get_by_role("button", name="Choose Cy").click()
    looked_at(page, "consent-staff", "Let Charts in?")
    page.goto("/practice/emergency")
    looked_at(page, "emergency", "Emergency access")
    expect(page.get_by_text("The privacy officer is told at once")).to_be_visible()
    page.goto("/account/passkeys")
    looked_at(page, "passkeys", "Your passkeys")
