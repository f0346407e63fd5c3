"""Functions on texts."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re

import regex

from carespine.fhir.fhirpath import patterns
from carespine.fhir.fhirpath.errors import FhirPathEvaluationError
from carespine.fhir.fhirpath.model import Items, system
from carespine.fhir.fhirpath.registry import argument, collection, text


@text("indexOf", 1, returns="Integer")
def index_of(value: str, part: str) -> int:
    return value.find(part)


@text("lastIndexOf", 1, returns="Integer")
def last_index_of(value: str, part: str) -> int:
    return value.rfind(part)


@text("substring", 1, 2)
def substring(value: str, start: int, length: int | None = None) -> str | None:
    if not 0 <= start < len(value):
        return None
    return value[start:] if length is None else value[start : start + max(length, 0)]


@text("startsWith", 1, returns="Boolean")
def starts_with(value: str, prefix: str) -> bool:
    return value.startswith(prefix)


@text("endsWith", 1, returns="Boolean")
def ends_with(value: str, suffix: str) -> bool:
    return value.endswith(suffix)


@text("contains", 1, returns="Boolean")
def contains(value: str, part: str) -> bool:
    return part in value


@text("upper")
def upper(value: str) -> str:
    return value.upper()


@text("lower")
def lower(value: str) -> str:
    return value.lower()


@text("replace", 2)
def replace(value: str, part: str, other: str) -> str:
    return value.replace(part, other)


@text("matches", 1, 2, returns="Boolean")
def matches(value: str, pattern: str, flags: str = "") -> bool:
    """Whether the pattern is found anywhere in the text."""
    expression = patterns.compiled(pattern, flags)
    return patterns.in_time(lambda most: expression.search(value, timeout=most)) is not None


@text("matchesFull", 1, 2, returns="Boolean")
def matches_full(value: str, pattern: str, flags: str = "") -> bool:
    expression = patterns.compiled(pattern, flags)
    return patterns.in_time(lambda most: expression.fullmatch(value, timeout=most)) is not None


@text("replaceMatches", 2, 3)
def replace_matches(value: str, pattern: str, other: str, flags: str = "") -> str:
    if not pattern:
        return value
    try:
        expression, written = patterns.compiled(pattern, flags), patterns.substitution(other)
        return str(patterns.in_time(lambda most: expression.sub(written, value, timeout=most)))
    except (regex.error, IndexError) as error:
        raise FhirPathEvaluationError(f"replaceMatches() cannot use the replacement: {error}") from error


@text("length", returns="Integer")
def length(value: str) -> int:
    return len(value)


@text("toChars")
def to_chars(value: str) -> list[str]:
    return list(value)


@text("trim")
def trim(value: str) -> str:
    return value.strip()


@text("split", 1)
def split(value: str, separator: str) -> list[str]:
    return value.split(separator) if separator else list(value)


@collection("join", 0, 1, returns="String")
def join(items: Items, separator: Items | None = None) -> Items:
    texts = [value for value in map(system, items) if value is not None]
    if any(type(value) is not str for value in texts):
        raise FhirPathEvaluationError("join() takes texts")
    between = argument(separator or [], "join")
    if between is not None and not isinstance(between, str):
        raise FhirPathEvaluationError("join() takes a text to stand between")
    return [(between or "").join(texts)] if items else []


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _url_base64(value: str) -> str:
    return base64.urlsafe_b64encode(value.encode()).decode()


_ENCODERS = {"hex": lambda value: value.encode().hex(), "base64": _base64, "urlbase64": _url_base64}
_DECODERS = {
    "hex": bytes.fromhex,
    "base64": lambda value: base64.b64decode(value, validate=True),
    "urlbase64": base64.urlsafe_b64decode,
}
_ESCAPERS = {
    "html": html.escape,
    "json": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
}
_JSON_ESCAPE = re.compile(r"""(?:\\u[0-9A-Fa-f]{4})+|\\["\\/bfnrt]""")


@text("encode", 1)
def encode(value: str, encoding: str) -> str | None:
    encoder = _ENCODERS.get(encoding)
    return encoder(value) if encoder else None


@text("decode", 1)
def decode(value: str, encoding: str) -> str | None:
    """The text behind an encoding; empty for an unknown encoding or a text that is not encoded so."""
    decoder = _DECODERS.get(encoding)
    try:
        return decoder(value).decode() if decoder else None
    except (ValueError, binascii.Error):
        return None


@text("escape", 1)
def escape(value: str, target: str) -> str | None:
    escaper = _ESCAPERS.get(target)
    return escaper(value) if escaper else None


@text("unescape", 1)
def unescape(value: str, target: str) -> str | None:
    if target == "html":
        return html.unescape(value)
    return _JSON_ESCAPE.sub(_json_character, value) if target == "json" else None


def _json_character(match: re.Match[str]) -> str:
    text = str(json.loads(f'"{match.group()}"'))
    # Half of a surrogate pair is no character: nothing that leaves here could hold it.
    return text.encode("utf-8", "replace").decode()
