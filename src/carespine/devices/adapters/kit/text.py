"""Bytes as text, whatever the program that wrote them: marks of byte order, UTF-16, old Windows pages."""

from __future__ import annotations

import codecs
import unicodedata

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ", "\ufeff": ""})


def decoded(raw: bytes) -> tuple[str, str | None]:
    """The text of a file, and a sentence where its encoding had to be guessed or bytes were replaced."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace"), None
    wide = _wide(raw)
    if wide is not None:
        return raw.decode(wide, "replace"), None
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError as error:
        if error.end >= len(raw) - 3 and _cut_inside_a_letter(raw, error.start):
            return raw[: error.start].decode("utf-8"), "The file ends in the middle of a letter."
    if _mostly_utf8(raw):
        return raw.decode("utf-8", "replace"), "Some bytes are not UTF-8 and were replaced."
    return raw.decode("cp1252", "replace"), "The file is not UTF-8; it was read as Windows-1252."


def is_binary(raw: bytes) -> bool:
    """Whether bytes hold zeros as no text does: neither marked as UTF-16 or UTF-32 nor written like UTF-16."""
    if b"\x00" not in raw[:400]:
        return False
    return not any(raw.startswith(mark) for mark, _ in _MARKS) and _wide(raw) is None


def folded(text: str) -> str:
    """A word for comparing: compatibility-normalised, without accents, case and double spaces."""
    plain = unicodedata.normalize("NFKD", text.translate(_SPACES))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(letters.casefold().split())


def tidy(text: str) -> str:
    """A cell as people mean it: odd spaces made plain, ends trimmed."""
    return text.translate(_SPACES).strip()


def _wide(raw: bytes) -> str | None:
    """UTF-16 without a mark shows itself by a zero in every other byte."""
    head = raw[:400]
    if len(head) < 8:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > len(head) * 0.4 and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) * 0.4 and odd == 0 else None


def _cut_inside_a_letter(raw: bytes, start: int) -> bool:
    return raw[start] >= 0xC2 and all(0x80 <= byte < 0xC0 for byte in raw[start + 1 :])


def _mostly_utf8(raw: bytes) -> bool:
    """A file in an old code page has no multi-byte letters; a damaged UTF-8 file has many and few bad bytes."""
    text = raw.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(1 for letter in text if ord(letter) > 0x7F) - bad
    return good >= bad
