"""Small pieces of FHIR trees that every builder here uses: references, concepts, times, numbers."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from carespine.demo.practice.codes import UCUM, Code, Measure

Tree = dict[str, Any]
LONDON = ZoneInfo("Europe/London")


def reference(resource_type: str, resource_id: str, display: str | None = None) -> Tree:
    tree: Tree = {"reference": f"{resource_type}/{resource_id}"}
    if display:
        tree["display"] = display
    return tree


def concept(*codes: Code, text: str | None = None) -> Tree:
    tree: Tree = {"coding": [code.coding() for code in codes]}
    if text:
        tree["text"] = text
    return tree


def coded(system: str, code: str, display: str | None = None) -> Tree:
    """A CodeableConcept of one coding."""
    coding = {"system": system, "code": code}
    if display:
        coding["display"] = display
    return {"coding": [coding]}


def quantity(value: int | Decimal, measure: Measure) -> Tree:
    return {"value": value, "unit": measure.unit, "system": UCUM, "code": measure.ucum}


def rounded(value: float, places: int) -> Decimal:
    """A measured value as its instrument shows it, with exactly so many decimal places."""
    return Decimal(f"{value:.{places}f}")


def moment(day: date, minute: int) -> str:
    """A FHIR dateTime: a minute of the day in London, with the offset in force."""
    at = datetime.combine(day, time(minute // 60, minute % 60), LONDON)
    return at.isoformat()


def period(day: date, minute: int, length: int) -> Tree:
    return {"start": moment(day, minute), "end": moment(day, minute + length)}


def day_before(day: date, days: int) -> date:
    """A weekday about so many days earlier."""
    earlier = day - timedelta(days=days)
    return earlier - timedelta(days=max(0, earlier.weekday() - 4))
