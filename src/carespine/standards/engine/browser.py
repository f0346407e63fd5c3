"""A real browser for checks of pages. It reaches nothing by itself: the engine fetches what it asks for, as evidence.

Chromium, Playwright and axe-core are wanted on the machine that runs the check; where one is missing the check
ends with an error of the engine, never with a pass and never at the supplier's charge.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from carespine.standards.engine.answer import Answer
from carespine.standards.engine.context import Context

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_AXE = Path("node_modules") / "axe-core" / "axe.min.js"
# Ours: more controls than this on one page are walked in part.
_MOST_TABS = 200
_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND"]
_RUN_AXE = """tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})
  .then(found => found.violations.map(each => ({id: each.id, impact: each.impact, help: each.help,
    where: each.nodes.map(node => node.target.join(' ')).slice(0, 3).join(', ')})))"""
# What can be used, and is seen: each gets a number by which it is known again.
_NUMBER = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, [tabindex]')]
  .filter(each => !each.disabled && each.type !== 'hidden' && each.tabIndex >= 0 && each.getClientRects().length)
  .map((each, n) => { each.dataset.checkNumber = n; return each.outerHTML.slice(0, 120) })"""
_FOCUSED = "() => document.activeElement?.dataset?.checkNumber ?? null"


class NoBrowserError(Exception):
    """The machine that runs the check has no browser or no axe."""


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise NoBrowserError("there is no Chromium on this machine")
    return found


def _axe() -> Path:
    """axe-core's one file: where CARESPINE_AXE says, or in node_modules here or above the package."""
    places = [Path.cwd(), *Path(__file__).resolve().parents]
    named = os.environ.get("CARESPINE_AXE")
    for path in [Path(named)] if named else [place / _AXE for place in places]:
        if path.is_file():
            return path
    raise NoBrowserError("there is no axe-core here: name its axe.min.js in CARESPINE_AXE")


@asynccontextmanager
async def page(context: Context) -> AsyncIterator[Page]:
    """A page of a fresh browser. Raises NoBrowserError where this machine has none."""
    try:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - wanted by this check alone
    except ImportError as error:
        raise NoBrowserError("Playwright is not installed") from error
    chromium = _chromium()
    _axe()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        try:
            made = await browser.new_page(viewport={"width": 1280, "height": 900}, bypass_csp=True)

            async def fetched(route: Route) -> None:
                await _fulfil(context, route)

            await made.route("**/*", fetched)
            yield made
        finally:
            await browser.close()


async def _fulfil(context: Context, route: Route) -> None:
    """Fetch what the browser asks for, of the service alone."""
    asked, own = urlsplit(route.request.url), urlsplit(context.session.base_url)
    if (asked.scheme, asked.netloc) != (own.scheme, own.netloc) or route.request.method != "GET":
        await route.abort()
        return
    answer = await context.call("GET", route.request.url, headers={"accept": "text/html, */*;q=0.8"})
    headers = {name: value for name, value in answer.headers.items() if name not in _HOP}
    await route.fulfill(status=answer.status, headers=headers, body=answer.body)


_HOP = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})


async def opened(context: Context, page: Page, path: str) -> Answer:
    """Open a page of the service; the engine's exchange that brought it."""
    before = len(context.session.seen)
    await page.goto(f"{context.session.base_url}{path}", wait_until="load")
    return context.session.seen[before]


async def violations(page: Page) -> list[dict[str, Any]]:
    """What axe finds against WCAG 2.2 AA on the open page."""
    await page.add_script_tag(content=_axe().read_text("utf-8"))
    found: list[dict[str, Any]] = await page.evaluate(_RUN_AXE, _TAGS)
    return found


async def unreachable(page: Page) -> list[str]:
    """The controls of the open page that the Tab key does not reach."""
    controls: list[str] = await page.evaluate(_NUMBER)
    reached: set[str] = set()
    for _ in range(min(len(controls) + 2, _MOST_TABS)):
        await page.keyboard.press("Tab")
        number = await page.evaluate(_FOCUSED)
        reached |= {str(number)} if number is not None else set()
    return [html for number, html in enumerate(controls[:_MOST_TABS]) if str(number) not in reached]
