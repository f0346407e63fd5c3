"""NHS numbers: the check by Modulus 11, and synthetic ones of the test range 999."""

from __future__ import annotations

_WEIGHTS = range(10, 1, -1)


def is_valid(number: object) -> bool:
    """Whether this is a text of ten ASCII digits, not all alike, with a right check digit."""
    if not isinstance(number, str) or len(number) != 10 or not (number.isascii() and number.isdigit()):
        return False
    check = (11 - sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False)) % 11) % 11
    return len(set(number)) > 1 and check == int(number[9])


def synthetic(index: int) -> str:
    """The first valid number of the test range whose stem is at least `index` tens above 999 000 000."""
    for stem in range(index * 11, index * 11 + 11):
        for digit in "0123456789":
            number = f"999{stem:06d}{digit}"
            if is_valid(number):
                return number
    raise ValueError(f"no valid number near {index}")
