"""Charts: the same numbers give the same drawing, words and a table say what the picture shows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

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


def test_a_diary_has_a_row_for_each_day_with_its_morning_and_evening():
    found = charts.diary(blood_pressure())
    assert found is not None
    assert found.head == ("Day", "Morning", "Evening", "Mean of the day")
    assert len(found.rows) == 7
    assert re.fullmatch(
        r"6 November 2026\|[\d.]+/[\d.]+ at 8:05am\|[\d.]+/[\d.]+ at 8:05pm\|\d+/\d+", "|".join(found.rows[0])
    )
    assert charts.diary(weight()) is None


def profile():
    """A median that peaks at noon, with an hour of the night that nobody measured."""
    hours = [hour for hour in range(24) if hour != 3]
    middles = {hour: 6.0 + 4.0 * (1 - abs(hour - 12) / 12) for hour in hours}

    def series(key: str, spread: float):
        made = [
            Point(LAST, value, value - spread, value + spread, datetime(2026, 11, 19, hour, tzinfo=UTC))
            for hour, value in middles.items()
        ]
        return Series(key, "Median by hour", "mmol/L", "mmol/L", "line", tuple(made))

    return replace(glucose(), figures=(), series=(series("agp-middle", 1.0), series("agp-most", 2.5)))


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_the_ambulatory_profile_is_one_drawing_by_the_hour_with_bands_and_target(width):
    svg = charts.draw(profile(), width)
    assert ET.fromstring(svg).get("viewBox") == "0 0 {} {}".format(*charts.size(profile(), width))  # noqa: S314
    for words in (
        b"9 of 10 readings",
        b"Half of the readings",
        b"Median",
        b"Target: 3.9 to 10.0 mmol/L",
        b"12:00",
    ):
        assert words in svg


def test_the_words_and_the_table_of_a_profile_say_what_the_bands_show():
    words = charts.alt_text(profile())
    assert "the median is lowest at 00:00 (6) and highest at 12:00 (10 mmol/L)" in words
    assert "Nine of ten readings lie between 3.5 and 12.5 mmol/L." in words
    (table,) = charts.tables(profile())
    assert table.head[3] == "Median"
    assert len(table.rows) == 23
    assert {row[0]: row[1:] for row in table.rows}["12:00"] == ("7.5", "9", "10", "11", "12.5")


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
