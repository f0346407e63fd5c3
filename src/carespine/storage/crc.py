"""The CRC-32 of two texts put together, from the CRCs of each: what zlib knows and Python's zlib does not show.

A CRC is a polynomial over GF(2) modulo the one of IEEE 802.3; to append n bytes multiplies it by x to the 8n.
"""

from __future__ import annotations

from functools import cache

# IEEE 802.3, bits reversed, as RFC 1952 uses it: x^0 is the highest bit.
_POLYNOMIAL, _ONE, _X = 0xEDB88320, 1 << 31, 1 << 30


def combined(first: int, second: int, length: int) -> int:
    """The CRC of a text whose last `length` bytes have the CRC `second`, those before them `first`."""
    return _times(_shift(length), first) ^ second


def _times(a: int, b: int) -> int:
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


@cache
def _square(times: int) -> int:
    """x squared so many times over."""
    return _X if times == 0 else _times(_square(times - 1), _square(times - 1))


def _shift(length: int) -> int:
    """x to the power of 8 * length."""
    product, bits, place = _ONE, length, 3
    while bits:
        if bits & 1:
            product = _times(_square(place), product)
        bits, place = bits >> 1, place + 1
    return product
