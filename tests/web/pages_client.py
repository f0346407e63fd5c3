"""A browser without a screen: asks the example application for pages as one of the example people."""

from __future__ import annotations

import httpx
from page_reader import PageReader
from pages_app import example_app
from pages_examples import ExamplePlatform

USERS = {"practitioner": "dr.osei", "patient": "margaret.hughes", "administrator": "jo.bell"}


def client(kind: str | None = None, platform: ExamplePlatform | None = None) -> httpx.AsyncClient:
    """Signed in as the example person of this kind, or as nobody."""
    cookies = httpx.Cookies()
    if kind:
        cookies.set("session", USERS[kind], domain="carespine.test")
    transport = httpx.ASGITransport(example_app(platform))
    return httpx.AsyncClient(transport=transport, base_url="http://carespine.test", cookies=cookies)


async def page(path: str, kind: str | None = None, platform: ExamplePlatform | None = None) -> PageReader:
    """The page at `path`, which must be there."""
    async with client(kind, platform) as browser:
        response = await browser.get(path)
    assert response.status_code == 200, response.text
    return PageReader(response.text)
