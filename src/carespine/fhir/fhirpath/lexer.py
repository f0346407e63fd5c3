"""Cuts the text of an expression into tokens that know their place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from carespine.fhir.fhirpath.errors import FhirPathSyntaxError


class Kind(Enum):
    NUMBER = auto()
    LONG = auto()
    STRING = auto()
    NAME = auto()
    QUOTED_NAME = auto()
    DATE = auto()
    DATE_TIME = auto()
    TIME = auto()
    VARIABLE = auto()
    SYMBOL = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` is its meaning: a string without quotes and escapes, a date without its `@`."""

    kind: Kind
    text: str
    position: int


_CLOCK = r"\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?"
_DAY = r"\d{4}(?:-\d\d(?:-\d\d)?)?"
_PATTERNS = {
    Kind.TIME: rf"@T{_CLOCK}",
    Kind.DATE_TIME: rf"@{_DAY}T(?:{_CLOCK}(?:Z|[+-]\d\d:\d\d)?)?",
    Kind.DATE: rf"@{_DAY}",
    Kind.LONG: r"\d+L\b",
    Kind.NUMBER: r"\d+(?:\.\d+)?",
    Kind.NAME: r"[A-Za-z_]\w*",
    Kind.VARIABLE: r"\$(?:this|index|total)\b",
    Kind.STRING: r"'(?:[^'\\]|\\.)*'",
    Kind.QUOTED_NAME: r"`(?:[^`\\]|\\.)*`",
    Kind.SYMBOL: r"!=|!~|<=|>=|[-+*/&|=~<>.,()\[\]{}%]",
}
_TOKEN = re.compile(
    r"(?P<SKIP>\s+|//[^\n]*|/\*.*?\*/)|"
    + "|".join(f"(?P<{kind.name}>{pattern})" for kind, pattern in _PATTERNS.items()),
    re.DOTALL | re.ASCII,
)
_TEMPORAL = {Kind.TIME: 2, Kind.DATE_TIME: 1, Kind.DATE: 1}

_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"} | {character: character for character in "\"'`\\/"}


def tokens(source: str) -> list[Token]:
    """All tokens of `source`, closed by an END token; FhirPathSyntaxError where a character fits nowhere."""
    found = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None or (match.group() == "/" and source.startswith("/*", position)):
            raise FhirPathSyntaxError(_complaint(source, position), position, source)
        if match.lastgroup != "SKIP":
            found.append(_token(source, match))
        position = match.end()
    return [*found, Token(Kind.END, "", len(source))]


def _token(source: str, match: re.Match[str]) -> Token:
    kind = Kind[match.lastgroup or ""]
    text = match.group()
    if kind in (Kind.STRING, Kind.QUOTED_NAME):
        text = _unescape(source, text[1:-1], match.start() + 1)
    elif kind is Kind.LONG:
        text = text[:-1]
    else:
        text = text[_TEMPORAL.get(kind, 0) :]
    return Token(kind, text, match.start())


def _unescape(source: str, text: str, start: int) -> str:
    def replace(match: re.Match[str]) -> str:
        escape = match.group(1)
        if len(escape) > 1:
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPED:
            raise FhirPathSyntaxError(f"\\{escape} is not an escape", start + match.start(), source)
        return _ESCAPED[escape]

    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(replace, text).encode("utf-16", "surrogatepass")
    try:
        return plain.decode("utf-16")
    except UnicodeDecodeError as error:
        raise FhirPathSyntaxError("half of a surrogate pair is no character", start, source) from error


def _complaint(source: str, position: int) -> str:
    if source.startswith("/*", position):
        return "the comment is not closed"
    if source[position] in "'`":
        return "the quoted text is not closed"
    if source[position] == "@":
        return "this is not a date, a date and time, or a time"
    return f"the character {source[position]!r} is not expected here"
