"""Glucose: the consensus report of a continuous monitor, refused on too little data; meter readings apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carespine.devices.samples import DAY_MS, MINUTE_MS, Float64, Int64

RULE = "International consensus on time in range (2019), as the HL7 CGM guide and NICE NG17/NG28 use it"
METER_RULE = "Capillary readings as measured; no time in range is derived from a meter"

# Consensus 2019: 14 days with at least 70 % of the time active.
DAYS_NEEDED = 14
ACTIVE_NEEDED = 70.0
# Consensus 2019: limits in mmol/L and, for sensors that measure in it, in mg/dL.
LIMITS = {"mmol/L": (3.0, 3.9, 10.0, 13.9), "mg/dL": (54.0, 70.0, 180.0, 250.0)}
# Consensus 2019 targets in percent of the time: in range above, the others below.
TARGET_IN_RANGE, TARGET_BELOW, TARGET_VERY_LOW, TARGET_ABOVE, TARGET_VERY_HIGH = 70.0, 4.0, 1.0, 25.0, 5.0
# Consensus 2019: a coefficient of variation of at most 36 % is stable.
TARGET_CV = 36.0
# Bergenstal 2018: GMI % = 3.31 + 0.02392 x mean in mg/dL. 1 mmol/L = 18.0156 mg/dL.
GMI_BASE, GMI_SLOPE, MG_PER_MMOL = 3.31, 0.02392, 18.0156
# Sensors report every minute, every 5 (Dexcom, Medtronic, Eversense) or every 15 (Libre, its history).
STEPS_MS = (MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS)
# Carespine: clocks of sensors waver by some seconds.
STEP_SLACK_MS = 20_000


@dataclass(frozen=True, slots=True)
class CgmProfile:
    """The report of the last 14 days; shares are percent of readings.

    `below` is everything under 3.9, `very_low` the part under 3.0; `above` everything over 10.0, `very_high`
    the part over 13.9 mmol/L.
    """

    days: int
    active: float
    readings: int
    mean_mmol_l: float
    gmi: float
    cv: float
    in_range: float
    below: float
    very_low: float
    above: float
    very_high: float


@dataclass(frozen=True, slots=True)
class CgmRefused:
    """No profile: too few days or too little of the time."""

    days: int
    active: float
    sentences: tuple[str, ...]


def profile(
    moment_ms: Int64, local_day: Int64, mmol_l: Float64, mg_dl: Float64, measured_in_mg: Sequence[bool]
) -> CgmProfile | CgmRefused:
    """The report of the 14 local days up to the latest reading.

    Columns of equal length, ordered by time: moment, local day, the value in both units, and in which of them
    it was measured; limits are applied in that unit, because rounding would move readings across them.
    """
    if not len(moment_ms):
        return CgmRefused(0, 0.0, (f"A sensor profile needs {DAYS_NEEDED} days of readings.",))
    recent = local_day > local_day.max() - DAYS_NEEDED
    moment_ms, local_day, mmol_l, mg_dl = moment_ms[recent], local_day[recent], mmol_l[recent], mg_dl[recent]
    by_mg = np.asarray(measured_in_mg, dtype=np.bool_)[recent]
    days, active = len(np.unique(local_day)), _active(moment_ms)
    missing = _missing(days, active)
    if missing:
        return CgmRefused(days, active, missing)
    very_low, low, high, very_high = (
        np.where(by_mg, mg, mmol) for mmol, mg in zip(LIMITS["mmol/L"], LIMITS["mg/dL"], strict=True)
    )
    value = np.where(by_mg, mg_dl, mmol_l)
    mean = float(mmol_l.mean())
    return CgmProfile(
        days=days,
        active=active,
        readings=len(value),
        mean_mmol_l=mean,
        gmi=GMI_BASE + GMI_SLOPE * mean * MG_PER_MMOL,
        cv=float(mmol_l.std(ddof=1)) / mean * 100,
        in_range=_percent((value >= low) & (value <= high)),
        below=_percent(value < low),
        very_low=_percent(value < very_low),
        above=_percent(value > high),
        very_high=_percent(value > very_high),
    )


@dataclass(frozen=True, slots=True)
class AmbulatoryHour:
    """One hour of the day over all days: the 5th, 25th, 50th, 75th and 95th percentile in mmol/L."""

    hour: int
    p5: float
    p25: float
    p50: float
    p75: float
    p95: float


def ambulatory(local_ms: Int64, local_day: Int64, mmol_l: Float64) -> tuple[AmbulatoryHour, ...]:
    """The ambulatory profile of the 14 days up to the latest reading, hour by hour of the local clock.

    Only to be shown beside a CgmProfile: it has no refusal of its own.
    """
    recent = local_day > local_day.max() - DAYS_NEEDED
    hour = (local_ms[recent] % DAY_MS) // (60 * MINUTE_MS)
    value = mmol_l[recent]
    found = []
    for each in np.unique(hour).tolist():
        spread = np.percentile(value[hour == each], (5, 25, 50, 75, 95))
        found.append(AmbulatoryHour(int(each), *(float(one) for one in spread)))
    return tuple(found)


def _missing(days: int, active: float) -> tuple[str, ...]:
    found = []
    if days < DAYS_NEEDED:
        found.append(f"A sensor profile needs {DAYS_NEEDED} days; there are {days}.")
    if active < ACTIVE_NEEDED:
        found.append(f"The sensor was active {active:.0f} % of the time; {ACTIVE_NEEDED:.0f} % is needed.")
    return tuple(found)


def _active(moment_ms: Int64) -> float:
    """Percent of 14 days in which the sensor gave readings, by the longest step of sensors that fits its own."""
    if len(moment_ms) < 2:
        return 0.0
    usual = float(np.median(np.diff(moment_ms))) + STEP_SLACK_MS
    step = max((one for one in STEPS_MS if one <= usual), default=STEPS_MS[0])
    return min(100.0, len(np.unique(moment_ms)) * step / (DAYS_NEEDED * DAY_MS) * 100)


def _percent(which: np.ndarray) -> float:
    return float(which.mean()) * 100


@dataclass(frozen=True, slots=True)
class MeterSummary:
    """Finger-prick readings of a period, in mmol/L."""

    readings: int
    mean_mmol_l: float
    lowest_mmol_l: float
    highest_mmol_l: float
    below_4: int


# NICE NG17 1.7.3 and Diabetes UK: below 4 mmol/L is treated as hypoglycaemia.
HYPOGLYCAEMIA_MMOL_L = 4.0


def meter(mmol_l: Sequence[float]) -> MeterSummary | None:
    """The readings of the period in five numbers, or None without readings."""
    if not mmol_l:
        return None
    return MeterSummary(
        readings=len(mmol_l),
        mean_mmol_l=sum(mmol_l) / len(mmol_l),
        lowest_mmol_l=min(mmol_l),
        highest_mmol_l=max(mmol_l),
        below_4=sum(1 for value in mmol_l if value < HYPOGLYCAEMIA_MMOL_L),
    )
