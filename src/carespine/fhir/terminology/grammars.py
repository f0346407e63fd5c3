"""Code systems that are a grammar: units of measure, languages, media types, URIs. Checked, and not listed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from babel import Locale

from carespine.fhir.fhirpath import ucum
from carespine.fhir.terminology.models import Concept, Described

UCUM = ucum.SYSTEM
LANGUAGES = "urn:ietf:bcp:47"
MEDIA_TYPES = "urn:ietf:bcp:13"
URIS = "urn:ietf:rfc:3986"

# RFC 5646 section 2.1, `langtag` and `privateuse`; the grandfathered tags are deprecated there.
_LANGUAGE_TAG = re.compile(
    r"(?:(?P<language>[a-z]{2,3})(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-(?P<script>[a-z]{4}))?"
    r"(?:-(?P<region>[a-z]{2}|[0-9]{3}))?(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"
    r"(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?|x(?:-[a-z0-9]{1,8})+",
    re.IGNORECASE,
)
# RFC 6838 section 4.2 (restricted-name) and RFC 2045 section 5.1 (parameters).
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&\-^_.+]{0,126}"
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105
_MEDIA_TYPE = re.compile(rf"{_NAME}/{_NAME}(?:\s*;\s*{_TOKEN}=(?:{_TOKEN}|\"[^\"]*\"))*")
# RFC 3986 section 3: a scheme, a colon, and what may follow.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`]*")


@dataclass(frozen=True, slots=True)
class Rules:
    """A system whose codes `read` recognises; it gives the display."""

    about: Described
    read: Callable[[str], str | None]

    def concept(self, code: str) -> Concept | None:
        display = self.read(code)
        return None if display is None else Concept(code, display)


def _unit(code: str) -> str | None:
    return code if ucum.unit(code) is not None else None


def _media_type(code: str) -> str | None:
    return code if _MEDIA_TYPE.fullmatch(code) else None


def _uri(code: str) -> str | None:
    return code if _URI.fullmatch(code) else None


@cache
def _english() -> Locale:
    return Locale.parse("en")


def _language(code: str) -> str | None:
    """The name of the language in English: `en-GB` is English (United Kingdom)."""
    found = _LANGUAGE_TAG.fullmatch(code)
    if not found:
        return None
    language = _english().languages.get((found["language"] or "").lower())
    if language is None:
        return code
    script = _english().scripts.get((found["script"] or "").title())
    region = _english().territories.get((found["region"] or "").upper())
    details = ", ".join(name for name in (script, region) if name)
    return f"{language} ({details})" if details else str(language)


GRAMMARS = {
    rules.about.url: rules
    for rules in (
        Rules(Described(UCUM, name="Unified Code for Units of Measure", content="grammar"), _unit),
        Rules(
            Described(LANGUAGES, name="IETF language tags", case_sensitive=False, content="grammar"),
            _language,
        ),
        Rules(Described(MEDIA_TYPES, name="Media types", content="grammar"), _media_type),
        Rules(Described(URIS, name="Uniform resource identifiers", content="grammar"), _uri),
    )
}
