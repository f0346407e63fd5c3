"""Time: aware everywhere, UTC inside, Europe/London at the edge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")

Clock = Callable[[], datetime]


def now() -> datetime:
    """This instant, aware, in UTC."""
    return datetime.now(UTC)


def london_date(instant: datetime) -> date:
    """The calendar day in England at `instant`."""
    return instant.astimezone(LONDON).date()


def fhir_instant(instant: datetime) -> str:
    """`instant` as a FHIR instant: UTC, milliseconds, `Z`."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="milliseconds")[:-6] + "Z"
