"""What people do in the browser, in the words of the story: sign in, open a summary, review it, suspend an app."""

from __future__ import annotations

from dataclasses import dataclass

from browser_driver import accessibility_faults, overflow, watched_page
from pages_stage import PASSWORD
from playwright.sync_api import Browser, Page, expect


@dataclass
class Person:
    """Somebody at a browser window of their own. Each page they come to must be free of faults."""

    page: Page
    troubles: list[str]

    @classmethod
    def at(cls, browser: Browser, address: str) -> Person:
        watched = watched_page(browser, address)
        return cls(watched.page, watched.troubles)

    def arrive(self, heading: str) -> None:
        """The page with this heading has come, whole, accessible, and no wider than the window."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(heading)
        self.page.wait_for_load_state("networkidle")
        assert accessibility_faults(self.page) == []
        assert overflow(self.page) == 0
        assert self.troubles == []

    def open(self, path: str, *, heading: str) -> None:
        self.page.goto(path)
        self.arrive(heading)

    def follow(self, link: str, *, heading: str) -> None:
        self.page.get_by_role("link", name=link).first.click()
        self.arrive(heading)

    def press(self, button: str, *, heading: str) -> None:
        self.page.get_by_role("button", name=button).first.click()
        self.arrive(heading)

    def sign_in(self, user_name: str, *, heading: str) -> None:
        """By the landing page's link, as a person would; `heading` is that of the page they land on."""
        self.open("/", heading="Readings from home")
        self.follow("Sign in", heading="Sign in")
        self.page.get_by_label("User name").fill(user_name)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.press("Sign in", heading=heading)

    def sees(self, text: str) -> None:
        expect(self.page.locator("main")).to_contain_text(text)

    def leave(self) -> None:
        self.press("Sign out", heading="You have signed out")
        self.page.context.close()
