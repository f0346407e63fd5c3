"""Dates, numbers and texts as search sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.fhir.search import moments, normal, numbers, ranges
from carespine.fhir.search.criteria import DateValue


def micros(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", micros(2024, 1, 1), micros(2025, 1, 1)),
        ("2024-02", micros(2024, 2, 1), micros(2024, 3, 1)),
        ("2024-12", micros(2024, 12, 1), micros(2025, 1, 1)),
        ("2024-02-29", micros(2024, 2, 29), micros(2024, 3, 1)),
        ("9999-12-31", micros(9999, 12, 31), micros(9999, 12, 31) + 86_400_000_000),
        ("9999", micros(9999, 1, 1), micros(9999, 12, 31) + 86_400_000_000),
        ("2024-03-31T01:30", micros(2024, 3, 31, 1, 30), micros(2024, 3, 31, 1, 31)),
        ("2024-03-31T01:30:00Z", micros(2024, 3, 31, 1, 30), micros(2024, 3, 31, 1, 30, 1)),
        ("2024-03-31T01:30:00+01:00", micros(2024, 3, 31, 0, 30), micros(2024, 3, 31, 0, 30, 1)),
        ("2024-03-31T01:30:00-05:30", micros(2024, 3, 31, 7, 0), micros(2024, 3, 31, 7, 0, 1)),
        ("2016-12-31T23:59:60Z", micros(2017, 1, 1), micros(2017, 1, 1, 0, 0, 1)),
        ("2024-01-01T00:00:00.5Z", micros(2024, 1, 1) + 500_000, micros(2024, 1, 1) + 600_000),
        ("2024-01-01T00:00:00.123456789Z", micros(2024, 1, 1) + 123_456, micros(2024, 1, 1) + 123_457),
    ],
)
def test_a_date_is_the_interval_that_its_precision_stands_for(text: str, low: int, high: int) -> None:
    assert moments.interval(text) == (low, high)


@pytest.mark.parametrize(
    "text",
    ["", "24", "2024-13", "2024-02-30", "2024-1-1", "2024-01-01T24:00", "2024-01-01T10", "0000", "٢٠٢٤"],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moments.interval(text)


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001 - made aware below
def test_any_moment_lies_in_the_interval_of_its_own_text(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    low, high = moments.interval(moment.isoformat().replace("+00:00", "Z"))
    day_low, day_high = moments.interval(moment.date().isoformat())
    assert day_low <= low < high <= day_high


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("100", "99.5", "100.5"),
        ("100.00", "99.995", "100.005"),
        ("1e2", "50", "150"),
        ("-5.4", "-5.45", "-5.35"),
        ("0", "-0.5", "0.5"),
    ],
)
def test_a_number_stands_for_what_rounds_to_it(text: str, low: str, high: str) -> None:
    assert numbers.implicit_range(numbers.parse(text)) == (Decimal(low), Decimal(high))


@pytest.mark.parametrize("text", ["", "x", "1_000", "NaN", "Infinity", "1e999", " 1", "1" * 200, "--1"])
def test_what_is_no_storable_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        numbers.parse(text)


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("Zoë", "zoe"),
        ("ZOE", "zoe"),
        ("O'Brien-Smith", "obrien smith"),
        ("O’Brien  Smith", "obrien smith"),
        ("Groß", "gross"),
        ("Łódź", "łodz"),
        ("  St. Mary's\tHospital ", "st marys hospital"),
        ("王", "王"),
        ("-", "-"),
    ],
)
def test_texts_compare_without_case_accents_and_punctuation(text: str, normalised: str) -> None:
    assert normal.text(text) == normalised


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normal.text(normal.text(text)) == normal.text(text)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Robert", "R163"),
        ("Rupert", "R163"),
        ("Ashcraft", "A261"),
        ("Tymczak", "T522"),
        ("Pfister", "P236"),
        ("Lee", "L000"),
        ("Anne Marie", "A500 M600"),
    ],
)
def test_names_that_sound_alike_have_one_soundex_code(name: str, code: str) -> None:
    assert normal.phonetic(name) == code


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("(0113) 496-0000", "01134960000"),
        ("+44 113 496 0000", "+441134960000"),
        ("Ann@Example.ORG", "ann@example.org"),
        ("ann", "ann"),
    ],
)
def test_telephone_numbers_and_mail_addresses_have_one_spelling(written: str, stored: str) -> None:
    assert normal.contact(written) == stored


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("Period", {"start": "2024"}, (micros(2024, 1, 1), None)),
        ("Period", {"end": "2024"}, (None, micros(2025, 1, 1))),
        ("Period", {}, None),
        ("Timing", {"event": ["2024-01-01", "2024-03-01"]}, (micros(2024, 1, 1), micros(2024, 3, 2))),
        ("Timing", {"repeat": {"boundsPeriod": {"start": "2024"}}}, (micros(2024, 1, 1), None)),
        ("Timing", {"repeat": {"frequency": 1}}, None),
    ],
)
def test_periods_and_timings_span_from_first_to_last(kind: str, value: Any, expected: Any) -> None:
    assert ranges.DATES[kind](value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "low", "high", "unit"),
    [
        ("Quantity", {"value": 5, "unit": "mg"}, 5, 5, ("", "", "mg")),
        ("Quantity", {"value": 5, "comparator": "<"}, None, 5, ("", "", "")),
        ("Quantity", {"value": 5, "comparator": ">="}, 5, None, ("", "", "")),
        ("Money", {"value": 9, "currency": "GBP"}, 9, 9, ("urn:iso:std:iso:4217", "GBP", "GBP")),
        (
            "Range",
            {"low": {"value": 1}, "high": {"value": 2, "code": "kg", "system": "s"}},
            1,
            2,
            ("s", "kg", ""),
        ),
        (
            "SampledData",
            {"origin": {"value": 10, "code": "mV"}, "factor": Decimal("0.5"), "data": "-2 E 4 2"},
            9,
            12,
            ("", "mV", ""),
        ),
    ],
)
def test_amounts_have_a_low_a_high_and_a_unit(kind: str, value: Any, low: Any, high: Any, unit: Any) -> None:
    assert ranges.AMOUNTS[kind](value) == (low, high, *unit)


def test_approximately_widens_a_date_by_a_tenth_of_its_distance_to_now() -> None:
    ten_days = 10 * 86_400_000_000
    value = DateValue("ap", *moments.interval("2024-01-01"))
    low, high = value.approximately(value.high + ten_days - 86_400_000_000)
    assert (value.low - low, high - value.high) == (86_400_000_000, 86_400_000_000)
