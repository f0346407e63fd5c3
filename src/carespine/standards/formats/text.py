"""Text that XML and FHIR can hold: what a service sent may hold characters that they cannot."""

from __future__ import annotations

import re

# XML 1.0, production Char; FHIR strings allow the same below U+0020 (tab, line feed, carriage return).
_NOT_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(text: str) -> str:
    """The text with U+FFFD for each character that cannot be written."""
    return _NOT_TEXT.sub("\ufffd", text)
