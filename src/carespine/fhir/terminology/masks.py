"""Sets of concepts as truth values: union, intersection and difference of a million concepts in microseconds."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from carespine.fhir.terminology.models import Mask, Ords

_BITS, _ORDS = b"b", b"o"


def none(size: int) -> Mask:
    return np.zeros(size, dtype=np.bool_)


def every(size: int) -> Mask:
    return np.ones(size, dtype=np.bool_)


def of(size: int, *sets: Ords) -> Mask:
    """The union of sets of places."""
    mask = none(size)
    for ords in sets:
        mask[ords] = True
    return mask


def ords(mask: Mask) -> Ords:
    return np.flatnonzero(mask).astype(np.int32)


def array(places: Iterable[int]) -> Ords:
    return np.array(list(places), dtype=np.int32)


def pack(places: Ords, size: int) -> bytes:
    """A set as bytes: 4 bytes a concept, or 1 bit for each concept of the system where that is less."""
    if len(places) * 32 > size:
        return _BITS + np.packbits(of(size, places)).tobytes()
    return _ORDS + places.astype("<i4").tobytes()


def unpack(content: bytes, size: int) -> Ords:
    """The set that `pack` wrote."""
    if content[:1] == _BITS:
        bits = np.unpackbits(np.frombuffer(content, dtype=np.uint8, offset=1), count=size)
        return np.flatnonzero(bits).astype(np.int32)
    return np.frombuffer(content, dtype="<i4", offset=1).astype(np.int32)
