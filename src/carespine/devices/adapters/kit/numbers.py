"""Numbers as people and programs write them: decimal points and commas, thousands, true minus signs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from enum import Enum

from carespine.devices.adapters.kit.text import tidy

_PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_GROUPED_POINT = re.compile(r"[+-]?\d{1,3}(?:[ ']\d{3})+(?:\.\d+)?|[+-]?\d{1,3}(?:,\d{3})+\.\d+")
_GROUPED_COMMA = re.compile(r"[+-]?\d{1,3}(?:[. ']\d{3})+(?:,\d+)|[+-]?\d{1,3}(?:[ ']\d{3})+")
_ONE_COMMA = re.compile(r"[+-]?\d+,\d+")
_UNCLEAR_COMMA = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_MANY_COMMAS = re.compile(r"[+-]?\d{1,3}(?:,\d{3}){2,}")
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2019": "'"})
# The longest number that a device writes has some twenty digits.
_LONGEST = 40


class Comma(Enum):
    """What a comma means in the numbers of one file."""

    UNKNOWN = "unknown"
    DECIMAL = "decimal"
    THOUSANDS = "thousands"


class UnclearNumber(ValueError):
    """A text that is a number in two ways."""


def number(text: object, comma: Comma = Comma.UNKNOWN) -> float | None:
    """The number in a text, or None where it is none. UnclearNumber where two readings are possible."""
    if isinstance(text, bool) or text is None:
        return None
    if isinstance(text, int | float):
        try:
            value = float(text)
        except OverflowError:
            return None
        return value if math.isfinite(value) else None
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    cleaned = tidy(text).translate(_MINUS)
    if _PLAIN.fullmatch(cleaned):
        if comma is Comma.DECIMAL and re.fullmatch(r"[+-]?[1-9]\d{0,2}\.\d{3}", cleaned):
            raise UnclearNumber(cleaned)
        value = float(cleaned)
        return value if math.isfinite(value) else None
    return _with_marks(cleaned, comma)


def comma_of(texts: Iterable[str]) -> Comma:
    """What the comma means, from every number of a file: `5,6` decides for decimals, `1,234.5` for thousands."""
    decimal = thousands = False
    for text in texts:
        cleaned = tidy(text).translate(_MINUS)
        if _ONE_COMMA.fullmatch(cleaned) and not _UNCLEAR_COMMA.fullmatch(cleaned):
            decimal = True
        elif _MANY_COMMAS.fullmatch(cleaned) or re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+\.\d+", cleaned):
            thousands = True
    if decimal == thousands:
        return Comma.UNKNOWN
    return Comma.DECIMAL if decimal else Comma.THOUSANDS


def _with_marks(cleaned: str, comma: Comma) -> float | None:
    if _UNCLEAR_COMMA.fullmatch(cleaned):
        if comma is Comma.UNKNOWN:
            raise UnclearNumber(cleaned)
        return float(cleaned.replace(",", "." if comma is Comma.DECIMAL else ""))
    if _ONE_COMMA.fullmatch(cleaned):
        return None if comma is Comma.THOUSANDS else float(cleaned.replace(",", "."))
    if _GROUPED_POINT.fullmatch(cleaned) or _MANY_COMMAS.fullmatch(cleaned):
        return float(re.sub(r"[ ',]", "", cleaned))
    if _GROUPED_COMMA.fullmatch(cleaned):
        return float(re.sub(r"[ '.]", "", cleaned).replace(",", "."))
    return None
