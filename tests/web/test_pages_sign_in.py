"""Signing in and out: messages, tokens, where it leads."""

from __future__ import annotations

import pytest
from page_reader import PageReader
from pages_client import client
from pages_examples import ExamplePlatform

from carespine.security.accounts import REFUSED

pytestmark = pytest.mark.anyio

ANY = {"user_name": "dr.osei", "password": "right", "csrf_token": "form-token", "next": ""}


async def post(**fields):
    async with client() as browser:
        await browser.get("/sign-in")
        return await browser.post("/sign-in", data={**ANY, **fields})


@pytest.mark.parametrize(
    ("user_name", "leads_to"),
    [("dr.osei", "/practice/inbox"), ("margaret.hughes", "/me"), ("jo.bell", "/admin/products")],
)
async def test_each_person_lands_on_their_own_page(user_name, leads_to):
    response = await post(user_name=user_name)
    assert (response.status_code, response.headers["location"]) == (303, leads_to)


async def test_after_signing_in_the_page_that_was_asked_for_is_shown():
    response = await post(next="/practice/patients/p1/summary")
    assert response.headers["location"] == "/practice/patients/p1/summary"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "javascript:alert(1)",
        "/x\r\nSet-Cookie: a=b",
        "evil",
    ],
)
async def test_signing_in_never_leads_to_another_site(elsewhere):
    response = await post(next=elsewhere)
    assert response.headers["location"] == "/practice/inbox"


async def test_empty_fields_are_named_in_the_summary_and_beside_the_field():
    response = await post(user_name="", password="")
    read = PageReader(response.text)
    assert response.status_code == 400
    assert read.one("title").text.startswith("Error: ")
    links = {tag["href"]: tag.text for tag in read.all("a") if (tag["href"] or "").startswith("#")}
    assert links["#user_name"] == "Enter your user name"
    assert links["#password"] == "Enter your password"
    assert read.one("input", id="user_name")["aria-describedby"] == "user_name-error"


@pytest.mark.parametrize(
    ("user_name", "password"), [("dr.osei", "wrong"), ("nobody", "wrong"), ("nobody", "right")]
)
async def test_a_wrong_name_and_a_wrong_password_read_the_same(user_name, password):
    response = await post(user_name=user_name, password=password)
    assert response.status_code == 401
    assert REFUSED in PageReader(response.text).words
    assert "session" not in response.cookies


async def test_what_was_typed_is_shown_again_but_never_the_password():
    response = await post(user_name='x"><script>', password="my secret")
    assert "my secret" not in response.text
    assert "<script>" not in response.text.replace('<script src="', "").replace('<script type="module"', "")
    assert PageReader(response.text).one("input", id="user_name")["value"] == 'x"><script>'


async def test_a_form_without_our_token_is_refused():
    response = await post(csrf_token="guessed")
    assert response.status_code == 403


async def test_signing_out_needs_the_token_and_ends_the_session():
    async with client("practitioner") as browser:
        assert (await browser.post("/sign-out", data={"csrf_token": "wrong"})).status_code == 403
        response = await browser.post("/sign-out", data={"csrf_token": "gp-token"})
        assert (response.status_code, response.headers["location"]) == (303, "/signed-out")
        assert (await browser.get("/practice/inbox")).status_code == 303


async def test_someone_signed_in_is_not_asked_again():
    async with client("patient") as browser:
        response = await browser.get("/sign-in")
    assert response.headers["location"] == "/me"


@pytest.mark.parametrize("path", ["/", "/sign-in"])
async def test_demonstration_sign_ins_show_only_in_a_demonstration(path):
    async with client() as browser:
        assert "riverside-demo-1" in (await browser.get(path)).text
    async with client(platform=ExamplePlatform(sign_ins=())) as browser:
        html = (await browser.get(path)).text
    assert "demo" not in html.lower()


async def test_the_landing_page_says_that_nobody_here_is_real():
    async with client() as browser:
        words = PageReader((await browser.get("/")).text).words
    assert "Made-up people only. Not for clinical use." in words


@pytest.mark.parametrize(
    "sent",
    [{"files": {"csrf_token": ("a", b"x")}}, {"files": [(f"field{i}", (None, "x")) for i in range(61)]}],
)
async def test_a_form_of_a_kind_that_no_page_sends_is_refused_and_no_fault_of_ours(sent):
    async with client() as browser:
        response = await browser.post("/sign-in", **sent)
    assert response.status_code == 400
