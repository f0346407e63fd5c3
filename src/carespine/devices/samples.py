"""Readings as columns: what adapters produce, the store keeps and the rules read.

A row is one reading. Times are milliseconds since 1970 in UTC; `offset_min` is the offset from UTC that was
in force for that reading; `value` is as the source wrote it, in `metric.units[unit]`; `origin` is the number
of the patient's import that brought it (0 until the store has given one).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from carespine.devices.metrics import Metric
from carespine.kernel.ids import hash63

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Int16 = npt.NDArray[np.int16]
UInt8 = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class ZoneTrust(IntEnum):
    """How the offset of a reading is known; the numbers are in stored data and never change."""

    AMBIGUOUS = 0  # the source gave no offset, or the offset in force is not certain
    STATED = 1  # the source wrote the offset that was in force
    NAMED = 2  # the source named the zone, and the offset follows from it
    EXPORTED = 3  # the offset is that of the place where the file was made, wherever the person was
    INFERRED = 4  # never stored: follows from readings of the hours around that named their zone
    GIVEN = (
        5  # whoever sent the file named the zone in which the person lived, and the offset follows from it
    )
    SET_RIGHT = 6  # the device's clock was wrong; the moment was corrected by a comparison that is on record


@dataclass(frozen=True, slots=True)
class SourceIdentity:
    """A device with the app that reported it, spelt the same way at every import.

    Versions of software are no part of it: an update must not make a new source.
    """

    platform: str
    app: str
    device: str
    maker: str
    model: str
    hardware: str
    kind: str

    @property
    def key(self) -> int:
        """A stable key of the source (63 bits); the kind is derived, so it is no part of the key."""
        parts = (self.platform, self.app, self.device, self.maker, self.model, self.hardware)
        return hash63("device-source", *(part.casefold() for part in parts))

    @property
    def label(self) -> str:
        """What a person calls it."""
        return self.app if self.device in ("", self.app) else f"{self.app} ({self.device})"


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Readings of one metric from one source, as equally long columns."""

    start_ms: Int64
    end_ms: Int64
    offset_min: Int16
    trust: UInt8
    value: Float64
    unit: UInt8
    origin: Int32

    def __len__(self) -> int:
        return len(self.start_ms)

    def take(self, which: npt.NDArray[Any] | slice) -> Samples:
        """The rows that `which` selects: a mask, an order or a stretch (which is no copy)."""
        return Samples(**{column: getattr(self, column)[which] for column in COLUMNS})

    def local_day(self) -> Int64:
        """The local day of each start, as days since 1970-01-01, by the offset in force for that reading."""
        return (self.start_ms + self.offset_min.astype(np.int64) * MINUTE_MS) // DAY_MS

    def middle_day(self) -> Int64:
        """The local day of each middle: the day of a value that a source made for a whole day."""
        return (self.middle_ms() + self.offset_min.astype(np.int64) * MINUTE_MS) // DAY_MS

    def middle_ms(self) -> Int64:
        """The moment halfway between start and end."""
        return self.start_ms + (self.end_ms - self.start_ms) // 2

    def canonical(self, metric: Metric) -> Float64:
        """The values in the metric's canonical unit."""
        factors = np.array([unit.factor for unit in metric.units])
        shifts = np.array([unit.shift for unit in metric.units])
        result: Float64 = (self.value + shifts[self.unit]) * factors[self.unit]
        return result

    def identity(self, metric: Metric) -> npt.NDArray[np.void]:
        """What makes a reading the same reading: start, end and canonical value, to the metric's resolution.

        Readings a user re-exports after changing the app's unit are thus recognised.
        """
        rows = np.empty(len(self), dtype=_IDENTITY)
        rows["start"], rows["end"] = self.start_ms, self.end_ms
        rows["value"] = np.rint(self.canonical(metric) / metric.resolution)
        return rows

    def with_origin(self, number: int) -> Samples:
        """The same readings, brought by the import `number`."""
        columns = {column: getattr(self, column) for column in COLUMNS}
        return Samples(**{**columns, "origin": np.full(len(self), number, dtype=np.int32)})


_IDENTITY = np.dtype([("start", np.int64), ("end", np.int64), ("value", np.int64)])
COLUMNS = tuple(field.name for field in fields(Samples))
COLUMN_TYPES: dict[str, npt.DTypeLike] = {
    "start_ms": np.int64,
    "end_ms": np.int64,
    "offset_min": np.int16,
    "trust": np.uint8,
    "value": np.float64,
    "unit": np.uint8,
    "origin": np.int32,
}
_NOTHING: dict[str, Any] = {column: np.empty(0, dtype=kind) for column, kind in COLUMN_TYPES.items()}
EMPTY = Samples(**_NOTHING)


def concatenate(parts: Sequence[Samples]) -> Samples:
    """All parts after one another, in the order given."""
    if not parts:
        return EMPTY
    if len(parts) == 1:
        return parts[0]
    return Samples(
        **{column: np.concatenate([getattr(part, column) for part in parts]) for column in COLUMNS}
    )


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Some readings of one metric from one source, as an adapter hands them over."""

    metric: Metric
    source: SourceIdentity
    samples: Samples


@dataclass(frozen=True, slots=True)
class Batch:
    """What an adapter read from one stretch of a file: read == the rows of all runs + the sum of rejected."""

    runs: tuple[Run, ...]
    rejected: dict[str, int]
    read: int
    position: int
