"""The pages over the real domains and the real database: who sees what, and what their forms change."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from pages_stage import (
    CERTIFICATE_ID,
    CLIENT,
    NOW,
    PASSWORD,
    PRODUCT_ID,
    RUN_ID,
    SUMMARY,
    platform_over,
    window,
)

from carespine.demo.practice.story_people import CONSENTING_PATIENT, GP, RECEPTIONIST, REFUSING_PATIENT
from carespine.kernel.ids import new_id
from carespine.security import accounts
from carespine.security.accounts import Account
from carespine.standards import store
from carespine.standards.lifecycle import Entry, Event
from carespine.web.platform import Platform

if TYPE_CHECKING:
    from conftest import Place

pytestmark = pytest.mark.anyio


@pytest.fixture
async def platform(practice: Place) -> AsyncIterator[Platform]:
    """A practice with accounts and a certified app, before any readings."""
    made = platform_over(practice.url, practice.folder)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def with_readings(practice_with_readings: Place) -> AsyncIterator[Platform]:
    made = platform_over(practice_with_readings.url, practice_with_readings.folder)
    await made.open()
    yield made
    await made.close()


async def test_the_gp_finds_one_summary_opens_it_and_marks_it_as_reviewed(with_readings):
    async with window(with_readings, "gp") as gp:
        inbox = await gp.open("/practice/inbox")
        links = [tag for tag in inbox.all("a") if tag["href"] == SUMMARY]
        assert len(links) == 1
        assert CONSENTING_PATIENT.family in links[0].text
        assert "Waiting (1)" in inbox.words
        assert "Home blood pressure: " in inbox.words
        page = await gp.open(SUMMARY)
        assert GP.place.name in page.words
        assert "Home average " in page.words
        pictures = [tag["src"] for tag in page.all("img")]
        assert len(pictures) >= 4
        for picture in pictures:
            drawn = await gp.browser.get(picture)
            assert drawn.headers["content-type"] == "image/svg+xml"
        done = await gp.send(f"{SUMMARY}/review", note="Rang her.")
        assert done.headers["location"] == "/practice/inbox?done=reviewed"
        assert "Waiting (0)" in (await gp.open("/practice/inbox")).words
        reviewed = await gp.open("/practice/inbox?state=reviewed")
        assert f"Reviewed {GP.name}, 16 November 2026" in reviewed.words
        again = await gp.open(SUMMARY)
        assert f"Reviewed by {GP.name}, GP, on 16 November 2026 at 9:30am." in again.words
        assert "Note: Rang her." in again.words


async def test_a_summary_is_reviewed_once(with_readings):
    async with window(with_readings, "gp") as gp:
        await gp.open(SUMMARY)
        await gp.send(f"{SUMMARY}/review", note="")
        second = await gp.send(f"{SUMMARY}/review", note="")
    assert second.status_code == 409
    assert "already marked" in second.text


async def test_the_readings_behind_each_number_can_be_listed(with_readings):
    async with window(with_readings, "gp") as gp:
        for metric in (
            "home-blood-pressure",
            "steps",
            "sleep",
            "weight",
            "resting-heart-rate",
            "glucose-cgm",
        ):
            read = await gp.open(f"/practice/patients/{CONSENTING_PATIENT.id}/readings?metric={metric}")
            assert len(read.all("tr")) > 3, read.words[:500]
            assert "no value" not in read.words


async def test_the_list_of_blood_pressures_says_which_ones_the_average_uses(with_readings):
    async with window(with_readings, "gp") as gp:
        listed = await gp.open(SUMMARY.replace("/summary", "/readings?metric=home-blood-pressure"))
        told = await gp.open(SUMMARY)
    used = re.search(r"The average uses (\d+) readings", listed.words)
    assert used is not None
    assert f"The average uses {used[1]} readings; the" in told.words
    rows = listed.all("tr")[1:]
    left_out = [row for row in rows if "Not used in the average." in row.text]
    assert left_out
    assert len(rows) - len(left_out) == int(used[1])


async def test_a_gp_of_another_practice_finds_neither_summary_nor_readings(with_readings):
    async with window(with_readings, "other-gp") as gp:
        assert "Nothing is waiting" in (await gp.open("/practice/inbox")).words
        for path in (
            SUMMARY,
            f"/practice/patients/{CONSENTING_PATIENT.id}/readings?metric=steps",
            "/practice/patients/nobody/summary",
        ):
            refused = await gp.open(path, expect=404)
            assert CONSENTING_PATIENT.family not in refused.words


async def test_a_receptionist_sees_the_inbox_but_no_readings(with_readings):
    async with window(with_readings, "reception") as reception:
        inbox = await reception.open("/practice/inbox")
        assert CONSENTING_PATIENT.family in inbox.words
        assert "mmHg" not in inbox.words
        await reception.open(SUMMARY, expect=403)


async def test_the_patient_sees_who_was_refused_too(with_readings):
    async with window(with_readings, "reception") as reception:
        await reception.open(SUMMARY, expect=403)
    async with window(with_readings, "patient") as patient:
        looked = (await patient.open("/me/access")).words
    assert RECEPTIONIST.name in looked
    assert "Refused" in looked


async def test_a_patient_without_readings_has_no_summary_yet(platform):
    async with window(platform, "gp") as gp:
        page = await gp.open(f"/practice/patients/{REFUSING_PATIENT.id}/summary", expect=404)
    assert "No readings yet" in page.words


async def test_the_patient_sees_the_same_number_and_who_has_looked(with_readings):
    async with window(with_readings, "gp") as gp:
        verdict = (await gp.open(SUMMARY)).words
    pressure = verdict.split("Home average ")[1].split(" ")[0]
    async with window(with_readings, "patient") as patient:
        assert pressure in (await patient.open("/me")).words
        looked = await patient.open("/me/access")
        assert GP.name in looked.words
        assert f"GP, {GP.place.name}" in looked.words
        assert "Direct care" in looked.words
        assert len((await patient.open("/me/readings?metric=sleep")).all("tr")) > 3


async def test_another_patient_sees_nothing_of_it(with_readings):
    async with window(with_readings, "refuser") as other:
        assert "You have no readings here yet" in (await other.open("/me")).words
        await other.open(SUMMARY, expect=403)
        await other.open("/me/charts/steps.svg", expect=404)


async def test_a_patient_stops_sharing_and_shares_again(platform):
    async with window(platform, "patient") as patient:
        page = await patient.open("/me/sharing")
        assert "Steady Band" in page.words
        stop = next(tag["action"] for tag in page.all("form") if (tag["action"] or "").endswith("/stop"))
        assert (await patient.send(stop)).status_code == 303
        stopped = await patient.open("/me/sharing")
        assert "You are not sharing with any app." in stopped.words
        assert "Stopped 16 November 2026 at 9:30am" in stopped.words
        shared = await patient.send("/me/sharing", app=CLIENT, data_class=["activity", "sleep"])
        assert shared.headers["location"] == "/me/sharing?done=shared"
        assert "activity, sleep" in (await patient.open("/me/sharing")).words


async def test_a_patient_cannot_stop_another_patients_sharing(platform):
    async with window(platform, "patient") as patient:
        page = await patient.open("/me/sharing")
        stop = next(tag["action"] for tag in page.all("form") if (tag["action"] or "").endswith("/stop"))
    async with window(platform, "refuser") as other:
        await other.open("/me/sharing")
        assert (await other.send(stop)).status_code == 404
    async with window(platform, "patient") as patient:
        assert "You are not sharing with any app." not in (await patient.open("/me/sharing")).words


async def test_an_administrator_suspends_with_a_reason_and_everyone_reads_it(platform):
    reason = "It showed one patient's data to another."
    async with window(platform, "admin") as admin:
        assert "Steady Band" in (await admin.open("/admin/products")).words
        await admin.open(f"/admin/products/{PRODUCT_ID}")
        done = await admin.send(f"/admin/products/{PRODUCT_ID}/suspend", reason=reason)
        assert done.headers["location"] == f"/admin/products/{PRODUCT_ID}?done=suspended"
    async with window(platform) as anyone:
        page = await anyone.open(f"/standards/products/{PRODUCT_ID}")
        assert f"Access is refused Since 16 November 2026 at 9:30am. {reason}" in page.words
        assert "This ends on 30 November 2026" in page.words
    async with window(platform, "patient") as patient:
        assert "holds no valid certificate now" in (await patient.open("/me/sharing")).words
    async with window(platform, "admin") as admin:
        await admin.open(f"/admin/products/{PRODUCT_ID}")
        await admin.send(f"/admin/products/{PRODUCT_ID}/reinstate", reason="Mended and tested again.")
        assert "Certified" in (await admin.open(f"/admin/products/{PRODUCT_ID}")).words


async def test_an_administrator_reaches_no_patient(with_readings):
    async with window(with_readings, "admin") as admin:
        await admin.open(SUMMARY, expect=403)
        await admin.open("/practice/inbox", expect=403)


async def test_the_public_pages_lead_to_certificate_report_and_evidence(platform):
    async with window(platform) as anyone:
        page = await anyone.open(f"/standards/products/{PRODUCT_ID}")
        links = {tag["href"] for tag in page.all("a")}
        assert {f"/standards/certificates/{CERTIFICATE_ID}", f"/standards/runs/{RUN_ID}/report.html"} <= links
        assert (await anyone.browser.get(f"/standards/certificates/{CERTIFICATE_ID}")).text == "a.b.c"
        catalogue = await anyone.open("/standards")
        assert len(catalogue.all("article")) >= 15
        await anyone.open("/standards/products/none", expect=404)


async def test_a_wrong_password_locks_the_account_in_the_same_words(platform):
    async with window(platform) as stranger:
        told = set()
        for name in ["gp"] * 9 + ["nobody"]:
            await stranger.open("/sign-in")
            response = await stranger.send("/sign-in", user_name=name, password="wrong")
            assert response.status_code == 401
            told.add(response.text.split('nhsuk-error-summary__list">')[1].split("</ul>")[0].strip())
        assert len(told) == 1
        await stranger.open("/sign-in")
        assert (await stranger.send("/sign-in", user_name="gp", password=PASSWORD)).status_code == 401


async def test_signing_in_and_out_is_on_record(platform):
    async with window(platform, "gp") as gp:
        await gp.open("/practice/inbox")
        await gp.send("/sign-out")
        response = await gp.browser.get("/practice/inbox")
        assert response.status_code == 303
    async with platform.database.connection() as connection:
        bodies = [bytes(row["body"]) for row in await connection.fetch("select body from audit_event")]
    for word in (b'"login"', b'"logout"'):
        assert any(word in body and b'"gp"' in body for body in bodies)


async def test_a_form_token_of_another_session_is_refused(platform):
    async with window(platform, "patient") as patient:
        await patient.open("/me/sharing")
        stolen = patient.token
    async with window(platform, "admin") as admin:
        response = await admin.browser.post(
            f"/admin/products/{PRODUCT_ID}/suspend", data={"csrf_token": stolen, "reason": "x"}
        )
    assert response.status_code == 403


async def test_an_unknown_address_is_a_page_for_people_and_an_outcome_for_programs(platform):
    async with window(platform) as anyone:
        assert "Page not found" in (await anyone.open("/nowhere", expect=404)).words
        answer = await anyone.browser.get("/nowhere", headers={"accept": "application/json"})
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_the_register_is_used_by_a_health_body_the_authority_and_a_supplier(platform):
    local = Account("local", "Lou Local", "administrator", "administrator", "A81001", "Practitioner/lou")
    async with platform.database.transaction() as tx:
        await accounts.save(tx, local, PASSWORD)
        other = replace(
            await store.application(tx, PRODUCT_ID), id=new_id(), product="Other Band", client_id="other-band"
        )
        await store.add_application(tx, other, secret=sha256(b"another").digest())
        await store.add_event(tx, other.id, Entry(Event.APPLY, NOW, "supplier", "applied"))
    async with window(platform, "admin") as admin:
        await admin.open("/estate", expect=403)
        assert "No case is open" in (await admin.open("/admin/cases")).words
    async with window(platform, "local") as body:
        assert "No product is on record for your organisation" in (await body.open("/estate")).words
        taken = await body.send("/estate/adopt", product=PRODUCT_ID, area="")
        assert taken.headers["location"] == "/estate?done=adopted"
        assert "Steady Band" in (await body.open("/estate")).one("table").text
        refused = await body.send("/estate/adopt", product=other.id, area="")
        assert refused.status_code == 400
        read = await body.open(f"/standards/products/compare?product={PRODUCT_ID}&product={other.id}")
        assert "by probe on 17 October 2026" in read.words
        narrowed = await body.open("/standards/products?state=applied")
        assert "Other Band" in narrowed.one("table").text
        assert "Steady Band" not in narrowed.one("table").text
    async with window(platform) as supplier:
        await supplier.open("/supplier")
        opened = await supplier.send("/supplier/open", application=PRODUCT_ID, token="token")
        assert opened.status_code == 303
        assert "Steady Band" in (await supplier.open("/supplier")).one("h1").text
        refused = await supplier.send("/supplier/answer", step="reply", answer="There is no finding.")
        assert refused.status_code == 400
        assert "is certified" in refused.text
        bad = await supplier.send("/supplier/run", only="SE-13", config='{"nonsense": 1}')
        assert bad.status_code == 400
        begun = await supplier.send("/supplier/run", only="SE-13", config="")
        await supplier.open(begun.headers["location"])
