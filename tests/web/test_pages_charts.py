"""Charts: the same numbers give the same drawing, words and a table say what the picture shows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from pages_client import client
from pages_examples import LAST, SUMMARY, blood_pressure, glucose, weight

from carespine.devices.models import Point, Series
from carespine.web.pages import charts

pytestmark = pytest.mark.anyio

DRAWN = [result for result in SUMMARY.results if result.series]


@pytest.mark.parametrize("result", DRAWN, ids=lambda result: result.key)
@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_a_drawing_is_well_formed_of_the_promised_size_and_always_the_same(result, width):
    svg = charts.draw(result, width)
    root = ET.fromstring(svg)  # noqa: S314 -- our own drawing
    assert root.get("viewBox") == "0 0 {} {}".format(*charts.size(result, width))
    assert charts.draw(result, width) == svg


@pytest.mark.parametrize("result", DRAWN, ids=lambda result: result.key)
def test_a_drawing_asks_nothing_of_other_hosts_and_keeps_words_as_words(result):
    svg = charts.draw(result, "wide").decode()
    addresses = set(re.findall(r"(?:href|src)=\"([^\"]*)\"|url\(([^)]*)\)", svg))
    assert all(address.startswith("#") for pair in addresses for address in pair if address)
    assert "<text" in svg
    assert "DejaVu Sans', sans-serif" in svg


def test_the_target_is_drawn_and_named():
    assert "Target: below 135" in charts.draw(blood_pressure(), "wide").decode()


def test_the_words_of_a_chart_say_from_when_to_when_and_between_what():
    words = charts.alt_text(weight())
    assert words.startswith("Chart of weight. Weight from 6 Nov to 19 Nov: lowest ")
    assert "last 83.43 kg" in words


def test_the_words_of_shares_say_every_share():
    words = charts.alt_text(glucose())
    assert "In range, 3.9 to 10.0: 68 %." in words


def test_the_table_has_a_row_for_each_moment_in_order_of_time():
    (table,) = charts.tables(blood_pressure())
    assert table.head == ("When", "Systolic (mmHg)", "Diastolic (mmHg)")
    assert len(table.rows) == 14
    assert [row[0] for row in table.rows][:2] == ["6 November 2026, 8:05am", "6 November 2026, 8:05pm"]


def test_a_moment_with_only_one_of_two_readings_says_so():
    systolic, diastolic = blood_pressure().series
    (table,) = charts.tables(
        replace(blood_pressure(), series=(systolic, replace(diastolic, points=diastolic.points[1:])))
    )
    assert table.rows[0][2] == "no reading"


def test_shares_and_days_have_a_table_each():
    shares, days = charts.tables(glucose())
    assert shares.rows[2] == ("In range, 3.9 to 10.0", "68 %")
    assert len(days.rows) == 14


def test_a_time_is_that_of_the_clock_on_the_wall_where_it_was_taken():
    abroad = datetime(2026, 11, 6, 8, 5, tzinfo=timezone(timedelta(hours=-5)))
    series = replace(blood_pressure().series[0], points=(Point(abroad.date(), 140.0, at=abroad),))
    (table,) = charts.tables(replace(blood_pressure(), series=(series,)))
    assert table.rows[0][0] == "6 November 2026, 8:05am"


@pytest.mark.parametrize("kind", ["line", "bar", "points"])
def test_a_single_reading_can_be_drawn(kind):
    series = Series("one", "One", "kg", "kg", kind, (Point(LAST, 80.0),))
    assert b"<svg" in charts.draw(replace(weight(), series=(series,)), "narrow")


def test_readings_that_are_all_alike_can_be_drawn():
    series = Series(
        "one", "One", "kg", "kg", "line", tuple(Point(point.day, 80.0) for point in weight().series[0].points)
    )
    assert b"<svg" in charts.draw(replace(weight(), series=(series,)), "wide")


async def test_a_chart_is_served_as_a_picture_and_not_kept():
    async with client("practitioner") as browser:
        response = await browser.get("/practice/patients/p1/charts/steps.svg")
    assert response.headers["content-type"] == "image/svg+xml"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("metric", ["oxygen-saturation", "glucose-meter", "nothing", "..%2Fx"])
async def test_a_chart_that_does_not_exist_is_not_found(metric):
    async with client("patient") as browser:
        assert (await browser.get(f"/me/charts/{metric}.svg")).status_code == 404
