"""Errors as pages: plain words, what to do next, nothing from inside the machine."""

from __future__ import annotations

import pytest
from page_reader import PageReader
from pages_client import client
from pages_examples import ExamplePlatform

from carespine.kernel.errors import CarespineError, Gone, TooMany, Unavailable
from carespine.web.pages.problems import problem_page

pytestmark = pytest.mark.anyio


async def when_the_inbox_raises(error: Exception):
    platform = ExamplePlatform()

    async def inbox(*_arguments, **_named):
        raise error

    platform.practice.inbox = inbox
    async with client("practitioner", platform) as browser:
        return await browser.get("/practice/inbox")


async def test_a_fault_of_ours_is_a_page_with_a_reference_and_no_details():
    response = await when_the_inbox_raises(RuntimeError("secret: the database password"))
    read = PageReader(response.text)
    assert response.status_code == 500
    assert read.one("h1").text == "Sorry, there is a problem with the service"
    assert "secret" not in response.text
    assert response.headers["x-request-id"] in read.words


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (Unavailable("The database is starting."), 503, "Try again in a few minutes."),
        (TooMany("Slow down.", headers={"Retry-After": "7"}), 429, "Wait a minute"),
        (Gone("It was deleted."), 410, "It was deleted."),
    ],
)
async def test_an_error_raised_on_purpose_says_what_to_do(error, status, words):
    response = await when_the_inbox_raises(error)
    assert response.status_code == status
    assert words in PageReader(response.text).words
    for name, value in error.headers.items():
        assert response.headers[name] == value


@pytest.mark.parametrize("kind", CarespineError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_kind_of_error_has_a_title_for_people(kind):
    read = PageReader(problem_page(kind.status).body.decode())
    assert read.one("h1").text
    assert str(kind.status) not in read.one("h1").text
