"""What the build lays into static/vendor: only what pages use, nothing that another host would serve."""

from __future__ import annotations

import re
from importlib import metadata

import pytest

from carespine.web.pages.rendering import STATIC

VENDOR = STATIC / "vendor"


@pytest.fixture
def styles() -> str:
    return (VENDOR / "nhsuk-frontend.min.css").read_text("utf-8")


def test_the_styles_load_no_font_and_nothing_from_another_host(styles):
    assert "@font-face" not in styles
    assert set(re.findall(r"url\(([^)/]*)/", styles)) == {"images"}


def test_every_picture_the_styles_name_is_there(styles):
    named = set(re.findall(r"url\(images/([^)]*)\)", styles))
    assert named
    assert {path.name for path in (VENDOR / "images").iterdir()} == named


def test_the_licence_is_named_beside_the_files():
    assert re.search(r"nhsuk-frontend \d+\.\d+\.\d+ \(licence: MIT\)", (VENDOR / "NOTICE.txt").read_text())


def test_styles_and_templates_are_of_versions_that_belong_together():
    # The table in the README of nhsuk-frontend-jinja pairs 10.6.1 with 0.10.2.
    built = re.search(r"nhsuk-frontend (\S+)", (VENDOR / "NOTICE.txt").read_text())
    assert built
    assert (built[1], metadata.version("nhsuk-frontend-jinja")) == ("10.6.1", "0.10.2")
