"""The JSON forms of the R4 primitive types: what is accepted, and the words for what is expected.

Source of the formats: FHIR R4, datatypes.html (primitive types). Where R4's published regular expression and
its text differ the text is followed: dates must exist in the calendar, base64 must decode, integers have 32
bits.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

# FHIR R4, datatypes.html#integer: "32-bit number".
INT_MIN, INT_MAX = -(2**31), 2**31 - 1
# Ours: far beyond any measurement, and within what databases and other programs read without trouble.
MAX_DECIMAL_DIGITS, MAX_DECIMAL_EXPONENT = 100, 300
_TOO_LARGE = 10**MAX_DECIMAL_DIGITS
# FHIR R4, datatypes.html#string: "Strings SHALL NOT exceed 1MB (1024*1024 characters) in size".
MAX_STRING_LENGTH = 1024 * 1024

_YEAR = "(?!0000)[0-9]{4}"
_MONTH = "(?:0[1-9]|1[0-2])"
_DAY = "(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = "(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_is_date = re.compile(f"{_YEAR}(?:-{_MONTH}(?:-{_DAY})?)?").fullmatch
_is_date_time = re.compile(f"{_YEAR}(?:-{_MONTH}(?:-{_DAY}(?:T{_TIME}{_ZONE})?)?)?").fullmatch
_is_instant = re.compile(f"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}{_ZONE}").fullmatch
_is_time = re.compile(_TIME).fullmatch
_is_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
# White space is that of XML here: a no-break space is an ordinary character.
_is_code = re.compile(r"\S+(?:\s\S+)*", re.ASCII).fullmatch
_is_uri = re.compile(r"\S+", re.ASCII).fullmatch
_is_oid = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+").fullmatch
_is_uuid = re.compile("urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_control_character = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]").search
_DATE_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive type. `repeats`: the same values come again and again, so remembering them pays."""

    name: str
    accepts: Callable[[Any], bool]
    expected: str
    repeats: bool = False


def _string(value: Any) -> bool:
    return _text(value) and len(value) <= MAX_STRING_LENGTH


def _text(value: Any) -> bool:
    if value.__class__ is not str or not value:
        return False
    return value.isprintable() or _control_character(value) is None


def _matching(match: Callable[[str], object]) -> Callable[[Any], bool]:
    def accepts(value: Any) -> bool:
        return value.__class__ is str and match(value) is not None

    return accepts


def _dated(match: Callable[[str], object]) -> Callable[[Any], bool]:
    def accepts(value: Any) -> bool:
        if value.__class__ is not str or match(value) is None:
            return False
        return len(value) < _DATE_LENGTH or _in_calendar(value)

    return accepts


def _in_calendar(value: str) -> bool:
    try:
        date.fromisoformat(value[:_DATE_LENGTH])
    except ValueError:
        return False
    return True


def _boolean(value: Any) -> bool:
    return value is True or value is False


def _integer(least: int) -> Callable[[Any], bool]:
    def accepts(value: Any) -> bool:
        return value.__class__ is int and bool(least <= value <= INT_MAX)

    return accepts


def _decimal(value: Any) -> bool:
    if value.__class__ is int:
        return bool(-_TOO_LARGE < value < _TOO_LARGE)
    if value.__class__ is not Decimal or not value.is_finite():
        return False
    digits = len(value.as_tuple().digits)
    return digits <= MAX_DECIMAL_DIGITS and abs(value.adjusted()) <= MAX_DECIMAL_EXPONENT


def _base64(value: Any) -> bool:
    if value.__class__ is not str or not value:
        return False
    try:
        binascii.a2b_base64("".join(value.split()), strict_mode=True)
    except ValueError:
        return False
    return True


def _xhtml(value: Any) -> bool:
    return _text(value) and bool(value.lstrip().startswith("<div"))


_ALL = (
    Primitive("boolean", _boolean, "true or false"),
    Primitive("integer", _integer(INT_MIN), "a whole number of 32 bits"),
    Primitive("unsignedInt", _integer(0), "a whole number from 0 to 2147483647"),
    Primitive("positiveInt", _integer(1), "a whole number from 1 to 2147483647"),
    Primitive("decimal", _decimal, "a number (in memory: int or Decimal) of at most 100 digits"),
    Primitive("string", _string, "a string that is not empty, without control characters"),
    Primitive("markdown", _string, "a string that is not empty, without control characters"),
    Primitive("xhtml", _xhtml, "XHTML in one <div>"),
    Primitive("code", _matching(_is_code), "a code: no leading, trailing or double spaces", repeats=True),
    Primitive("id", _matching(_is_id), "1 to 64 letters, digits, hyphens and dots"),
    Primitive("uri", _matching(_is_uri), "a URI: a string without spaces", repeats=True),
    Primitive("url", _matching(_is_uri), "a URL: a string without spaces", repeats=True),
    Primitive("canonical", _matching(_is_uri), "a canonical URL: a string without spaces", repeats=True),
    Primitive("oid", _matching(_is_oid), "an OID such as urn:oid:1.2.3", repeats=True),
    Primitive("uuid", _matching(_is_uuid), "a UUID such as urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
    Primitive("date", _dated(_is_date), "a date: YYYY, YYYY-MM or YYYY-MM-DD", repeats=True),
    Primitive(
        "dateTime",
        _dated(_is_date_time),
        "a date or YYYY-MM-DDThh:mm:ss with a zone (Z or +hh:mm)",
        repeats=True,
    ),
    Primitive("instant", _dated(_is_instant), "YYYY-MM-DDThh:mm:ss with a zone (Z or +hh:mm)", repeats=True),
    Primitive("time", _matching(_is_time), "a time of day: hh:mm:ss"),
    Primitive("base64Binary", _base64, "base64"),
)

PRIMITIVES = {primitive.name: primitive for primitive in _ALL}
