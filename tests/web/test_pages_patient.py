"""The patient's pages: their numbers in plain words, who has looked, what they share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from page_reader import PageReader
from pages_client import client, page
from pages_examples import BANNER, SUMMARY, ExamplePatient, ExamplePlatform, ExamplePractice

from carespine.web.pages import views

pytestmark = pytest.mark.anyio


async def test_a_patient_reads_plain_words_and_not_the_clinicians_verdict():
    words = (await page("/me", "patient")).words
    assert "Your average blood pressure at home is 148 over 91." in words
    assert "stage 1 hypertension" not in words
    assert "Do not stop or change your medicine" in words


async def test_what_is_missing_is_named():
    words = (await page("/me", "patient")).words
    assert "Your apps have not sent: your oxygen saturation." in words


async def test_a_patient_without_readings_is_told_what_happens_next():
    platform = ExamplePlatform(practice=ExamplePractice(summary_page=views.SummaryPage(BANNER, None)))
    assert "You have no readings here yet" in (await page("/me", "patient", platform)).words


async def test_something_urgent_is_an_urgent_card():
    urgent = replace(SUMMARY.results[0], urgent="Assess the same day (NICE NG136).")
    summary = replace(SUMMARY, results=(urgent,))
    platform = ExamplePlatform(practice=ExamplePractice(summary_page=views.SummaryPage(BANNER, summary)))
    read = await page("/me", "patient", platform)
    assert "Urgent advice: Get advice today about: your blood pressure at home" in read.words
    assert "call 111 if your practice is closed" in read.words
    assert "Assess the same day" not in read.words


async def test_who_has_looked_says_who_when_what_and_why():
    read = await page("/me/access", "patient")
    first, second = read.all("tr")[1:]
    for words in ("20 November 2026 at 2:30pm", "Dr Amara Osei", "GP, Riverside Surgery", "Direct care"):
        assert words in first.text
    assert "Refused" in second.text


async def test_when_nobody_has_looked_the_page_says_so():
    platform = ExamplePlatform()
    platform.patient = ExamplePatient(platform.practice, rows=())
    assert "Nobody has looked at your record" in (await page("/me/access", "patient", platform)).words


async def test_stopping_a_sharing_is_one_button_and_is_confirmed():
    platform = ExamplePlatform()
    async with client("patient", platform) as browser:
        response = await browser.post("/me/sharing/c1/stop", data={"csrf_token": "patient-token"})
        told = PageReader((await browser.get(response.headers["location"])).text).words
    assert platform.patient.calls == [("withdraw", "c1")]
    assert "You have stopped sharing." in told


async def test_erasing_what_an_app_sent_needs_a_tick_and_is_confirmed():
    platform = ExamplePlatform()
    async with client("patient", platform) as browser:
        refused = await browser.post("/me/sharing/c0/erase", data={"csrf_token": "patient-token"})
        assert refused.status_code == 400
        assert "Tick the box if you want to erase these readings" in refused.text
        assert not platform.patient.calls
        data = {"csrf_token": "patient-token", "sure-c0": "yes"}
        response = await browser.post("/me/sharing/c0/erase", data=data)
        told = PageReader((await browser.get(response.headers["location"])).text).words
    assert platform.patient.calls == [("erase", "c0")]
    assert "The readings are erased." in told


async def test_sharing_needs_an_app_and_a_kind_of_reading():
    platform = ExamplePlatform()
    async with client("patient", platform) as browser:
        response = await browser.post("/me/sharing", data={"csrf_token": "patient-token"})
    read = PageReader(response.text)
    assert response.status_code == 400
    targets = {tag["href"]: tag.text for tag in read.all("a")}
    assert targets["#app"] == "Choose an app"
    assert targets["#data_class"] == "Choose at least one kind of reading"
    assert read.one("input", id="app")
    assert read.one("input", id="data_class")
    assert not platform.patient.calls


async def test_sharing_keeps_what_was_ticked_when_something_is_missing():
    async with client("patient") as browser:
        data = {"csrf_token": "patient-token", "data_class": ["activity"]}
        read = PageReader((await browser.post("/me/sharing", data=data)).text)
    assert "checked" in read.one("input", value="activity").attributes
    assert "checked" not in read.one("input", value="vital-signs").attributes


async def test_sharing_with_an_app_is_done_as_ticked():
    platform = ExamplePlatform()
    async with client("patient", platform) as browser:
        data = {
            "csrf_token": "patient-token",
            "app": "pulse-diary",
            "data_class": ["activity", "vital-signs"],
        }
        response = await browser.post("/me/sharing", data=data)
    assert response.headers["location"] == "/me/sharing?done=shared"
    assert platform.patient.calls == [("share", "pulse-diary", ("activity", "vital-signs"))]


@pytest.mark.parametrize(("app", "kind"), [("unknown-app", "activity"), ("pulse-diary", "everything-else")])
async def test_an_app_or_kind_that_was_not_offered_is_refused(app, kind):
    platform = ExamplePlatform()
    async with client("patient", platform) as browser:
        data = {"csrf_token": "patient-token", "app": app, "data_class": [kind]}
        response = await browser.post("/me/sharing", data=data)
    assert response.status_code == 400
    assert not platform.patient.calls


async def test_a_patient_who_shares_nothing_sees_how_to_begin():
    platform = ExamplePlatform()
    platform.patient.sharing_page = views.SharingPage((), (), (), ())
    words = (await page("/me/sharing", "patient", platform)).words
    assert "You are not sharing with any app." in words
    assert "There is no other certified app to share with at the moment." in words
