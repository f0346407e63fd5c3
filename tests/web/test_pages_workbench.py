"""The supplier's workbench: opened by the application's token, and by nothing else."""

from __future__ import annotations

import pytest
from page_reader import PageReader
from pages_client import client
from pages_examples import ExamplePlatform

pytestmark = pytest.mark.anyio
OPEN = {"csrf_token": "form-token", "application": "pulse-diary", "token": "its-token"}


async def test_the_workbench_opens_with_the_token_only_and_closes():
    async with client() as browser:
        assert "Open the workbench" in (await browser.get("/supplier")).text
        wrong = await browser.post("/supplier/open", data={**OPEN, "token": "another"})
        assert (wrong.status_code, "The application or its token is wrong" in wrong.text) == (400, True)
        assert (await browser.get("/supplier/runs/run-1")).status_code == 403
        for path in ("run", "answer"):
            assert (await browser.post(f"/supplier/{path}", data=OPEN)).status_code == 403
        opened = await browser.post("/supplier/open", data=OPEN)
        assert opened.headers["location"] == "/supplier"
        assert all(
            words in opened.headers["set-cookie"]
            for words in ("HttpOnly", "SameSite=strict", "Path=/supplier")
        )
        read = PageReader((await browser.get("/supplier")).text)
        assert "Supplier’s workbench Pulse Diary" in read.one("h1").text
        await browser.post("/supplier/close", data={"csrf_token": "form-token"})
        assert "It was shown once" in (await browser.get("/supplier")).text


async def test_a_run_is_started_and_followed_and_a_failure_is_explained_with_its_exchange():
    platform = ExamplePlatform()
    async with client(None, platform) as browser:
        await browser.get("/supplier")
        await browser.post("/supplier/open", data=OPEN)
        refused = await browser.post("/supplier/run", data={**OPEN, "config": "{"})
        assert (refused.status_code, "not JSON that can be read here" in refused.text) == (400, True)
        begun = await browser.post("/supplier/run", data={**OPEN, "config": "{}", "only": "SE-05"})
        assert begun.headers["location"] == "/supplier/runs/run-1"
        going = PageReader((await browser.get("/supplier/runs/run-1")).text)
        assert "2 of 9 checks are done." in going.words
        assert "data-live" in going.one("div", id="live").attributes
        platform.workbench.going = False
        done = PageReader((await browser.get("/supplier/runs/run-1")).text)
    assert "refused: SE-05" in done.words
    assert "data-live" not in done.one("div", id="live").attributes
    for words in (
        "an altered token was taken",
        "What to do: Refuse it.",
        "Exchange 7 shows it",
        "GET /fhir 200",
    ):
        assert words in done.words
    assert done.words.index("Failed Clients") < done.words.index("Passed Another")


async def test_answers_are_sent_or_refused_beside_the_field():
    platform = ExamplePlatform()
    async with client(None, platform) as browser:
        await browser.get("/supplier")
        await browser.post("/supplier/open", data=OPEN)
        for sent, words in (
            ({"step": "reply", "answer": " "}, "Enter your answer"),
            ({"step": "withdraw", "answer": "x"}, "Choose whether you reply or appeal"),
            ({"step": "appeal", "answer": "x"}, "There is no decision to appeal against."),
        ):
            refused = await browser.post("/supplier/answer", data={**OPEN, **sent})
            assert (refused.status_code, words in refused.text) == (400, True)
        done = await browser.post("/supplier/answer", data={**OPEN, "step": "reply", "answer": "We mend it."})
        assert done.headers["location"] == "/supplier?done=answered"
    assert platform.workbench.said == ["We mend it."]
