"""What holds for every page: one heading, a title, a skip link, nothing inline, nothing from elsewhere."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from page_reader import PageReader
from pages_client import client, page

pytestmark = pytest.mark.anyio

PAGES = [
    ("/", None),
    ("/sign-in", None),
    ("/signed-out", None),
    ("/standards", None),
    ("/standards/products", None),
    ("/standards/products/pulse-diary", None),
    ("/practice/inbox", "practitioner"),
    ("/practice/inbox?state=reviewed", "practitioner"),
    ("/practice/patients/p1/summary", "practitioner"),
    ("/practice/patients/p1/readings?metric=steps", "practitioner"),
    ("/me", "patient"),
    ("/me/readings?metric=steps", "patient"),
    ("/me/access", "patient"),
    ("/me/sharing", "patient"),
    ("/admin/products", "administrator"),
    ("/admin/products/pulse-diary", "administrator"),
    ("/standards/products/compare", None),
    ("/standards/products/compare?product=a&product=b", None),
    ("/estate", "administrator"),
    ("/supplier", None),
    ("/admin/cases", "administrator"),
]


@pytest.mark.parametrize(("path", "kind"), PAGES)
async def test_a_page_has_one_heading_a_title_a_language_and_a_skip_link(path, kind):
    read = await page(path, kind)
    assert read.one("h1").text
    assert read.one("title").text.endswith("– Carespine")
    assert read.one("html")["lang"] == "en-GB"
    assert read.one("main")["id"] == "maincontent"
    first_link = read.all("a")[0]
    assert (first_link["href"], first_link.text) == ("#maincontent", "Skip to main content")


@pytest.mark.parametrize(("path", "kind"), PAGES)
async def test_a_page_needs_no_inline_script_or_style_and_no_other_host(path, kind):
    read = await page(path, kind)
    assert not read.all("style")
    assert all(tag["src"] and not tag.text for tag in read.all("script"))
    for tag in read.tags:
        assert "style" not in tag.attributes, tag
        assert not [name for name in tag.attributes if name.startswith("on")], tag
        for name in ("src", "srcset", "action", "formaction", "data"):
            assert (tag[name] or "/").startswith("/"), tag
        if tag.name == "link":
            assert (tag["href"] or "").startswith("/")


@pytest.mark.parametrize(("path", "kind"), PAGES)
async def test_headings_go_down_one_level_at_a_time_and_ids_are_used_once(path, kind):
    read = await page(path, kind)
    levels = [int(tag.name[1]) for tag in read.tags if re.fullmatch("h[1-6]", tag.name)]
    main = levels[levels.index(1) :]
    assert all(after <= before + 1 for before, after in pairwise(main)), levels
    ids = [tag["id"] for tag in read.tags if tag["id"]]
    assert len(ids) == len(set(ids)), sorted(ids)


@pytest.mark.parametrize(("path", "kind"), PAGES)
async def test_every_form_that_changes_something_carries_the_token(path, kind):
    async with client(kind) as browser:
        html = (await browser.get(path)).text
    for form in re.findall(r"<form.*?</form>", html, re.DOTALL):
        if 'method="post"' in form:
            assert re.search(r'name="csrf_token" value="[^"]+"', form), form


@pytest.mark.parametrize(("path", "kind"), PAGES)
async def test_every_field_has_a_label(path, kind):
    read = await page(path, kind)
    labelled = {tag["for"] for tag in read.all("label")}
    for tag in [*read.all("input"), *read.all("textarea"), *read.all("select")]:
        assert tag["type"] == "hidden" or tag["id"] in labelled, tag


@pytest.mark.parametrize(("path", "kind"), PAGES)
async def test_no_page_is_kept_in_a_cache_and_the_policy_is_strict(path, kind):
    async with client(kind) as browser:
        response = await browser.get(path)
    assert response.headers["cache-control"] == "no-store"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


async def test_every_static_file_a_page_names_is_there():
    async with client() as browser:
        read = PageReader((await browser.get("/")).text)
        for tag in [*read.all("link"), *read.all("script")]:
            response = await browser.get(tag["href"] or tag["src"] or "")
            assert response.status_code == 200


@pytest.mark.parametrize(
    ("path", "kind", "template_word"),
    [
        ("/practice/inbox", "patient", "people who work in a practice"),
        ("/me", "practitioner", "for patients"),
        ("/admin/products", "practitioner", "for administrators"),
    ],
)
async def test_a_page_for_someone_else_is_refused_in_plain_words(path, kind, template_word):
    async with client(kind) as browser:
        response = await browser.get(path)
    assert response.status_code == 403
    assert template_word in PageReader(response.text).words


@pytest.mark.parametrize(
    "path",
    ["/practice/inbox", "/me", "/me/access", "/admin/products", "/practice/patients/p1/charts/steps.svg"],
)
async def test_someone_not_signed_in_is_led_to_sign_in_and_back(path):
    async with client() as browser:
        response = await browser.get(path)
    assert response.status_code == 303
    assert response.headers["location"] == "/sign-in?next=" + path.replace("/", "%2F")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "99999999999", "²"])
async def test_a_page_number_that_is_none_is_refused(number):
    async with client("practitioner") as browser:
        response = await browser.get(
            "/practice/patients/p1/readings", params={"metric": "steps", "page": number}
        )
    assert response.status_code == 400
    assert "page number" in PageReader(response.text).words
