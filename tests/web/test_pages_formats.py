"""How dates, times and numbers read on a page."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from carespine.devices.models import Figure
from carespine.web.pages import formats


@pytest.mark.parametrize(
    ("utc", "words"),
    [
        (datetime(2026, 11, 3, 14, 30, tzinfo=UTC), "3 November 2026 at 2:30pm"),
        (datetime(2026, 7, 3, 14, 0, tzinfo=UTC), "3 July 2026 at 3pm"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "25 October 2026 at 1:30am"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "25 October 2026 at 1:30am"),
        (datetime(2026, 11, 3, 0, 0, tzinfo=UTC), "3 November 2026 at midnight"),
        (datetime(2026, 11, 3, 12, 0, tzinfo=UTC), "3 November 2026 at midday"),
        (datetime(2026, 6, 30, 23, 30, tzinfo=UTC), "1 July 2026 at 12:30am"),
        (None, "not known"),
    ],
)
def test_a_moment_is_written_in_english_time(utc, words):
    assert formats.moment(utc) == words


def test_a_day_is_written_out():
    assert formats.day(date(1958, 3, 4)) == "4 March 1958"


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 readings"), (1, "1 reading"), (12_345, "12,345 readings")]
)
def test_a_count_agrees_with_its_noun(count, words):
    assert formats.plural(count, "reading") == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(7, "7"), (7.5, "7.5"), (7.004, "7"), (100.0, "100"), (12_345.678, "12,345.68"), (0, "0")],
)
def test_a_number_has_no_more_decimals_than_it_needs(value, words):
    assert formats.tidy_number(value) == words


def test_an_nhs_number_stays_on_one_line():
    assert formats.nhs_number("9990000115") == "999\u00a0000\u00a00115"


def test_a_missing_number_is_never_a_nought():
    assert formats.number(None) == "no value"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(428.4, ("7 h 08 min", "a night")), (59.0, ("59", "minutes a night")), (None, ("", "minutes a night"))],
)
def test_a_long_time_is_in_hours_and_minutes(minutes, words):
    text = "" if minutes is None else f"{minutes:.0f}"
    assert formats.figure(Figure("sleep", "Sleep", minutes, text, "min", "minutes a night")) == words
