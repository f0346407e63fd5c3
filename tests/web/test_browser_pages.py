"""Every page in a real browser: no accessibility fault, nothing wider than a phone, nothing refused or missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser_driver import (
    DESKTOP,
    IMAGES_ARE_DRAWN,
    PHONE,
    accessibility_faults,
    chromium,
    overflow,
    served,
    watched_page,
)
from pages_app import example_app
from pages_examples import ExamplePlatform
from playwright.sync_api import Browser, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = [
    ("/", ""),
    ("/sign-in", ""),
    ("/standards", ""),
    ("/standards/products", ""),
    ("/standards/products/pulse-diary", ""),
    ("/practice/inbox", "dr.osei"),
    ("/practice/patients/p1/summary", "dr.osei"),
    ("/practice/patients/p1/readings?metric=steps", "dr.osei"),
    ("/me", "margaret.hughes"),
    ("/me/access", "margaret.hughes"),
    ("/me/sharing", "margaret.hughes"),
    ("/admin/products", "jo.bell"),
    ("/admin/products/pulse-diary", "jo.bell"),
    ("/admin/cases", "jo.bell"),
    ("/estate", "jo.bell"),
    ("/standards/products/compare", ""),
    ("/standards/products/compare?product=a&product=b", ""),
    ("/supplier", ""),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(example_app()) as running:
        yield running


def signed_in(browser, address, user, **options):
    watched = watched_page(browser, address, **options)
    if user:
        watched.page.context.add_cookies([{"name": "session", "value": user, "url": address}])
    return watched


@pytest.mark.parametrize(("path", "user"), PAGES)
def test_a_page_is_accessible_fits_and_loads_whole_on_a_desk_and_on_a_phone(browser, address, path, user):
    watched = signed_in(browser, address, user)
    page = watched.page
    page.goto(path)
    for closed in page.locator("details").all():
        closed.evaluate("element => element.open = true")
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        page.wait_for_load_state("networkidle")
        assert accessibility_faults(page) == []
        assert overflow(page) == 0
        assert page.evaluate(IMAGES_ARE_DRAWN)
    assert watched.troubles == []
    page.context.close()


def test_pages_obey_their_own_policy_in_the_browser(browser, address):
    watched = signed_in(browser, address, "dr.osei", bypass_policy=False)
    watched.page.goto("/practice/patients/p1/summary")
    watched.page.wait_for_load_state("networkidle")
    assert watched.troubles == []
    watched.page.context.close()


def test_the_workbench_is_accessible_and_follows_a_run(browser):
    platform = ExamplePlatform()
    with served(example_app(platform)) as address:
        page = watched_page(browser, address).page
        page.goto("/supplier")
        page.get_by_label("Application").fill("pulse-diary")
        page.get_by_label("Token").fill("its-token")
        page.get_by_role("button", name="Open the workbench").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Pulse Diary")
        assert accessibility_faults(page) == []
        page.get_by_role("button", name="Start the run").click()
        expect(page.get_by_role("status")).to_have_text("2 of 9 checks are done.")
        assert accessibility_faults(page) == []
        platform.workbench.going = False
        expect(page.get_by_role("status")).to_have_text("refused: SE-05", timeout=10_000)
        page.get_by_text("Exchange 7 shows it").click()
        assert accessibility_faults(page) == []
        assert overflow(page) == 0
        page.context.close()


def test_a_journey_by_keyboard_alone_reaches_the_summary(browser, address):
    watched = signed_in(browser, address, "dr.osei")
    page = watched.page
    page.goto("/practice/inbox")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to main content")
    page.keyboard.press("Enter")
    while page.locator(":focus").inner_text() != "Margaret Hughes":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Margaret Hughes")
    page.context.close()


def test_errors_take_the_focus_and_lead_to_their_field(browser, address):
    watched = signed_in(browser, address, "jo.bell")
    page = watched.page
    page.goto("/admin/products/pulse-diary")
    page.get_by_role("button", name="Suspend this product").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    page.get_by_role("link", name="Enter why you are suspending it").click()
    expect(page.locator("#reason")).to_be_focused()
    assert accessibility_faults(page) == []
    page.context.close()


def test_everything_works_without_scripts(browser, address):
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("User name").fill("dr.osei")
    page.get_by_label("Password", exact=True).fill("right")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Margaret Hughes").click()
    page.get_by_label("Note (optional)").fill("Seen.")
    page.get_by_role("button", name="Mark as reviewed").click()
    expect(page.get_by_text("The summary is marked as reviewed.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You have signed out")
    context.close()


def test_text_twice_as_large_still_fits(browser, address):
    watched = signed_in(browser, address, "dr.osei", size={"width": 640, "height": 900})
    watched.page.goto("/practice/patients/p1/summary")
    watched.page.add_style_tag(content="html { font-size: 200% !important; }")
    # The menu measures itself again when the window changes, as it does when a reader enlarges the text.
    watched.page.evaluate("window.dispatchEvent(new Event('resize'))")
    watched.page.wait_for_function(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    watched.page.context.close()
