"""The section on oxygen at home: readings that the person took, not those of a watch through the night."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from carespine.devices.metrics import Unit, metric
from carespine.devices.models import Result, Target
from carespine.devices.picture import Picture
from carespine.devices.rules import oximetry as rules
from carespine.devices.samples import MINUTE_MS, Samples
from carespine.devices.sections.common import (
    Frame,
    chart,
    figure,
    instant,
    provenance,
    quality,
    target,
    written,
)

FRAME = Frame(
    "home-oximetry", "Oxygen saturation at home", "Blood oxygen at home", "oxygen-saturation", rules.RULE
)
# Carespine: nobody clips an oximeter on more than a dozen times a day; what reports more measures by itself.
MOST_BY_HAND = 12
_URGENT = "Two oxygen readings within an hour are low (NHS England, oximetry at home): act now."


def section(picture: Picture) -> Result:
    """The latest week, and whether its latest low reading was repeated."""
    found = picture.days.get(FRAME.metric_key, [])
    if not found:
        return FRAME.empty(picture)
    begun = replace(
        FRAME.empty(picture),
        series=(chart("oxygen-saturation", "Median of the day", metric(FRAME.metric_key), found),),
        quality=quality(picture, FRAME.metric_key, found, first=picture.last_day - 6, last=picture.last_day),
        provenance=provenance(picture, FRAME.metric_key, found),
    )
    own = picture.thresholds.get("oxygen-usual")
    moments = _by_hand(picture)
    decided = rules.assess(list(moments), usual=None if own is None else own.value)
    if decided is None:
        sentence = (
            "Measure with a finger oximeter three times a day: a watch's own readings are no home oximetry."
        )
        return replace(
            begun,
            state="not-enough",
            verdict="Only automatic readings of a wearable: no home oximetry.",
            plain=sentence,
            missing=(sentence,),
        )
    latest = written(decided.latest.percent, 0)
    low = decided.band == "low" and decided.confirmed is not None
    usual = target(
        picture, "oxygen-usual", Target(rules.NORMAL, None, f"{rules.NORMAL} % and above", rules.RULE)
    )
    percent = Unit("%", "%")
    codes = metric(FRAME.metric_key).reading_codes()
    return replace(
        begun,
        state="ready",
        verdict=f"Latest {latest} %, median of the week {written(decided.median_percent, 0)} %, lowest "
        f"{written(decided.lowest_percent, 0)} %, {decided.readings} readings on "
        f"{decided.days} days. {_standing(decided)}",
        plain=f"Your latest reading was {latest} %. {decided.advice}",
        figures=(
            figure("oximetry-median", "Median of 7 days", decided.median_percent, unit=percent,
                   codes=codes, target=usual),
            figure("oximetry-latest", "Latest", decided.latest.percent, unit=percent, codes=codes, target=usual),
            figure("oximetry-lowest", "Lowest of 7 days", decided.lowest_percent, unit=percent, codes=codes),
        ),
        urgent=_URGENT if low else None,
        urgent_at=instant(moments[decided.latest]) if low else None,
    )  # fmt: skip


def _standing(decided: rules.HomeOximetry) -> str:
    if decided.band == "normal":
        return "In the usual range."
    if decided.confirmed is None:
        return "Below the usual range, not repeated: one reading alone decides nothing."
    return "Below the usual range, and repeated within the hour."


def _by_hand(picture: Picture) -> dict[rules.Oxygen, int]:
    """The readings a person took, each with its moment (ms since 1970)."""
    of = metric(FRAME.metric_key)
    readings: dict[rules.Oxygen, int] = {}
    for samples in picture.readings.get(FRAME.metric_key, {}).values():
        value = samples.canonical(of)
        plausible = samples.take((value >= of.bounds[0]) & (value <= of.bounds[1]))
        if len(plausible) and _is_by_hand(plausible):
            readings |= {
                rules.Oxygen(_wall(int(start), int(offset)), float(percent)): int(start)
                for start, offset, percent in zip(
                    plausible.start_ms, plausible.offset_min, plausible.canonical(of), strict=True
                )
            }
    return readings


def _is_by_hand(samples: Samples) -> bool:
    _, counts = np.unique(samples.local_day(), return_counts=True)
    return bool(np.median(counts) <= MOST_BY_HAND)


def _wall(start_ms: int, offset_min: int) -> datetime:
    local = datetime.fromtimestamp(start_ms / 1000, UTC) + timedelta(milliseconds=offset_min * MINUTE_MS)
    return local.replace(tzinfo=None)
