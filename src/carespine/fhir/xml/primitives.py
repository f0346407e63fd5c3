"""Values of primitives between the texts of XML and the values of the tree.

A text that is not of its type's form is handed on as it is: the checker of the structure then refuses it by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

_BOOLEANS: dict[str, bool] = {"true": True, "false": False}
# FHIR R4, datatypes.html#integer: a sign is allowed, leading zeros are not; JSON has no plus sign.
_is_whole = re.compile(r"[-+]?(?:0|[1-9][0-9]*)").fullmatch
_is_decimal = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
# Python refuses to read longer whole numbers; the checker's limit is far below.
_MOST_DIGITS = 1000
# XML 1.0 has no form for these characters, not even as references (Char, section 2.2).
_CONTROLS = bytes(code for code in range(32) if chr(code) not in "\t\n\r")
_NONCHARACTERS = ("\ufffe".encode(), "\uffff".encode())
_BEGINS_NONCHARACTERS = _NONCHARACTERS[0][0]  # one byte is found far sooner than three
needs_escape = re.compile('[&<>"\t\n\r]').search
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


def _boolean(text: str) -> Any:
    return _BOOLEANS.get(text, text)


def _integer(text: str) -> Any:
    return int(text) if len(text) < _MOST_DIGITS and _is_whole(text) else text


def _decimal(text: str) -> Any:
    if len(text) >= _MOST_DIGITS or not _is_decimal(text):
        return text
    try:
        return int(text) if text.lstrip("-").isdigit() else Decimal(text)
    except InvalidOperation:
        return text


CONVERSIONS: Mapping[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    "integer": _integer,
    "unsignedInt": _integer,
    "positiveInt": _integer,
    "decimal": _decimal,
}


def escaped(text: str) -> str:
    """A string within double quotes; white space that a parser would change is written as references."""
    return text.translate(_ESCAPES) if needs_escape(text) else text


def written(value: Any) -> str:
    """The text of a primitive's value, ready to stand in double quotes."""
    if value.__class__ is str:
        return escaped(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int | Decimal):
        return str(value)
    raise TypeError


def holds_what_xml_has_not(raw: bytes) -> bool:
    """Whether a text in UTF-8 holds a character that no XML document may hold."""
    if len(raw.translate(None, _CONTROLS)) != len(raw):
        return True
    return _BEGINS_NONCHARACTERS in raw and any(bad in raw for bad in _NONCHARACTERS)
