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
RECORD_UNREADABLE = "record-unreadable"
UNIT_UNKNOWN = "unit-unknown"
TIME_UNCLEAR = "time-unclear"
NUMBER_UNCLEAR = "number-unclear"
NO_VALUE_MARK = "no-value-mark"
OUT_OF_RANGE_MARK = "out-of-range-mark"
AGGREGATE = "aggregate"
PLAN_NOT_READING = "plan-not-reading"
CLOCK_NOT_SET = "clock-not-set"
ENTERED_IN_ERROR = "entered-in-error"
SCHEMA_BROKEN = "schema-broken"
WITHDRAWN = "withdrawn"
TIME_MISSING = "time-missing"
NOTHING_TO_WITHDRAW = "nothing-to-withdraw"

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
    RECORD_UNREADABLE: "The record does not have the shape that this format promises.",
    UNIT_UNKNOWN: "The file does not say the unit, and it cannot be told from the numbers.",
    TIME_UNCLEAR: "The date can be read in two ways, day or month first, and the file does not say which.",
    NUMBER_UNCLEAR: "The number can be read in two ways, with a comma for thousands or for decimals.",
    NO_VALUE_MARK: "The device wrote its mark for \u201cno value\u201d.",
    OUT_OF_RANGE_MARK: "The device wrote that the value lay outside its range, without a number.",
    AGGREGATE: "The record is a total or an average of a period, not a reading.",
    PLAN_NOT_READING: "The record is a goal, a plan or an estimate, not a reading.",
    CLOCK_NOT_SET: "The device's clock had not been set when this was recorded.",
    ENTERED_IN_ERROR: "The sender has marked the record as entered in error, or not as final.",
    SCHEMA_BROKEN: "The record breaks the schema that it names.",
    TIME_MISSING: "The record is sound, but says no time: it belongs to no day.",
    NOTHING_TO_WITHDRAW: "No reading of this source begins and ends then.",
    WITHDRAWN: "The sender has withdrawn the record.",
}


def as_reasons(counts: Mapping[str, int]) -> tuple[Reason, ...]:
    """The counts as reasons with their sentences, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Reason(code, SENTENCES[code], count) for code, count in ordered if count)
