"""Words of displays, and of what people type to find them: without case, accents and punctuation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_WORD = re.compile(r"\w+")
# The longest beginning that has a set of its own (system.STEM); longer ones are few words each.
LONGEST_STEM = 3


def words(text: str) -> list[str]:
    """The words of a text, in order: "Ménière's disease" -> meniere, s, disease."""
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(part for part in parts if not unicodedata.combining(part))
    return _WORD.findall(text.casefold())


def of_texts(texts: Iterable[str | None]) -> set[str]:
    """The words of several texts."""
    return {word for text in texts if text for word in words(text)}


def stems(found: Iterable[str]) -> set[str]:
    """The first one, two and three letters of words."""
    return {word[:length] for word in found for length in range(1, LONGEST_STEM + 1)}
