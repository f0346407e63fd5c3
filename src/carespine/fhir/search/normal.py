"""Text made comparable: what the index stores and what a query asks for go through the same functions."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_APOSTROPHES = str.maketrans("", "", "'`´‘’ʼ")
_PUNCTUATION = re.compile(r"[\W_]+")
_PHONE = re.compile(r"[+()\d\s./-]{5,}")
_PHONE_PUNCTUATION = re.compile(r"[()\s./-]+")
# American Soundex (US National Archives, "The Soundex Indexing System"): consonants that sound alike.
_SOUNDEX = {
    letter: digit
    for digit, letters in {"1": "bfpv", "2": "cgjkqsxz", "3": "dt", "4": "l", "5": "mn", "6": "r"}.items()
    for letter in letters
}
_SOUNDEX_LENGTH = 4


@lru_cache(maxsize=8192)
def text(value: str) -> str:
    """Without case, accents, apostrophes; other punctuation and spaces become single spaces.

    `Zoë  O'Brien-Smith` -> `zoe obrien smith`. FHIR R4 search.html#string asks for case and accents; ignoring
    punctuation as well is ours, for names.
    """
    if value.isascii():
        plain = value.lower()
    else:
        # Decomposing first as well: some compatibility characters have capitals inside (the service mark: SM).
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", value).casefold())
        plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    # What is punctuation only stays as it is: an empty text would be the beginning of every other.
    return _PUNCTUATION.sub(" ", plain.translate(_APOSTROPHES)).strip() or plain.strip()


def contact(value: str) -> str:
    """A telephone number without its punctuation, an e-mail address without case, anything else as it is."""
    if _PHONE.fullmatch(value):
        return _PHONE_PUNCTUATION.sub("", value)
    return value.casefold() if "@" in value else value


def phonetic(value: str) -> str:
    """The American Soundex code of each word that has letters: `Robert Rupert` -> `R163 R163`."""
    codes = (_soundex(word) for word in text(value).split())
    return " ".join(code for code in codes if code)


def _soundex(word: str) -> str:
    letters = [letter for letter in word if "a" <= letter <= "z"]
    if not letters:
        return ""
    code, previous = letters[0].upper(), _SOUNDEX.get(letters[0], "")
    for letter in letters[1:]:
        digit = _SOUNDEX.get(letter, "")
        if digit and digit != previous:
            code += digit
        # h and w do not separate two letters that sound alike; vowels do.
        if letter not in "hw":
            previous = digit
    return code[:_SOUNDEX_LENGTH].ljust(_SOUNDEX_LENGTH, "0")


def without_version(canonical: str) -> str:
    """A canonical URL without `|version`."""
    return canonical.partition("|")[0]
