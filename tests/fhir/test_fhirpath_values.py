"""Dates that know their precision, units of measure, and the laws both keep."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.fhir.fhirpath import comparing, durations, quantities, temporal, ucum, ucum_units
from carespine.fhir.fhirpath.values import Quantity


@pytest.mark.parametrize(
    ("code", "same_as"),
    [
        ("mg/dL", "10 g/m3"),
        ("mm[Hg]", "133.322 Pa"),
        ("10*9/L", "1000 /uL"),
        ("{beats}/min", "1 /min"),
        ("mL/min/{1.73_m2}", "1 mL/min"),
        ("m[iU]/L", "0.001 [iU]/L"),
        ("[IU]", "1 [iU]"),
        ("kg/m2", "1 kg.m-2"),
        ("(mol/L)/s", "1 mol/(L.s)"),
        ("L", "1 dm3"),
        ("[stone_av]", "14 [lb_av]"),
        ("[lb_av]", "453.59237 g"),
        ("[in_i]", "2.54 cm"),
        ("kcal", "4.184 kJ"),
        ("U/L", "1 umol/min/L"),
        ("wk", "168 h"),
        ("%", "0.01 1"),
        ("KiBy", "8192 bit"),
        ("dB", "0.1 B"),
    ],
)
def test_units_are_worth_what_ucum_says(code: str, same_as: str) -> None:
    amount, _, other = same_as.partition(" ")
    one, expected = ucum.unit(code), ucum.unit(other)
    assert one is not None
    assert expected is not None
    assert one.dimensions == expected.dimensions
    assert one.factor == Fraction(amount) * expected.factor


@pytest.mark.parametrize(
    "code",
    ["", "mmHg", "lbs", "mG/dl%", "mg/", "//s", "(m", "m)", "2mg", "kmin", "m m", "m1000", "{a", "x" * 999],
)
def test_what_is_no_ucum_code_is_not_known(code: str) -> None:
    assert ucum.unit(code) is None


def test_every_unit_of_the_table_can_be_read() -> None:
    codes = [
        *ucum_units.METRIC,
        *ucum_units.PLAIN,
        *ucum_units.ARBITRARY,
        *ucum_units.SCALES,
        *ucum_units.BASE,
    ]
    assert [code for code in codes if ucum.unit(code) is None] == []
    assert [code for code in ucum_units.METRIC if ucum.unit(f"m{code}") is None] == []


@pytest.mark.parametrize(
    ("celsius", "fahrenheit", "kelvin"),
    [("37", "98.6", "310.15"), ("0", "32", "273.15"), ("-40", "-40", "233.15")],
)
def test_temperatures_have_a_zero_of_their_own(celsius: str, fahrenheit: str, kelvin: str) -> None:
    here = Quantity(Decimal(celsius), "Cel")
    assert quantities.compare(here, Quantity(Decimal(fahrenheit), "[degF]")) == 0
    assert quantities.compare(here, Quantity(Decimal(kelvin), "K")) == 0
    assert quantities.convert(here, "K") == Quantity(Decimal(kelvin), "K")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("2015", (2015,)),
        ("2015-02-04T14:34:28.120+01:30", (2015, 2, 4, 14, 34, Decimal("28.120"))),
        ("2015-02-04T14", (2015, 2, 4, 14)),
        ("2015-02-04T", (2015, 2, 4)),
    ],
)
def test_dates_keep_what_was_written(text: str, parts: tuple[int | Decimal, ...]) -> None:
    value = temporal.parse_date_time(text)
    assert value is not None
    assert value.parts == parts
    assert str(value) == text.removesuffix("T")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "15",
        "2015-2",
        "2015-13",
        "2015-02-30",
        "0000",
        "2015T10",
        "2015-02-04T24",
        "2015-02-04T10:60",
        "2015-02-04T10Zx",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert temporal.parse_date_time(text) is None


days = st.dates(min_value=date(1000, 1, 1), max_value=date(3000, 1, 1))
offsets = st.none() | st.integers(-840, 840)
moments = st.builds(
    lambda day, hour, minute, count, offset: temporal.DateTime(
        (day.year, day.month, day.day, hour, minute)[:count], offset if count > 3 else None
    ),
    days,
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(1, 5),
    offsets,
)


@given(moments, moments)
def test_comparing_the_other_way_round_gives_the_opposite(
    left: temporal.DateTime, right: temporal.DateTime
) -> None:
    one, other = temporal.compare(left, right), temporal.compare(right, left)
    assert one == (None if other is None else -other)
    if one == 0:
        assert comparing.key(left) == comparing.key(right)


@given(days, st.integers(-5000, 5000))
def test_days_are_added_as_the_calendar_does(day: date, count: int) -> None:
    value = temporal.Date((day.year, day.month, day.day))
    moved = durations.add(value, Decimal(count), "day")
    expected = day + timedelta(days=count)
    assert moved is not None
    assert moved.parts == (expected.year, expected.month, expected.day)


units = st.sampled_from(["g", "mg", "kg", "[lb_av]", "ug", "[oz_av]"])
amounts = st.decimals(min_value=-1000, max_value=1000, places=3)


@given(amounts, units, amounts, units)
def test_quantities_that_are_equal_share_a_key(left: Decimal, unit: str, right: Decimal, other: str) -> None:
    one, two = Quantity(left, unit), Quantity(right, other)
    assert (quantities.compare(one, two) == 0) == (quantities.key(one) == quantities.key(two))


@given(amounts, units, units)
def test_converting_there_and_back_is_the_same_amount(value: Decimal, unit: str, other: str) -> None:
    there = quantities.convert(Quantity(value, unit), other)
    assert there is not None
    back = quantities.convert(there, unit)
    assert back is not None
    assert abs(back.value - value) < Decimal("1e-15")
