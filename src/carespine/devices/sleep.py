"""Nights from sleep stages: how long a person slept, by the best source, completed by the next. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from carespine.devices.intervals import NOTHING, Stretches, union
from carespine.devices.metrics import SleepStage, metric
from carespine.devices.resolve import BETTER_PRESENT, PRESENCE_GAP_MS, Day, Share, imports_of, span_of
from carespine.devices.samples import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Int64,
    Samples,
    SourceIdentity,
    concatenate,
)

# Carespine: a night belongs to the day it ends on; what begins after 18:00 local belongs to the next day.
NIGHT_BEGINS_MS = 18 * HOUR_MS
_STAGES = {
    "light": SleepStage.LIGHT,
    "deep": SleepStage.DEEP,
    "rem": SleepStage.REM,
    "awake": SleepStage.AWAKE,
}
_ASLEEP = (SleepStage.ASLEEP, SleepStage.LIGHT, SleepStage.DEEP, SleepStage.REM)


def night_of(samples: Samples) -> Int64:
    """The day (days since 1970) to whose night each stage belongs, by the offset in force."""
    local = samples.start_ms + samples.offset_min.astype(np.int64) * MINUTE_MS
    result: Int64 = (local + DAY_MS - NIGHT_BEGINS_MS) // DAY_MS
    return result


def nights(
    by_source: Mapping[int, Samples], sources: Mapping[int, SourceIdentity], preferred: Sequence[int] = ()
) -> list[Day]:
    """Every night with sleep in it: minutes asleep, and minutes of each stage in `parts`.

    Time merely spent in bed is no sleep. What a later source says about a time that a better source described
    is set aside; sessions that the better source missed are kept.
    """
    night = {source: night_of(samples) for source, samples in by_source.items()}
    every = sorted({int(day) for found in night.values() for day in np.unique(found)})
    found = (_night(day, by_source, night, sources, preferred) for day in every)
    return [day for day in found if day is not None]


def _night(
    day: int,
    by_source: Mapping[int, Samples],
    night: Mapping[int, Int64],
    sources: Mapping[int, SourceIdentity],
    preferred: Sequence[int],
) -> Day | None:
    parts = {source: samples.take(night[source] == day) for source, samples in by_source.items()}
    present = [source for source in parts if len(parts[source])]
    order = present
    if len(present) > 1:
        order = sorted(present, key=lambda source: _order(source, parts[source], sources, preferred))
    described, shares, kept = NOTHING, list[Share](), list[Samples]()
    minutes = dict.fromkeys(("asleep", *_STAGES), 0.0)
    for source in order:
        samples = parts[source]
        asleep = np.isin(samples.value, _ASLEEP)
        free = described.overlap(samples.start_ms, samples.end_ms) < (samples.end_ms - samples.start_ms)
        slept = _minutes(samples, asleep, described)
        minutes["asleep"] += slept
        for name, stage in _STAGES.items():
            minutes[name] += _minutes(samples, samples.value == stage, described)
        aside = {BETTER_PRESENT: int((~free).sum())} if described.total and not free.all() else {}
        shares.append(Share(source, int(free.sum()), aside, slept))
        kept.append(samples.take(free))
        if source != order[-1] and asleep.any():
            described = described.joined(union(samples.start_ms, samples.end_ms, gap_ms=PRESENCE_GAP_MS))
    if not minutes["asleep"]:
        return None
    total = minutes.pop("asleep")
    used = concatenate(kept)
    return Day(
        day, total, None, None, tuple(shares), parts=minutes, imports=imports_of(used), span=span_of(used)
    )


def _order(
    source: int, samples: Samples, sources: Mapping[int, SourceIdentity], preferred: Sequence[int]
) -> tuple[bool, int, int, float, int]:
    """Sources that measure sleep before those that only know the bed; then the ranking; then the longest."""
    asleep = np.isin(samples.value, _ASLEEP)
    kind = sources[source].kind if source in sources else "unknown"
    own = preferred.index(source) if source in preferred else len(preferred)
    return not asleep.any(), own, metric("sleep").rank(kind), -_minutes(samples, asleep, NOTHING), source


def _minutes(samples: Samples, which: np.ndarray, described: Stretches) -> float:
    """Minutes of the chosen stages, overlaps counted once, outside what a better source described."""
    own = union(samples.start_ms[which], samples.end_ms[which])
    return float((own.ends - own.starts).sum() - described.overlap(own.starts, own.ends).sum()) / MINUTE_MS
