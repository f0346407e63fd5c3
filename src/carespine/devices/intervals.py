"""Arithmetic of stretches of time, on whole columns at once. Moments are milliseconds; ends are exclusive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carespine.devices.samples import Bool, Float64, Int64

_NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """Ordered stretches that neither overlap nor touch."""

    starts: Int64
    ends: Int64

    @property
    def total(self) -> int:
        """The sum of the lengths."""
        return int((self.ends - self.starts).sum())

    def overlap(self, starts: Int64, ends: Int64) -> Float64:
        """How much of each [start, end) lies within the stretches, in milliseconds."""
        if not len(self.starts):
            return np.zeros(len(starts))
        corners = np.column_stack([self.starts, self.ends]).ravel().astype(np.float64)
        lengths = (self.ends - self.starts).astype(np.float64)
        until = np.concatenate([[0.0], np.repeat(np.cumsum(lengths), 2)[:-1]])
        result: Float64 = np.interp(ends, corners, until) - np.interp(starts, corners, until)
        return result

    def holds(self, moments: Int64) -> Bool:
        """Whether each moment lies within a stretch, its last moment included."""
        place = np.searchsorted(self.starts, moments, side="right") - 1
        inside: Bool = place >= 0
        inside[inside] = moments[inside] <= self.ends[place[inside]]
        return inside

    def within(self, first: int, last: int) -> Stretches:
        """The parts of the stretches inside [first, last)."""
        starts, ends = np.clip(self.starts, first, last), np.clip(self.ends, first, last)
        real = ends > starts
        return Stretches(starts[real], ends[real])

    def joined(self, other: Stretches) -> Stretches:
        """Both together."""
        return union(np.concatenate([self.starts, other.starts]), np.concatenate([self.ends, other.ends]))


NOTHING = Stretches(_NONE, _NONE)


def union(starts: Int64, ends: Int64, *, gap_ms: int = 0) -> Stretches:
    """The stretches covered by any of the [start, end), joined where no more than `gap_ms` lies between."""
    if not len(starts):
        return NOTHING
    order = np.argsort(starts, kind="stable")
    starts, reached = starts[order], np.maximum.accumulate(ends[order])
    opens = np.ones(len(starts), dtype=np.bool_)
    opens[1:] = starts[1:] > reached[:-1] + gap_ms
    first = np.flatnonzero(opens)
    last = np.append(first[1:], len(starts)) - 1
    return Stretches(starts[first], reached[last])
