"""How regular sleep is: the share of moments at which a person is in the same state as a day before. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carespine.devices.samples import DAY_MS, MINUTE_MS, Bool, Int64

RULE = (
    "Sleep Regularity Index (Phillips and others, Scientific Reports 2017), 14 nights; at least 7 (Carespine)"
)

NIGHTS, LEAST_NIGHTS = 14, 7
# Carespine: five minutes are finer than any device tells sleep from waking.
EPOCH_MS = 5 * MINUTE_MS
_EPOCHS_A_DAY = DAY_MS // EPOCH_MS


@dataclass(frozen=True, slots=True)
class Regularity:
    """The index, -100 (never the same) to 100 (always the same), and how far mid-sleep wanders in minutes."""

    index: float
    mid_sleep_spread_min: float
    nights: int


@dataclass(frozen=True, slots=True)
class TooFewNights:
    """Too few nights with sleep in them."""

    nights: int

    @property
    def sentence(self) -> str:
        missing = LEAST_NIGHTS - self.nights
        return f"Sleep with the device on {missing} more night{'' if missing == 1 else 's'}."


def regularity(start_ms: Int64, end_ms: Int64, *, first_day: int, last_day: int) -> Regularity | TooFewNights:
    """From stretches asleep in local time (ms since 1970 on the local clock), for days first..last.

    A day counts from noon to noon, so that a night lies within one. Days without sleep are left out.
    """
    noon = DAY_MS // 2
    days = last_day - first_day + 1
    states = np.zeros((days, _EPOCHS_A_DAY), dtype=np.bool_)
    origin = (first_day - 1) * DAY_MS + noon
    for begin, end in zip(start_ms.tolist(), end_ms.tolist(), strict=True):
        first = max(0, (begin - origin) // EPOCH_MS)
        last = min(days * _EPOCHS_A_DAY, -((origin - end) // EPOCH_MS))
        states.reshape(-1)[first:last] = True
    slept: Bool = np.asarray(states.any(axis=1), dtype=np.bool_)
    nights = int(slept.sum())
    if nights < LEAST_NIGHTS:
        return TooFewNights(nights)
    pairs = slept[1:] & slept[:-1]
    both = np.flatnonzero(pairs)
    differs = np.not_equal(states[both + 1], states[both])
    index = 100 - 200 * float(np.mean(differs)) if len(both) else 0.0
    asleep = (np.flatnonzero(states[day]) for day in np.flatnonzero(slept).tolist())
    middles = np.array([float(epochs.mean()) for epochs in asleep]) * EPOCH_MS / MINUTE_MS
    return Regularity(index, float(middles.std()), nights)
