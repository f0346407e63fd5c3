"""The story's steps 5 and 6 in a real browser, over the real server and database: one summary, then phase-out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest
from browser_driver import IMAGES_ARE_DRAWN, chromium, served
from browser_people import Person
from pages_stage import PRODUCT_ID, assertion, platform_over
from playwright.sync_api import expect

from carespine.demo.practice.story_people import CONSENTING_PATIENT, GP
from carespine.security.assertions import ASSERTION_TYPE
from carespine.web.app import build

if TYPE_CHECKING:
    from conftest import Place

pytestmark = pytest.mark.browser

REASON = "It showed one patient's readings to another."


@pytest.fixture
def address(practice_with_readings: Place) -> Iterator[str]:
    """The real application, with a patient's readings in it."""
    with served(build(platform_over(practice_with_readings.url, practice_with_readings.folder))) as running:
        yield running


def test_the_gp_sees_one_thing_and_phase_out_bites(address: str) -> None:
    with chromium() as browser:
        pressure = the_gp_reviews_the_one_summary(Person.at(browser, address))
        the_patient_sees_the_same_and_who_has_looked(Person.at(browser, address), pressure)
        assert ask_for_a_token(address).status_code == 200
        an_administrator_suspends_the_app(Person.at(browser, address))
        refused = ask_for_a_token(address)
        assert refused.status_code in (400, 401, 403)
        assert "suspended" in refused.text
        everyone_reads_why(Person.at(browser, address))
        the_readings_stay(Person.at(browser, address), pressure)


def the_gp_reviews_the_one_summary(gp: Person) -> str:
    """Inbox, summary, where the number comes from, the readings themselves, and back to mark it as reviewed."""
    gp.sign_in("gp", heading="Inbox")
    expect(gp.page.get_by_role("row")).to_have_count(2)
    gp.follow(CONSENTING_PATIENT.family, heading=CONSENTING_PATIENT.family)
    gp.sees("Not for clinical use")
    pressure = gp.page.locator("#home-blood-pressure .app-verdict").inner_text().split()[2]
    charts = gp.page.locator("img")
    assert charts.count() >= 5
    assert gp.page.evaluate(IMAGES_ARE_DRAWN)
    gp.page.get_by_text("Where this comes from: home blood pressure").click()
    gp.follow("See the readings behind home blood pressure", heading="Readings: Home blood pressure")
    assert gp.page.get_by_role("row").count() > 20
    gp.follow("Back to summary", heading=CONSENTING_PATIENT.family)
    gp.page.get_by_label("Note (optional)").fill("Rang her: appointment next week.")
    gp.press("Mark as reviewed", heading="Inbox")
    gp.sees("The summary is marked as reviewed.")
    gp.sees("Nothing is waiting")
    gp.leave()
    return pressure


def the_patient_sees_the_same_and_who_has_looked(patient: Person, pressure: str) -> None:
    patient.sign_in("patient", heading="My readings")
    patient.sees(pressure)
    patient.sees(f"{GP.name} at your practice looked at this summary")
    patient.follow("Who has looked", heading="Who has looked at my record")
    patient.sees(GP.name)
    patient.sees("Steady Band")
    patient.follow("What I share", heading="What I share")
    patient.sees("Steady Band")
    patient.leave()


def an_administrator_suspends_the_app(administrator: Person) -> None:
    administrator.sign_in("admin", heading="Products")
    administrator.follow("Steady Band", heading="Steady Band")
    administrator.page.get_by_label("Reason").fill(REASON)
    administrator.press("Suspend this product", heading="Steady Band")
    administrator.sees("Steady Band is suspended. Its next request is refused.")
    administrator.leave()


def ask_for_a_token(address: str) -> httpx.Response:
    """What the app does next: authenticate with its key."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion("http://127.0.0.1:8600/oauth/token"),
        "scope": "system/Observation.c",
    }
    return httpx.post(f"{address}/oauth/token", data=form)


def everyone_reads_why(anyone: Person) -> None:
    anyone.open("/standards/products", heading="Register of products")
    anyone.sees("Suspended")
    anyone.follow("Steady Band", heading="Steady Band")
    assert anyone.page.url.endswith(PRODUCT_ID)
    anyone.sees("Access is refused")
    anyone.sees(REASON)
    anyone.page.context.close()


def the_readings_stay(patient: Person, pressure: str) -> None:
    patient.sign_in("patient", heading="My readings")
    patient.sees(pressure)
    patient.follow("What I share", heading="What I share")
    patient.sees("holds no valid certificate now")
    patient.page.context.close()
