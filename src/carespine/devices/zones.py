"""The offset in force where a file only knows the offset of the place in which it was made. Pure.

Apple writes every moment in the zone of the phone at the time of the export; only some readings name their
own zone. Those bear witness for the hours around them: a reading between two witnesses who agree was made in
their zone. Where witnesses disagree (a flight lies between) the nearer one counts, and the reading is marked
as ambiguous. The store keeps what the file said; this is applied when reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from carespine.devices.samples import HOUR_MS, Int16, Int64, Samples, ZoneTrust

# Carespine: a worn device names the zone of every night's sleep; a witness speaks for a day and a half.
REACH_MS = 36 * HOUR_MS
# A change of the clocks moves the offset by an hour at most; a greater difference is travel.
CLOCK_CHANGE_MIN = 60

Readings = Mapping[str, Mapping[int, Samples]]


def in_force(readings: Readings) -> Readings:
    """The same readings, each with the offset in force as well as it can be known."""
    witnesses = _witnesses(readings)
    if witnesses is None:
        return readings
    return {
        key: {source: _with_offsets(samples, *witnesses) for source, samples in by_source.items()}
        for key, by_source in readings.items()
    }


def _witnesses(readings: Readings) -> tuple[Int64, Int16] | None:
    named = [
        samples.take(samples.trust == ZoneTrust.NAMED)
        for by_source in readings.values()
        for samples in by_source.values()
    ]
    moments = np.concatenate([samples.start_ms for samples in named]) if named else np.empty(0, np.int64)
    if not len(moments):
        return None
    offsets = np.concatenate([samples.offset_min for samples in named])
    order = np.lexsort((offsets, moments))
    return moments[order], offsets[order]


def _with_offsets(samples: Samples, moments: Int64, offsets: Int16) -> Samples:
    open_question = samples.trust == ZoneTrust.EXPORTED
    if not open_question.any():
        return samples
    at = samples.middle_ms()
    after = np.clip(np.searchsorted(moments, at), 0, len(moments) - 1)
    before = np.clip(np.searchsorted(moments, at, side="right") - 1, 0, len(moments) - 1)
    to_before, to_after = np.abs(at - moments[before]), np.abs(moments[after] - at)
    heard = (to_before <= REACH_MS) & (to_after <= REACH_MS) & open_question
    earlier, later = offsets[before], offsets[after]
    agree = heard & (earlier == later)
    travel = heard & (np.abs(earlier.astype(np.int32) - later) > CLOCK_CHANGE_MIN)
    nearer = np.where(to_before <= to_after, earlier, later)
    offset = np.where(agree, earlier, np.where(travel, nearer, samples.offset_min)).astype(np.int16)
    trust = samples.trust.copy()
    trust[agree] = ZoneTrust.INFERRED
    trust[travel] = ZoneTrust.AMBIGUOUS
    return replace(samples, offset_min=offset, trust=trust)
