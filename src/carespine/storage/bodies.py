"""How bodies lie on disk: zstd with a dictionary that knows how FHIR is written; JSON as it is where that is shorter.

What is stored says itself how it was packed: JSON begins with a brace, a zstd frame with its magic number and the
number of its dictionary. A dictionary, once used, is never changed: a better one gets the next number. Every frame
can be read outside this program with `zstd -d -D bodies-32769.dict`.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib.resources import files

import zstandard

# Numbers below 32,768 are reserved for registered dictionaries (RFC 8878, section 5).
DICTIONARY = 32_769
# zstd's own default. Measured on two corpora: levels 1 to 6 differ by less than 5 % in size.
LEVEL = 3
_BRACE = ord("{")


def pack(body: bytes) -> bytes:
    """The JSON of a resource as it is stored; nothing stays nothing."""
    if not body:
        return body
    packed = _tools().compress(body)
    return packed if len(packed) < len(body) else body


def unpack(packed: bytes) -> bytes:
    """The JSON that was packed."""
    if not packed or packed[0] == _BRACE:
        return packed
    return _tools().decompress(packed)


class _Tools(threading.local):
    """A compressor serves one thread at a time, so that each thread has its own."""

    def __init__(self) -> None:
        dictionary = _dictionary()
        # No checksum: PostgreSQL guards its pages and its log, and zstd notices a broken frame.
        self.compress = zstandard.ZstdCompressor(
            level=LEVEL, dict_data=dictionary, write_checksum=False, write_content_size=True
        ).compress
        self.decompress = zstandard.ZstdDecompressor(dict_data=dictionary).decompress


@cache
def _tools() -> _Tools:
    return _Tools()


@cache
def _dictionary() -> zstandard.ZstdCompressionDict:
    content = (files("carespine.storage") / "data" / f"bodies-{DICTIONARY}.dict").read_bytes()
    dictionary = zstandard.ZstdCompressionDict(content)
    dictionary.precompute_compress(level=LEVEL)
    return dictionary
