"""What assurance documents share: dated, told in words, wrong or not at a given day."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

# Cyber Essentials, DTAC and DCB0129 monitoring all renew after a year.
YEAR = timedelta(days=365)


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The payload of a signed document. Each kind says what is wrong with it on a day."""

    def faults(self, today: date) -> list[str]:
        """Everything that is not as required on `today`."""
        raise NotImplementedError  # pragma: no cover - every kind has its own


def stale(what: str, when: date, today: date, *, most: timedelta = YEAR) -> list[str]:
    """A fault where `when` lies in the future or more than `most` ago."""
    if when > today:
        return [f"{what} is dated {when}, in the future"]
    return [f"{what} is of {when}, more than {most.days} days ago"] if today - when > most else []


def missing(**fields: object) -> list[str]:
    """A fault for each text or list that is empty."""
    return [
        f"{name.replace('_', ' ')} is not given"
        for name, value in fields.items()
        if value is None
        or (isinstance(value, str | tuple) and not (value.strip() if isinstance(value, str) else value))
    ]


def year_later(day: date) -> date:
    """The same day of the next year; of 29 February the 28th."""
    if (day.month, day.day) == (2, 29):
        return date(day.year + 1, 2, 28)
    return day.replace(year=day.year + 1)
