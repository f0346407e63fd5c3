"""Regular expressions: from the dialect of FHIRPath (PCRE) to Python's."""

from __future__ import annotations

import re
from functools import lru_cache

from carespine.fhir.fhirpath.errors import FhirPathEvaluationError

_CACHED = 512
# Classes of characters that Python writes differently.
_CLASSES = {r"\p{L}": r"[^\W\d_]", r"\p{N}": r"\d", r"\p{Nd}": r"\d", r"\h": r"[ \t]"}
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE}
_REFERENCE = re.compile(r"\\([\\$])|\$(?:(\d+)|\{(\w+)\})|\\")


@lru_cache(maxsize=_CACHED)
def compiled(pattern: str, flags: str = "") -> re.Pattern[str]:
    """The compiled pattern, `.` matching line ends too; FhirPathEvaluationError if it is none."""
    translated = pattern.replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!")
    for written, meant in _CLASSES.items():
        translated = translated.replace(written, meant)
    options = re.DOTALL
    for flag in flags:
        if flag not in _FLAGS:
            raise FhirPathEvaluationError(f"{flag!r} is not a flag of a regular expression")
        options |= _FLAGS[flag]
    try:
        return re.compile(translated, options)
    except (re.error, OverflowError, RecursionError) as error:
        raise FhirPathEvaluationError(f"this is not a regular expression: {error}") from error


def substitution(text: str) -> str:
    r"""A replacement text in Python's dialect: `$1` and `${name}` refer to groups, `\$` is a dollar sign."""

    def replace(match: re.Match[str]) -> str:
        literal, number, name = match.groups()
        if number or name:
            return rf"\g<{number or name}>"
        return "$" if literal == "$" else r"\\"

    return _REFERENCE.sub(replace, text)
