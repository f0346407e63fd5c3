"""Drives Debian's Chromium: starts it, shows it an application, and judges a page with axe."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from carespine.web.http_server import server as http_server

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WCAG_22_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 320, "height": 700}
START_LIMIT_SECONDS = 20


def chromium_path() -> str | None:
    """Where Chromium is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser, or a skipped test. It may reach this machine only: any other host is a dead end."""
    if chromium_path() is None:
        pytest.skip("there is no Chromium here: `make test` installs Debian's package chromium")
    if not AXE.is_file():
        pytest.skip("axe-core is not here: run tools/build_frontend.py")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(),
            args=[
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
            ],
        )
        try:
            yield browser
        finally:
            browser.close()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(app: Any, *, port: int | None = None) -> Iterator[str]:
    """`app` on a port of this machine, a free one where none is given; its address."""
    port = port or free_port()
    server = http_server(app)
    listening = socket.create_server(("127.0.0.1", port))
    thread = threading.Thread(target=lambda: asyncio.run(server._serve([listening])), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{port}"
    _wait_until_it_answers(address)
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join(START_LIMIT_SECONDS)


def _wait_until_it_answers(address: str) -> None:
    deadline = time.monotonic() + START_LIMIT_SECONDS
    while True:
        try:
            httpx.get(address)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        else:
            return


@dataclass
class Watched:
    """A page of the browser, and everything that went wrong in it."""

    page: Page
    troubles: list[str]


def watched_page(
    browser: Browser, address: str, *, size: dict[str, int] | None = None, bypass_policy: bool = True
) -> Watched:
    """A fresh, signed-out page that notes script errors, refused loads and requests to other hosts.

    axe is put into the page from outside, which the page's own policy rightly forbids: hence the bypass.
    """
    context = browser.new_context(base_url=address, viewport=size or DESKTOP, bypass_csp=bypass_policy)
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", lambda request: troubles.extend(_failure(request)))
    page.on(
        "request", lambda request: None if request.url.startswith(address) else troubles.append(request.url)
    )
    return Watched(page, troubles)


def _failure(request: Request) -> list[str]:
    # What the browser gave up because the person had already gone on is no fault of the page.
    return [] if request.failure == "net::ERR_ABORTED" else [f"{request.failure}: {request.url}"]


# A picture may still be on its way, or be drawn anew for another width: wait until each can be shown.
IMAGES_ARE_DRAWN = """Promise.all([...document.images].map(
    image => image.decode().then(() => image.naturalWidth > 0, () => false)
)).then(drawn => drawn.every(Boolean))"""


def accessibility_faults(page: Page) -> list[str]:
    """What axe finds that is serious or critical, one line each."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})",
        WCAG_22_AA,
    )
    return [
        f"{fault['impact']}: {fault['id']} ({fault['help']}) at {node['target']}"
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window (WCAG 2.2, 1.4.10 Reflow: 0 at 320 pixels)."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
