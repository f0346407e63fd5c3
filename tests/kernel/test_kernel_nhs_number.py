"""The NHS number: Modulus 11 by example and by law."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carespine.kernel import nhs_number

nines = st.text("0123456789", min_size=9, max_size=9)
indexes = st.integers(0, 89_999)


def by_hand(first_nine: str) -> int | None:
    """The NHS Data Dictionary's five steps, written out: weights 10 to 2, remainder of 11, taken from 11."""
    total = 0
    for place, digit in enumerate(first_nine):
        total += int(digit) * (10 - place)
    result = 11 - total % 11
    return {11: 0, 10: None}.get(result, result)


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("9434765919", "an example of the NHS's developer documentation"),
        ("9434765870", "a check digit of 0"),
        ("9990000018", "the test range"),
        ("9000000009", "nine places, eight of them 0"),
        ("4010232137", "an example that is often quoted"),
    ],
)
def test_a_known_number_is_valid(number: str, why: str) -> None:
    assert nhs_number.is_valid(number), why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("9434765918", "the check digit is wrong"),
        ("9434756919", "two digits are swapped"),
        ("943476591", "nine digits"),
        ("94347659190", "eleven digits"),
        ("", "nothing"),
        ("943476591X", "a letter"),
        ("943 476 5919", "spaces belong to the display, not to the number"),
        ("٩٤٣٤٧٦٥٩١٩", "digits, but not ASCII ones"),
        ("²434765919", "a superscript digit"),
        ("+943476591", "a sign"),
        ("0000000000", "all alike, although Modulus 11 holds"),
        ("1111111111", "all alike, although Modulus 11 holds"),
    ],
)
def test_anything_else_is_not_valid(text: str, why: str) -> None:
    assert not nhs_number.is_valid(text), why


@pytest.mark.parametrize(
    ("first_nine", "digit"),
    [("943476591", 9), ("943476587", 0), ("999000001", 8), ("000000006", None), ("000000000", 0)],
)
def test_the_check_digit_of_nine_digits(first_nine: str, digit: int | None) -> None:
    assert nhs_number.check_digit(first_nine) == digit


@given(nines)
def test_the_check_digit_is_the_one_worked_out_by_hand(first_nine: str) -> None:
    assert nhs_number.check_digit(first_nine) == by_hand(first_nine)


@given(indexes)
def test_a_synthetic_number_is_valid_and_in_the_test_range(index: int) -> None:
    number = nhs_number.synthetic(index)
    assert nhs_number.is_valid(number)
    assert number.startswith("999")
    assert nhs_number.synthetic(index) == number


@given(indexes, indexes)
def test_two_synthetic_numbers_differ_where_their_indexes_do(one: int, other: int) -> None:
    assert (nhs_number.synthetic(one) == nhs_number.synthetic(other)) == (one == other)


@given(indexes, st.integers(0, 9), st.integers(1, 9))
def test_changing_any_single_digit_is_noticed(index: int, place: int, step: int) -> None:
    number = nhs_number.synthetic(index)
    changed = str((int(number[place]) + step) % 10)
    assert not nhs_number.is_valid(number[:place] + changed + number[place + 1 :])


@given(indexes, st.integers(0, 8))
def test_swapping_two_neighbours_that_differ_is_noticed(index: int, place: int) -> None:
    number = nhs_number.synthetic(index)
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert nhs_number.is_valid(swapped) == (swapped == number)


@given(indexes)
def test_what_is_displayed_normalises_to_the_number(index: int) -> None:
    number = nhs_number.synthetic(index)
    assert nhs_number.display(number) == f"{number[:3]} {number[3:6]} {number[6:]}"
    assert nhs_number.normalise(nhs_number.display(number)) == number


@pytest.mark.parametrize("text", ["943-476-5919", " 943 476 5919 ", "9434765919"])
def test_people_write_spaces_and_hyphens_between_the_digits(text: str) -> None:
    assert nhs_number.normalise(text) == "9434765919"


@pytest.mark.parametrize("index", [-1, 90_000])
def test_an_index_outside_the_promise_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        nhs_number.synthetic(index)
