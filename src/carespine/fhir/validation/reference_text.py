"""What the text of a reference says by itself."""

from __future__ import annotations

import re
from functools import cache

from carespine.fhir import definitions

# FHIR R4, references.html#literal: the form of a RESTful reference.
_RESTFUL = re.compile(
    r"(?:(?P<base>https?://.+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/[A-Za-z0-9\-.]{1,64})?(?:#.*)?",
    re.ASCII,
)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def type_of(reference: str) -> str | None:
    """The resource type that a reference names, or None."""
    match = _RESTFUL.fullmatch(reference)
    return match["type"] if match and match["type"] in _types() else None


def relative_of(reference: str) -> str | None:
    """`Type/id` of a RESTful reference, relative or absolute; None for another."""
    match = _RESTFUL.fullmatch(reference)
    return f"{match['type']}/{match['id']}" if match and match["type"] in _types() else None


def restful_base(full_url: str) -> str | None:
    """What stands before `/Type/id` in a URL, or None."""
    match = _RESTFUL.fullmatch(full_url)
    return match["base"] if match else None


def is_absolute(reference: str) -> bool:
    """Whether a reference has a scheme (`https:`, `urn:`)."""
    return _ABSOLUTE.fullmatch(reference) is not None


def is_conditional(reference: str) -> bool:
    """Whether it asks by search (`Patient?identifier=...`), as entries of a transaction may."""
    name, mark, _ = reference.partition("?")
    return bool(mark) and name in _types()


@cache
def _types() -> frozenset[str]:
    return frozenset(definitions.resource_types())
