"""AC-01: the pages in a real browser, judged by axe and walked by keyboard. Its requests go through the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carespine.standards.engine import browser
from carespine.standards.engine.check import check, configured
from carespine.standards.engine.context import Context, fault
from carespine.standards.models import Fault, Finding

if TYPE_CHECKING:
    from playwright.async_api import Page

# minimum-standards, AC-01: 0 serious or critical.
_GRAVE = frozenset({"serious", "critical"})


async def _judged(context: Context, page: Page, path: str) -> list[Fault]:
    """What axe and the keyboard find on one page."""
    answer = await browser.opened(context, page, path)
    if not answer.ok:
        return [fault("a page of the journeys cannot be opened", answer)]
    faults = [
        Fault(f"{path}: {each['help']} ({each['id']}, {each['impact']}): {each['where']}", answer.n)
        for each in await browser.violations(page)
        if each["impact"] in _GRAVE
    ]
    missed = await browser.unreachable(page)
    return faults + [Fault(f"{path}: the keyboard does not reach {each}", answer.n) for each in missed]


@check(
    "AC-01",
    "accessible",
    title="Pages meet WCAG 2.2 AA as far as a machine can tell, and work by keyboard",
    quote="WCAG 2.2 AA.",
    expected="On each page that pages.paths names, in Chromium, axe finds no serious or critical "
    "violation of WCAG 2.2 AA, and "
    "the Tab key reaches every link, button and field once and leaves it again.",
    advice="The fault below names the rule and the element; https://dequeuniversity.com/rules/axe explains each rule.",
    needs=(configured("pages"),),
    time_limit_s=120,
    order=7,
)
async def run(context: Context) -> Finding:
    pages = context.config.pages
    assert pages is not None  # noqa: S101 - `needs` has seen to it
    faults: list[Fault] = []
    async with browser.page(context) as page:
        for path in (*pages.paths, pages.statement):
            faults += await _judged(context, page, path)
    tried = len(pages.paths) + 1
    return context.judge(faults, tried=tried, came=f"{tried} pages, no grave violation, all by keyboard")
