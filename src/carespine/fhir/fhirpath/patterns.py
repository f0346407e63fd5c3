"""Regular expressions: from the dialect of FHIRPath (PCRE) to one that gives up in time."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import regex

from carespine.fhir.fhirpath.errors import FhirPathEvaluationError

_CACHED = 512
# Ours: a pattern that tries for longer than this (seconds) was written to keep the server busy, or by mistake.
_LONGEST_S = 0.25
_T = TypeVar("_T")
# Classes of characters that Python writes differently.
_CLASSES = {r"\p{L}": r"[^\W\d_]", r"\p{N}": r"\d", r"\p{Nd}": r"\d", r"\h": r"[ \t]"}
_FLAGS = {"i": regex.IGNORECASE, "m": regex.MULTILINE}
_REFERENCE = re.compile(r"\\([\\$])|\$(?:(\d+)|\{(\w+)\})|\\")


@lru_cache(maxsize=_CACHED)
def compiled(pattern: str, flags: str = "") -> regex.Pattern[str]:
    """The compiled pattern, `.` matching line ends too; FhirPathEvaluationError if it is none."""
    translated = pattern.replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!")
    for written, meant in _CLASSES.items():
        translated = translated.replace(written, meant)
    options = regex.V0 | regex.DOTALL
    for flag in flags:
        if flag not in _FLAGS:
            raise FhirPathEvaluationError(f"{flag!r} is not a flag of a regular expression")
        options |= _FLAGS[flag]
    try:
        return regex.compile(translated, options)
    except (regex.error, OverflowError, RecursionError) as error:
        raise FhirPathEvaluationError(f"this is not a regular expression: {error}") from error


def in_time(work: Callable[[float], _T]) -> _T:
    """What `work` gives, which is told how many seconds it has; FhirPathEvaluationError where it takes longer."""
    try:
        return work(_LONGEST_S)
    except TimeoutError as error:
        raise FhirPathEvaluationError("the regular expression takes too long on this text") from error


def substitution(text: str) -> str:
    r"""A replacement text in Python's dialect: `$1` and `${name}` refer to groups, `\$` is a dollar sign."""

    def replace(match: re.Match[str]) -> str:
        literal, number, name = match.groups()
        if number or name:
            return rf"\g<{number or name}>"
        return "$" if literal == "$" else r"\\"

    return _REFERENCE.sub(replace, text)
