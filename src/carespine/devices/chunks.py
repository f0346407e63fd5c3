"""The lossless packing of readings into the bytes of one chunk, and back.

A chunk is: version (1 byte), number of readings, the unit codes, then zstandard over seven columns. Integer
columns are stored as differences in as few bytes as they need, low bytes together, high bytes together;
values as scaled integers where that gives every value back bit for bit, else as they are. Stored data depends
on this layout: a change is a new version, and the old one stays readable.
"""

from __future__ import annotations

import json
import struct

import numpy as np
import numpy.typing as npt
import zstandard

from carespine.devices.metrics import Metric
from carespine.devices.samples import COLUMN_TYPES, EMPTY, Int64, Samples

VERSION = 1
_HEAD = struct.Struct("<BIH")  # version, rows, bytes of the unit list
_COLUMN = struct.Struct("<BBBq")  # width in bytes, mode, decimal digits or second scale, first value
_DIRECT, _DELTA, _FLOATS = 0, 1, 2
_MAX_DIGITS = 6
_EXACT = float(2**53)
_LEVEL = 5


class DamagedChunkError(Exception):
    """Stored bytes that are no chunk; the database was altered from outside."""


def pack(samples: Samples, metric: Metric) -> bytes:
    """The bytes of these readings; `unpack` gives back exactly the same columns in the same order."""
    units = json.dumps([unit.code for unit in metric.units]).encode()
    parts = [_pack_ints(samples.start_ms), _pack_ints(samples.end_ms - samples.start_ms)]
    for column in (samples.offset_min, samples.trust, samples.unit, samples.origin):
        parts.append(_pack_ints(column.astype(np.int64)))
    parts.append(_pack_values(samples.value))
    body = zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join(parts))
    return _HEAD.pack(VERSION, len(samples), len(units)) + units + body


def unpack(raw: bytes, metric: Metric) -> Samples:
    """The readings in a chunk. Raises DamagedChunkError when the bytes are not one."""
    try:
        version, rows, unit_bytes = _HEAD.unpack_from(raw)
        if version != VERSION:
            raise DamagedChunkError(f"Chunk version {version} is not known.")
        units = json.loads(raw[_HEAD.size : _HEAD.size + unit_bytes])
        body = zstandard.ZstdDecompressor().decompress(raw[_HEAD.size + unit_bytes :])
    except (struct.error, ValueError, zstandard.ZstdError) as error:
        raise DamagedChunkError("The bytes are not a chunk of readings.") from error
    if not rows:
        return EMPTY
    reader = _Reader(body, rows)
    start, duration, offset, trust, unit, origin = (reader.ints() for _ in range(6))
    value = reader.values()
    places = np.array([metric.unit_index(code) for code in units], dtype=np.uint8)
    columns = {
        "start_ms": start,
        "end_ms": start + duration,
        "offset_min": offset,
        "trust": trust,
        "value": value,
        "unit": places[unit],
        "origin": origin,
    }
    return Samples(**{name: columns[name].astype(kind, copy=False) for name, kind in COLUMN_TYPES.items()})


def _pack_ints(numbers: Int64) -> bytes:
    """A column of integers: differences where they are smaller, whole seconds where all are."""
    if not len(numbers):
        return _COLUMN.pack(1, _DIRECT, 0, 0)
    thousands = int(bool((numbers % 1000 == 0).all()) and bool(numbers.any()))
    scaled = numbers // 1000 if thousands else numbers
    steps = np.diff(scaled, prepend=scaled[:1])
    best, mode = (steps, _DELTA) if _width(steps) <= _width(scaled) else (scaled, _DIRECT)
    width = _width(best)
    return _COLUMN.pack(width, mode, thousands, int(scaled[0])) + _planes(best, width)


def _pack_values(values: npt.NDArray[np.float64]) -> bytes:
    for digits in range(_MAX_DIGITS + 1):
        scaled = np.rint(values * 10.0**digits)
        if not (np.abs(scaled) < _EXACT).all():
            break
        whole = scaled.astype(np.int64)
        if _bits_equal(whole / 10.0**digits, values):
            width = _width(whole)
            return _COLUMN.pack(width, _DIRECT, digits, 0) + _planes(whole, width)
    return _COLUMN.pack(8, _FLOATS, 0, 0) + _planes(values.view(np.int64), 8)


def _bits_equal(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> bool:
    return bool((left.view(np.int64) == right.view(np.int64)).all())


def _width(numbers: Int64) -> int:
    """The bytes that every number fits into, with its sign."""
    most = max(int(numbers.max(initial=0)), -int(numbers.min(initial=0)) - 1)
    return next(width for width in (1, 2, 4, 8) if most < 2 ** (8 * width - 1))


def _planes(numbers: Int64, width: int) -> bytes:
    """All first bytes, then all second bytes, and so on: like lies beside like, which zstandard rewards."""
    little = numbers.astype(f"<i{width}")
    return np.ascontiguousarray(little.view(np.uint8).reshape(-1, width).T).tobytes()


class _Reader:
    """Takes the columns off the body one after another."""

    def __init__(self, body: bytes, rows: int) -> None:
        self._body, self._rows, self._at = body, rows, 0

    def ints(self) -> Int64:
        width, mode, thousands, first = self._column()
        numbers = self._numbers(width)
        if mode == _DELTA:
            numbers[0] = first
            numbers = np.cumsum(numbers)
        return numbers * 1000 if thousands else numbers

    def values(self) -> npt.NDArray[np.float64]:
        width, mode, digits, _ = self._column()
        numbers = self._numbers(width)
        if mode == _FLOATS:
            return numbers.view(np.float64)
        result: npt.NDArray[np.float64] = numbers / 10.0**digits
        return result

    def _column(self) -> tuple[int, int, int, int]:
        width, mode, extra, first = _COLUMN.unpack_from(self._body, self._at)
        self._at += _COLUMN.size
        return width, mode, extra, first

    def _numbers(self, width: int) -> Int64:
        end = self._at + self._rows * width
        planes = np.frombuffer(self._body[self._at : end], dtype=np.uint8).reshape(width, self._rows)
        self._at = end
        return np.ascontiguousarray(planes.T).view(f"<i{width}").reshape(-1).astype(np.int64)
