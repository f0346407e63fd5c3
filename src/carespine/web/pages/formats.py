"""How dates, times, numbers and names are written on a page: the NHS content style, in English time."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from carespine.devices.models import Figure
from carespine.kernel import nhs_number as nhs_numbers
from carespine.kernel.clock import LONDON, london_date

_ROLES = {"client": "App", "general practitioner": "GP", "system job": "Carespine itself"}


def day(value: date | datetime | None) -> str:
    """`3 November 2026`; an instant is shown as its day in England."""
    if value is None:
        return "not known"
    plain = london_date(value) if isinstance(value, datetime) else value
    return f"{plain.day} {plain:%B %Y}"


def short_day(value: date | datetime) -> str:
    """`3 Nov`, for charts and narrow columns."""
    plain = london_date(value) if isinstance(value, datetime) else value
    return f"{plain.day} {plain:%b}"


def clock(value: datetime) -> str:
    """`2:30pm` in England; `midnight` and `midday` are written as such."""
    return wall_clock(value.astimezone(LONDON))


def wall_clock(local: datetime) -> str:
    """`2:30pm` in the zone that the instant carries."""
    if (local.hour, local.minute) in {(0, 0), (12, 0)}:
        return "midday" if local.hour else "midnight"
    hour, half = local.hour % 12 or 12, "am" if local.hour < 12 else "pm"
    return f"{hour}:{local.minute:02d}{half}" if local.minute else f"{hour}{half}"


def moment(value: datetime | None) -> str:
    """`3 November 2026 at 2:30pm`."""
    return "not known" if value is None else f"{day(value)} at {clock(value)}"


def number(value: float | Decimal | int | None, places: int = 0) -> str:
    """`12,345`, with `places` decimals; a missing number is said to be missing."""
    return "no value" if value is None else f"{value:,.{places}f}"


def tidy_number(value: float) -> str:
    """A number with as many decimals as it needs, two at most: `7`, `7.5`, `12,345`."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 reading`, `2 readings`, `1,204 readings`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def nhs_number(value: str) -> str:
    """The NHS number in groups of 3, 3 and 4 digits, joined by no-break spaces to stay on one line."""
    return nhs_numbers.display(value).replace(" ", "\u00a0")


def figure(value: Figure) -> tuple[str, str]:
    """The number of a figure and its unit as people say them; long times in hours and minutes."""
    if value.unit == "min" and value.value is not None and value.value >= 60:
        minutes = round(value.value)
        return f"{minutes // 60} h {minutes % 60:02d} min", value.unit_text.removeprefix("minutes").strip()
    return value.text, value.unit_text


def role(name: str) -> str:
    """What a role of the access rules is called on a page."""
    return _ROLES.get(name, name.capitalize())


def data_class(code: str) -> str:
    """A class of data in words: `body-measurements` as `body measurements`."""
    return code.replace("-", " ")


FILTERS = {
    "data_class": data_class,
    "day": day,
    "short_day": short_day,
    "clock": clock,
    "figure": figure,
    "moment": moment,
    "number": number,
    "tidy_number": tidy_number,
    "plural": plural,
    "nhs_number": nhs_number,
}
