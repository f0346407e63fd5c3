"""The NHS number: ten digits, the last a Modulus 11 check digit.

Source: NHS Data Model and Dictionary, attribute NHS NUMBER. Numbers that begin 999 are never issued to
people; all synthetic patients of this project use that range.
"""

from __future__ import annotations

SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"
_LENGTH = 10
_WEIGHTS = range(10, 1, -1)


def check_digit(first_nine: str) -> int | None:
    """The check digit for nine digits, or None where none exists (a remainder of 10: never issued)."""
    total = sum(int(digit) * weight for digit, weight in zip(first_nine, _WEIGHTS, strict=True))
    digit = 11 - total % 11
    if digit == 11:
        return 0
    return None if digit == 10 else digit


def normalise(text: str) -> str:
    """The digits of `text` without the spaces or hyphens people write between them."""
    return text.replace(" ", "").replace("-", "").strip()


def is_valid(number: str) -> bool:
    """Whether `number` is ten ASCII digits, not all alike, with a correct check digit."""
    if len(number) != _LENGTH or not (number.isascii() and number.isdigit()):
        return False
    return len(set(number)) > 1 and check_digit(number[:9]) == int(number[9])


def display(number: str) -> str:
    """The number as the NHS prints it: 3, 3 and 4 digits."""
    return f"{number[:3]} {number[3:6]} {number[6:]}"


def synthetic(index: int) -> str:
    """The `index`-th valid number of the test range 999; two calls with one index agree.

    Promises distinct results for 0 <= index < 90,000; where a stem has no check digit the next free stem
    of its own block of eleven is taken.
    """
    if not 0 <= index < 90_000:
        raise ValueError(f"index {index} is outside 0 to 89,999")
    for stem in range(index * 11, index * 11 + 11):
        digits = f"999{stem:06d}"
        last = check_digit(digits)
        if last is not None:
            return f"{digits}{last}"
    raise AssertionError("eleven stems in a row cannot all lack a check digit")
