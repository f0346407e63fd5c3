"""The index of one resource: `index(tree)`."""

from __future__ import annotations

from typing import Any

from carespine.fhir.search.entries import IndexEntries
from carespine.fhir.search.extraction import extractor


def index(tree: dict[str, Any], *, base_url: str = "") -> IndexEntries:
    """The values of all R4 search parameters of a resource whose structure has been checked.

    Absolute references below `base_url` (this server's FHIR base) are indexed as references on this server.
    Not indexed: `_text`, `_content` (the storage's full text) and values whose type R4 does not give a
    meaning under the parameter's type, such as an age under a date.
    """
    entries = IndexEntries(base_url)
    extractor(tree["resourceType"])(tree, entries)
    return entries.settle()
