"""Pages about products: the public register, the catalogue, suspending and reinstating."""

from __future__ import annotations

from dataclasses import replace

import pytest
from page_reader import PageReader
from pages_client import client, page
from pages_examples import PRODUCT, ExamplePlatform, ExampleProducts

from carespine.web.pages.views import AreaGate

pytestmark = pytest.mark.anyio

DESK = "/admin/products/pulse-diary"


async def test_the_catalogue_lists_each_requirement_with_its_source():
    read = await page("/standards")
    article = read.one("article", id="SE-05")
    for words in ("Must", "25 of 25 bad tokens are refused", "NHS API platform rules", "A running test"):
        assert words in article.text
    assert "3 requirements, 2 of them checked by a running test" in read.words


async def test_the_register_shows_state_and_validity():
    rows = (await page("/standards/products")).all("tr")[1:]
    assert "Certified since 20 November 2026" in rows[0].text
    assert "20 November 2027" in rows[0].text
    assert "Not certified" in rows[1].text
    assert "No certificate" in rows[1].text


async def test_an_empty_register_says_how_it_fills():
    platform = ExamplePlatform(products=ExampleProducts(rows=()))
    assert "No product is registered yet" in (await page("/standards/products", None, platform)).words


async def test_a_product_leads_to_its_certificate_and_its_report():
    links = {tag["href"]: tag.text for tag in (await page("/standards/products/pulse-diary")).all("a")}
    assert links["/standards/certificates/0199f1c2-cert"] == "Download the signed certificate"
    assert links["/standards/runs/r1/report.html"] == "Read the test report"


async def test_suspending_needs_a_reason():
    platform = ExamplePlatform()
    async with client("administrator", platform) as browser:
        response = await browser.post(f"{DESK}/suspend", data={"csrf_token": "admin-token", "reason": "  "})
    assert response.status_code == 400
    assert "Enter why you are suspending it" in PageReader(response.text).words
    assert platform.products.page.refused is None


async def test_a_suspension_is_shown_at_once_to_everyone_with_its_reason():
    platform = ExamplePlatform()
    async with client("administrator", platform) as browser:
        data = {"csrf_token": "admin-token", "reason": "It showed one patient's data to another."}
        response = await browser.post(f"{DESK}/suspend", data=data)
        assert response.headers["location"] == f"{DESK}?done=suspended"
        desk = PageReader((await browser.get(response.headers["location"])).text)
    assert "Pulse Diary is suspended." in desk.words
    assert "Reinstate this product" in desk.words
    assert "Suspend this product" not in desk.words
    public = (await page("/standards/products/pulse-diary", None, platform)).words
    assert (
        "Access is refused Since 20 November 2026 at 2:30pm. It showed one patient's data to another."
        in public
    )
    assert "Decided by Jo Bell" in public


async def test_reinstating_gives_the_reason_too():
    platform = ExamplePlatform()
    async with client("administrator", platform) as browser:
        await browser.post(f"{DESK}/suspend", data={"csrf_token": "admin-token", "reason": "A fault"})
        response = await browser.post(
            f"{DESK}/reinstate", data={"csrf_token": "admin-token", "reason": "Mended"}
        )
    assert response.headers["location"] == f"{DESK}?done=reinstated"


async def test_a_decision_is_recorded_and_told():
    platform = ExamplePlatform()
    sent = {"csrf_token": "admin-token", "step": "find", "severity": "2", "why": "Readings lose their zone."}
    async with client("administrator", platform) as browser:
        response = await browser.post(f"{DESK}/decide", data=sent)
        assert response.headers["location"] == f"{DESK}?done=decided"
        desk = PageReader((await browser.get(response.headers["location"])).text)
    assert "is now shown as “Restricted”" in desk.words
    assert "Used by A81001, B82002" in desk.words


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"step": ""}, "Choose what you decide"),
        ({"step": "certify"}, "Choose what you decide"),
        ({"severity": "4"}, "Choose how severe it is"),
        ({"why": "  "}, "Enter why you decide so"),
        ({"why": "x" * 501}, "Why must be 500 characters or less"),
    ],
)
async def test_a_decision_that_is_not_whole_is_told_beside_its_field(wrong, message):
    sent = {"csrf_token": "admin-token", "step": "find", "severity": "", "why": "A fault.", **wrong}
    async with client("administrator") as browser:
        response = await browser.post(f"{DESK}/decide", data=sent)
    assert response.status_code == 400
    assert message in PageReader(response.text).words


async def test_a_decision_that_is_refused_is_a_page():
    async with client("administrator") as browser:
        response = await browser.post(f"{DESK}/reinstate", data={"csrf_token": "admin-token", "reason": "no"})
    assert response.status_code == 403
    assert "Only another administrator may reinstate it." in PageReader(response.text).words


async def test_suspending_twice_is_a_conflict_in_words():
    platform = ExamplePlatform()
    async with client("administrator", platform) as browser:
        for expected in (303, 409):
            data = {"csrf_token": "admin-token", "reason": "A fault"}
            assert (await browser.post(f"{DESK}/suspend", data=data)).status_code == expected


async def test_only_an_administrator_may_suspend():
    platform = ExamplePlatform()
    async with client("practitioner", platform) as browser:
        response = await browser.post(f"{DESK}/suspend", data={"csrf_token": "gp-token", "reason": "x"})
    assert response.status_code == 403
    assert platform.products.page.refused is None


async def test_a_waiver_is_granted_with_an_end_and_shown_in_public():
    product = replace(PRODUCT, waivable=(("SE-09", "SE-09 Penetration test"),))
    platform = ExamplePlatform(products=ExampleProducts(page=product))
    sent = {"csrf_token": "admin-token", "requirement": "SE-09", "organisation": "A81001", "until": "2027-03-31",
            "grounds": "The test is booked for March."}  # fmt: skip
    async with client("administrator", platform) as browser:
        for name, wrong, message in (
            ("requirement", "SE-05", "Choose a requirement that may be waived"),
            ("organisation", "Z99999", "Choose everywhere, or an organisation that uses the product"),
            ("until", "", "Enter the last day on which the waiver holds"),
            ("grounds", " ", "Enter why it may be left unmet"),
        ):
            refused = await browser.post(f"{DESK}/waive", data={**sent, name: wrong})
            assert refused.status_code == 400
            assert message in PageReader(refused.text).words
        response = await browser.post(f"{DESK}/waive", data=sent)
        assert response.headers["location"] == f"{DESK}?done=waived"
    public = (await page("/standards/products/pulse-diary", None, platform)).words
    assert "In force until 31 March 2027" in public
    assert "The test is booked for March." in public


async def test_the_register_is_narrowed_and_says_when_nothing_is_left():
    read = await page("/standards/products?state=certified")
    assert [tag.text for tag in read.all("tr")[1:] if "Pulse" in tag.text]
    assert "No product is like that" in (await page("/standards/products?state=withdrawn")).words


async def test_two_to_four_products_are_compared_on_evidence():
    async with client() as browser:
        few = await browser.get("/standards/products/compare?product=pulse-diary")
        assert (few.status_code, "Choose 2 to 4 products" in few.text) == (400, True)
        read = PageReader((await browser.get("/standards/products/compare?product=a&product=b")).text)
    assert "by probe on 20 November 2026, counts until 20 November 2026" in read.words
    assert "Does not apply" in read.words


async def test_a_health_body_takes_up_a_product_and_sees_what_ends():
    platform = ExamplePlatform()
    async with client("administrator", platform) as browser:
        sent = {"csrf_token": "admin-token", "product": "pulse-diary", "area": "E54000009"}
        for wrong, words in (
            ({"product": "steply"}, "Choose a product that may come to new organisations"),
            ({"area": "x" * 41}, "40 characters or less"),
            ({"area": "closed"}, "The area has not accepted it."),
        ):
            refused = await browser.post("/estate/adopt", data={**sent, **wrong})
            assert refused.status_code == 400
            assert words in PageReader(refused.text).words
        assert (await browser.post("/estate/adopt", data=sent)).headers["location"] == "/estate?done=adopted"
        read = PageReader((await browser.get("/estate?done=adopted")).text)
    assert "in E54000009" in read.words
    assert "The certificate: 20 November 2026" in read.words
    async with client() as stranger:
        assert (await stranger.get("/estate")).headers["location"] == "/sign-in?next=%2Festate"


async def test_an_area_is_opened_with_a_cap_and_a_review_and_shown_in_public():
    waiting = AreaGate(
        "E54000008", False, False, ("G1: the area is not open",), 0, None, None, (("formulary", "local"),)
    )
    platform = ExamplePlatform(products=ExampleProducts(page=replace(PRODUCT, areas=(waiting,))))
    sent = {"csrf_token": "admin-token", "area": "E54000008", "area_step": "accept", "cap": "2600",
            "review": "2027-01-31", "area_why": "The evidence is whole."}  # fmt: skip
    async with client("administrator", platform) as browser:
        for wrong, words in (
            ({"area": "E1"}, "Choose an area for which evidence was sent"),
            ({"area_step": "submit"}, "Choose what you decide on the area"),
            ({"cap": "many"}, "The cap is a whole number of patients"),
            ({"cap": ""}, "G2: an area has a cap of at least one patient."),
            ({"review": "soon"}, "Enter the day of review"),
            ({"area_why": ""}, "Enter why you decide so on the area"),
        ):
            refused = await browser.post(f"{DESK}/area", data={**sent, **wrong})
            assert refused.status_code == 400
            assert words in PageReader(refused.text).words
        assert (await browser.post(f"{DESK}/area", data=sent)).headers["location"] == f"{DESK}?done=area"
    public = (await page("/standards/products/pulse-diary", None, platform)).words
    assert "0 of 2600 review by 31 January 2027" in public


async def test_cases_say_what_was_said_who_acts_and_until_when():
    read = await page("/admin/cases", "administrator")
    assert "Example Ltd, 20 November 2026: We mend it by May." in read.words
    assert "under appeal since 20 November 2026" in read.words
    nothing = ExamplePlatform(products=ExampleProducts(rows=()))
    assert "No case is open" in (await page("/admin/cases", "administrator", nothing)).words
    async with client("practitioner") as browser:
        assert (await browser.get("/admin/cases")).status_code == 403
