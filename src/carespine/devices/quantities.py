"""FHIR's small parts: quantities, concepts, times, references and labels, as plain trees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from carespine.devices import codes
from carespine.devices.metrics import Unit
from carespine.devices.models import Coding
from carespine.devices.resolve import Span
from carespine.devices.samples import DAY_MS, MINUTE_MS

Tree = dict[str, Any]

# A reading is written with what a device can resolve; a mean with one digit more than its readings.
READING_PLACES = 4


def number(value: float, places: int = READING_PLACES) -> int | Decimal:
    """`value` to at most so many decimal places, halves away from zero, without trailing zeros."""
    exact = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    whole = exact.to_integral_value()
    return int(whole) if exact == whole else exact.normalize()


def quantity(value: float, unit: Unit, places: int = READING_PLACES) -> Tree:
    """A Quantity in UCUM."""
    return {
        "value": number(value, places),
        "unit": unit.text,
        "system": codes.UCUM,
        "code": unit.code,
    }


def coding(code: Coding) -> Tree:
    tree = {"system": code.system, "code": code.code}
    return {**tree, "display": code.display} if code.display else tree


def concept(text: str, *found: Coding) -> Tree:
    """A CodeableConcept; without any coding it is text alone."""
    return {"coding": [coding(code) for code in found], "text": text} if found else {"text": text}


def reference(resource_type: str, resource_id: str, display: str | None = None) -> Tree:
    tree = {"reference": f"{resource_type}/{resource_id}"}
    return tree if display is None else {**tree, "display": display}


def local_time(moment_ms: int, offset_min: int) -> str:
    """A FHIR dateTime to the second, with the offset that was in force."""
    zone = timezone(timedelta(minutes=offset_min))
    return datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(zone).isoformat(timespec="seconds")


def whole_day(day: int, span: Span | None) -> Tree:
    """A local day as a Period, midnight to last second, by the offsets of its first and last reading."""
    first, last = (0, 0) if span is None else (span.start_offset_min, span.end_offset_min)
    return {
        "start": local_time(day * DAY_MS - first * MINUTE_MS, first),
        "end": local_time((day + 1) * DAY_MS - 1000 - last * MINUTE_MS, last),
    }


def period_of(span: Span) -> Tree:
    """From the first reading to the last."""
    return {
        "start": local_time(span.start_ms, span.start_offset_min),
        "end": local_time(span.end_ms, span.end_offset_min),
    }


def labels(*found: Coding) -> Tree:
    """meta with these labels."""
    return {"tag": [coding(code) for code in found]}


def category(code: str) -> list[Tree]:
    names = {"vital-signs": "Vital Signs", "activity": "Activity", "laboratory": "Laboratory"}
    return [concept(names[code], Coding(codes.OBSERVATION_CATEGORY, code, names[code]))]
