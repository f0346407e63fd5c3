"""The clock, and the parts of dates and times."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from carespine.fhir.fhirpath import temporal
from carespine.fhir.fhirpath.registry import Fn, scalar, special
from carespine.fhir.fhirpath.temporal import Date, DateTime, Temporal, Time

if TYPE_CHECKING:
    from carespine.fhir.fhirpath.compiler import Compiler
    from carespine.fhir.fhirpath.syntax import Call


@special("now", returns="DateTime")
def now(compiler: Compiler, call: Call) -> Fn:
    return lambda item, frame: [temporal.date_time(frame.now)]


@special("today", returns="Date")
def today(compiler: Compiler, call: Call) -> Fn:
    return lambda item, frame: [Date((frame.now.year, frame.now.month, frame.now.day))]


@special("timeOfDay", returns="Time")
def time_of_day(compiler: Compiler, call: Call) -> Fn:
    return lambda item, frame: [Time(temporal.date_time(frame.now).parts[3:])]


def _part(value: Any, place: int) -> Any:
    """The part at a place among year, month, day, hour, minute, second; None where the value has none."""
    if isinstance(value, Time):
        place -= 3
    if not isinstance(value, Temporal) or not 0 <= place < len(value.parts):
        return None
    return value.parts[place]


def _register(name: str, place: int, read: Callable[[Any], Any]) -> None:
    @scalar(name, returns="Integer")
    def part(value: Any) -> Any:
        found = _part(value, place)
        return None if found is None else read(found)


for _place, _name in enumerate(("yearOf", "monthOf", "dayOf", "hourOf", "minuteOf", "secondOf")):
    _register(_name, _place, int)
_register("millisecondOf", 5, lambda second: int(second % 1 * 1000) if second.as_tuple().exponent else None)


@scalar("timezoneOffsetOf", returns="Decimal")
def timezone_offset_of(value: Any) -> Decimal | None:
    """In hours."""
    offset = value.offset if isinstance(value, DateTime) else None
    return None if offset is None else Decimal(offset) / 60


@scalar("dateOf", returns="Date")
def date_of(value: Any) -> Date | None:
    return Date(value.parts[:3]) if isinstance(value, Date | DateTime) else None


@scalar("timeOf", returns="Time")
def time_of(value: Any) -> Time | None:
    return Time(value.parts[3:]) if isinstance(value, DateTime) and len(value.parts) > 3 else None
