"""The check digits of SNOMED CT and LOINC: a mistyped code is caught before it is written.

Sources: SNOMED CT Release File Specification, "Check-digit" (Verhoeff); LOINC Users' Guide, appendix on
check digits (Modulus 10).
"""

from __future__ import annotations

# Verhoeff's multiplication in the dihedral group of order ten, row by row, and his permutation.
_MULTIPLY = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_PERMUTE_ONCE = "1576283094"
_SNOMED_LENGTHS = range(6, 19)


def snomed_is_sound(code: str) -> bool:
    """Whether `code` has a SNOMED CT identifier's length and a correct Verhoeff check digit."""
    if not (code.isascii() and code.isdigit() and len(code) in _SNOMED_LENGTHS and code[0] != "0"):
        return False
    check = 0
    for place, character in enumerate(reversed(code)):
        digit = int(character)
        for _ in range(place % 8):
            digit = int(_PERMUTE_ONCE[digit])
        check = int(_MULTIPLY[check][digit])
    return check == 0


def loinc_is_sound(code: str) -> bool:
    """Whether `code` is digits, a hyphen and a correct Modulus 10 check digit."""
    stem, hyphen, digit = code.partition("-")
    if not (hyphen and stem.isascii() and stem.isdigit() and digit.isdigit()):
        return False
    backwards = stem[::-1]
    doubled = str(int(backwards[::2]) * 2)
    total = sum(int(each) for each in doubled + backwards[1::2])
    return (10 - total % 10) % 10 == int(digit)
