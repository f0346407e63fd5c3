"""Code systems by name, and whether a code can exist in them by its check digit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
_KNOWN = frozenset(
    {LOINC, SNOMED, UCUM, "https://dmd.nhs.uk", "urn:ietf:bcp:13", "urn:ietf:bcp:47", "urn:iso:std:iso:3166"}
)
_FAMILIES = (
    "http://terminology.hl7.org/",
    "http://hl7.org/fhir/",
    "https://fhir.nhs.uk/",
    "https://fhir.hl7.org.uk/",
    "http://read.info/",
)
# SNOMED CT Release File Specification, SCTID: Verhoeff's check digit by the dihedral group of order ten.
_DIHEDRAL = tuple(
    tuple(
        (a + b) % 5
        if a < 5 and b < 5
        else (a + b) % 5 + 5
        if a < 5
        else (a - b) % 5 + 5
        if b < 5
        else (a - b) % 5
        for b in range(10)
    )
    for a in range(10)
)
_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_SCTID = re.compile(r"[1-9]\d{5,17}")
_LOINC = re.compile(r"(?:LP|LA|LL|LG)?(\d{1,7})-(\d)")


def codings(tree: Any) -> Iterator[dict[str, Any]]:
    """Every Coding anywhere in a resource."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name in {"coding", "valueCoding"} and isinstance(value, (list, dict)):
                yield from value if isinstance(value, list) else [value]
            else:
                yield from codings(value)
    elif isinstance(tree, list):
        for each in tree:
            yield from codings(each)


def is_known(system: str) -> bool:
    """Whether the address names a system of the NHS, HL7, SNOMED International, Regenstrief or an internet
    standard.
    """
    return system in _KNOWN or system.startswith(_FAMILIES)


def may_exist(system: str, code: str) -> bool:
    """Whether `code` has the form and check digit of its system; a system without one says nothing and
    passes.
    """
    if system == SNOMED:
        return _SCTID.fullmatch(code) is not None and verhoeff(code)
    if system == LOINC:
        return loinc(code)
    return bool(code.strip()) and code == code.strip()


def verhoeff(digits: str) -> bool:
    """Whether the last of the digits is the Verhoeff check digit of the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        for _ in range(place % 8):
            value = _PERMUTATION[value]
        total = _DIHEDRAL[total][value]
    return total == 0


def loinc(code: str) -> bool:
    """Whether a LOINC code ends in its check digit (LOINC Users' Guide, appendix on the Mod 10 check
    digit).
    """
    found = _LOINC.fullmatch(code)
    if found is None:
        return False
    total = 0
    for place, digit in enumerate(reversed(found[1])):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return (10 - total % 10) % 10 == int(found[2])
