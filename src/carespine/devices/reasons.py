"""Why a record is not stored: each code with the sentence its sender reads. Codes are in stored data."""

from __future__ import annotations

from collections.abc import Mapping

from carespine.devices.models import Reason

METRIC_NOT_SUPPORTED = "metric-not-supported"
UNIT_NOT_SUPPORTED = "unit-not-supported"
VALUE_MISSING = "value-missing"
VALUE_UNREADABLE = "value-unreadable"
VALUE_IMPOSSIBLE = "value-impossible"
TIME_UNREADABLE = "time-unreadable"
ENDS_BEFORE_START = "ends-before-start"
IN_THE_FUTURE = "in-the-future"
NO_CONSENT = "no-consent"
TIME_IMPOSSIBLE = "time-impossible"
AFTER_DAMAGE = "after-damage"

SENTENCES: Mapping[str, str] = {
    METRIC_NOT_SUPPORTED: "Carespine does not use this kind of record.",
    UNIT_NOT_SUPPORTED: "The unit is not one that this metric is measured in.",
    VALUE_MISSING: "The record has no value.",
    VALUE_UNREADABLE: "The value is not a number, or not a stage that is known.",
    VALUE_IMPOSSIBLE: "The value cannot be a measurement of this kind.",
    TIME_UNREADABLE: "The start or end is missing, or is not a date and time with an offset.",
    ENDS_BEFORE_START: "The record ends before it starts.",
    TIME_IMPOSSIBLE: "The record lies before the year 1900.",
    IN_THE_FUTURE: "The record lies in the future; the device's clock may be wrong.",
    NO_CONSENT: "The patient has not agreed to share this class of data.",
    AFTER_DAMAGE: "The record comes after the place where the file is damaged.",
}


def as_reasons(counts: Mapping[str, int]) -> tuple[Reason, ...]:
    """The counts as reasons with their sentences, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Reason(code, SENTENCES[code], count) for code, count in ordered if count)
