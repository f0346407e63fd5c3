"""The practice's pages: the inbox, the one summary, the readings behind it, marking it as reviewed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from page_reader import PageReader
from pages_client import client, page
from pages_examples import BANNER, NOW, SUMMARY, ExamplePlatform, ExamplePractice, inbox_row

from carespine.web.pages import pictures, views

pytestmark = pytest.mark.anyio

SUMMARY_PATH = "/practice/patients/p1/summary"


def with_practice(**changes):
    return ExamplePlatform(practice=ExamplePractice(**changes))


async def test_the_inbox_has_one_row_a_summary():
    read = await page("/practice/inbox", "practitioner")
    rows = read.all("tr")[1:]
    assert len(rows) == 2
    for words in ("Margaret Hughes", "999 000 0115", "68", "148/91", "20 November 2026 at 2:30pm", "Waiting"):
        assert words in rows[0].text.replace("\u00a0", " ")
    assert "Urgent: A reading of 184/121 mmHg" in rows[1].text


async def test_an_empty_inbox_says_what_will_come():
    read = await page("/practice/inbox", "practitioner", with_practice(rows=()))
    assert "Nothing is waiting" in read.words
    assert not read.all("table")


async def test_an_inbox_of_many_pages_leads_on_and_back():
    read = await page("/practice/inbox", "practitioner")
    links = {tag["href"] for tag in read.all("a")}
    assert "/practice/inbox?state=waiting&cursor=next/page%3D" in links
    read = await page("/practice/inbox?state=waiting&cursor=x", "practitioner")
    assert "/practice/inbox?state=waiting" in {tag["href"] for tag in read.all("a")}


async def test_a_reviewed_row_says_by_whom_and_when():
    row = inbox_row(state="reviewed", reviewed_by="Dr Amara Osei", reviewed_at=NOW)
    read = await page("/practice/inbox?state=reviewed", "practitioner", with_practice(rows=(row,)))
    assert "Reviewed Dr Amara Osei, 20 November 2026 at 2:30pm" in read.words


async def test_the_summary_shows_numbers_target_change_quality_and_origin():
    words = (await page(SUMMARY_PATH, "practitioner")).words
    for expected in (
        "Not for clinical use until signed",
        "148/91 mmHg",
        "Above target",
        "Target: below 135",
        "Average systolic is 6 mmHg higher than in October 2026.",
        "26 readings on 7 of 7 days. 6 readings were set aside.",
        "4 readings of the first day are left out, as NICE NG136 says",
        "sent by Pulse Diary",
        "60,000 records read: 41,204 stored, 18,731 repeated, 65 rejected.",
        "3 more days with a reading before breakfast",
        "The patient has not chosen to share: menstrual health.",
    ):
        assert expected in words, expected


async def test_each_number_leads_to_the_readings_behind_it():
    read = await page(SUMMARY_PATH, "practitioner")
    links = {tag["href"] for tag in read.all("a")}
    for result in SUMMARY.results:
        if result.state in ("ready", "not-enough"):
            assert f"/practice/patients/p1/readings?metric={result.key}" in links


async def test_each_chart_has_words_a_table_and_a_place_kept_free():
    read = await page(SUMMARY_PATH, "practitioner")
    pictures = read.all("img")
    assert len(pictures) == 6
    for picture in pictures:
        assert len(picture["alt"] or "") > 80
        assert int(picture["width"] or 0) == 720
        assert int(picture["height"] or 0) > 100
    assert len([tag for tag in read.all("summary") if tag.text.startswith("Numbers in this chart")]) == 6


async def test_an_urgent_finding_stands_before_everything_else():
    urgent = replace(SUMMARY.results[0], urgent="A reading of 184/121 mmHg on 18 November 2026.")
    summary = replace(SUMMARY, results=(urgent, *SUMMARY.results[1:]))
    platform = with_practice(summary_page=views.SummaryPage(BANNER, summary))
    words = (await page(SUMMARY_PATH, "practitioner", platform)).words
    assert words.index("184/121") < words.index("At a glance")


async def test_a_patient_without_a_summary_has_a_page_that_says_why():
    platform = with_practice(summary_page=views.SummaryPage(BANNER, None))
    async with client("practitioner", platform) as browser:
        response = await browser.get(SUMMARY_PATH)
    assert response.status_code == 404
    assert "No readings yet" in PageReader(response.text).words


async def test_marking_as_reviewed_keeps_the_note_and_leads_back_to_the_inbox():
    platform = with_practice()
    async with client("practitioner", platform) as browser:
        data = {"csrf_token": "gp-token", "note": " Rang the patient. "}
        response = await browser.post(f"{SUMMARY_PATH}/review", data=data)
        assert (response.status_code, response.headers["location"]) == (303, "/practice/inbox?done=reviewed")
        told = PageReader((await browser.get(response.headers["location"])).text).words
    assert platform.practice.notes == ["Rang the patient."]
    assert "The summary is marked as reviewed." in told


async def test_a_note_that_is_too_long_is_kept_for_mending():
    platform = with_practice()
    async with client("practitioner", platform) as browser:
        data = {"csrf_token": "gp-token", "note": "x" * 501}
        response = await browser.post(f"{SUMMARY_PATH}/review", data=data)
    read = PageReader(response.text)
    assert response.status_code == 400
    assert "Note must be 500 characters or less" in read.words
    assert "x" * 501 in read.one("textarea", id="note").text
    assert not platform.practice.notes


async def test_marking_as_reviewed_without_the_token_changes_nothing():
    platform = with_practice()
    async with client("practitioner", platform) as browser:
        response = await browser.post(f"{SUMMARY_PATH}/review", data={"note": "x"})
    assert response.status_code == 403
    assert not platform.practice.notes


async def test_a_reviewed_summary_says_by_whom_and_offers_no_second_review():
    review = views.Review("Dr Amara Osei", "GP", NOW, "Rang <b>her</b>.")
    platform = with_practice(summary_page=views.SummaryPage(BANNER, SUMMARY, "reviewed", review))
    read = await page(SUMMARY_PATH, "practitioner", platform)
    assert "Reviewed by Dr Amara Osei, GP, on 20 November 2026 at 2:30pm." in read.words
    assert "Note: Rang <b>her</b>." in read.words
    assert not read.all("textarea")


async def test_the_readings_say_when_what_and_from_where():
    words = (await page("/practice/patients/p1/readings?metric=home-blood-pressure", "practitioner")).words
    assert "20 November 2026 at 2:30pm Reading 151/92 mmHg Source Omron M7 cuff" in words
    assert "iPhone 15: 31 set aside, repeats." in words


async def test_pictures_are_drawn_from_the_look_that_the_page_was():
    platform = with_practice()
    looks = []

    async def counted(visitor, patient_id, read=platform.practice.summary):
        looks.append(patient_id)
        return await read(visitor, patient_id)

    platform.practice.summary = counted
    pictures.forget()
    async with client("practitioner", platform) as browser:
        await browser.get(SUMMARY_PATH)
        for metric in ("steps", "sleep", "weight"):
            assert (await browser.get(f"/practice/patients/p1/charts/{metric}.svg")).status_code == 200
        assert looks == ["p1"]
        assert (await browser.get("/practice/patients/p9/charts/steps.svg")).status_code == 404


async def test_a_patient_of_another_practice_is_not_found():
    async with client("practitioner") as browser:
        response = await browser.get("/practice/patients/p9/summary")
    assert response.status_code == 404
    assert "no such patient in your practice" in response.text


async def test_whatever_a_record_says_is_shown_and_never_run():
    hostile = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    urgent = replace(SUMMARY.results[0], verdict=hostile, urgent=hostile, title=hostile)
    row = inbox_row(name=hostile, headline=hostile, urgent=hostile)
    patient = replace(BANNER, name=hostile, practice=hostile)
    summary = replace(SUMMARY, results=(urgent,), not_shared=(hostile,))
    platform = with_practice(rows=(row,), summary_page=views.SummaryPage(patient, summary))
    for path in ("/practice/inbox", SUMMARY_PATH):
        read = await page(path, "practitioner", platform)
        assert hostile in read.words
        assert not [
            tag for tag in read.tags if "onerror" in tag.attributes or (tag.name == "script" and tag.text)
        ]
