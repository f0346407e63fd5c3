"""The index of one resource: `index(tree)`."""

from __future__ import annotations

from typing import Any

from carespine.fhir.search import keys, words
from carespine.fhir.search.entries import IndexEntries
from carespine.fhir.search.extraction import extractor


def index(tree: dict[str, Any], *, base_url: str = "") -> IndexEntries:
    """The values of all R4 search parameters of a resource whose structure has been checked.

    Absolute references below `base_url` (this server's FHIR base) are indexed as references on this server.
    Not indexed: `_content`, which is looked for in the resources themselves, and values whose type R4 does not give a
    meaning under the parameter's type, such as an age under a date.
    """
    entries = IndexEntries(base_url)
    kind = tree["resourceType"]
    extractor(kind)(tree, entries)
    div = tree.get("text", {}).get("div")
    if div:
        entries.keys.update(keys.key(kind, "_text", (keys.WORD, word)) for word in words.of_narrative(div))
    return entries.settle()
