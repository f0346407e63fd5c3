"""Where the wearer is, and how an export writes a moment.

Apple writes every moment in the zone of the phone at the time of the export, with the offset that zone had
at the moment; a record's own zone stands in its metadata (HKTimeZone), and only some apps set it. So a week
in New York is written in London time. `as_taken=True` writes the offset of the place instead, as exports
that other apps make do.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

TRIP_ZONE = "America/New_York"
_DAY = 86_400
_CLOCK = tuple(f"{at // 3600:02d}:{at % 3600 // 60:02d}:{at % 60:02d}" for at in range(_DAY))
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_LEAVES_AT, _LANDS_AT = time(20, 0), time(5, 30)  # UTC: lands in New York, and in London a week later


@dataclass(frozen=True, slots=True)
class Trip:
    """Days spent away: from the day of the flight out to the last whole day there, both included."""

    first: date
    last: date

    @property
    def away_from(self) -> int:
        """The moment (epoch seconds) at which the wearer's clock changes to the zone of the trip."""
        return int(datetime.combine(self.first, _LEAVES_AT, UTC).timestamp())

    @property
    def away_until(self) -> int:
        return int(datetime.combine(self.last + timedelta(days=1), _LANDS_AT, UTC).timestamp())


class Offsets:
    """The offset from UTC, in seconds, at any moment of a period; found once, looked up fast."""

    __slots__ = ("_from", "_offset")

    def __init__(self, zones: list[tuple[int, str]], until: int) -> None:
        """`zones`: (moment from which, zone), in order; `until`: the end of the period."""
        self._from: list[int] = []
        self._offset: list[int] = []
        ends = [start for start, _ in zones[1:]] + [until]
        for (start, zone), end in zip(zones, ends, strict=True):
            self._add(ZoneInfo(zone), start, end)

    def _add(self, zone: ZoneInfo, start: int, end: int) -> None:
        moment = start
        while moment < end:
            offset = _offset_of(zone, moment)
            self._from.append(moment)
            self._offset.append(offset)
            moment += 3600 - moment % 3600
            while moment < end and _offset_of(zone, moment) == offset:
                # A day at a time where that is safe, then an hour at a time up to the change.
                moment += _DAY if _offset_of(zone, moment + _DAY) == offset else 3600

    def at(self, moment: int) -> int:
        return self._offset[max(bisect_right(self._from, moment) - 1, 0)]

    def changes(self) -> list[int]:
        """The moments at which the offset changes within the period."""
        return self._from[1:]


def _offset_of(zone: ZoneInfo, moment: int) -> int:
    shift = datetime.fromtimestamp(moment, zone).utcoffset()
    return int(shift.total_seconds()) if shift is not None else 0


class Clock:
    """Turns places and times of day into moments, and moments into the text of an export."""

    def __init__(self, *, home: str, start: date, days: int, trip: Trip | None, as_taken: bool) -> None:
        first = int(datetime.combine(start, time(), UTC).timestamp()) - 3 * _DAY
        until = first + (days + 6) * _DAY
        self.home_zone, self.trip = home, trip
        self.home = Offsets([(first, home)], until)
        away = [(trip.away_from, TRIP_ZONE), (trip.away_until, home)] if trip else []
        self.place = Offsets([(first, home), *away], until)
        self._written = self.place if as_taken else self.home
        self._dates: dict[int, str] = {}

    def zone_on(self, day: date, minute: int) -> str:
        """The zone the wearer's clock shows at a minute of a day of theirs."""
        if self.trip and self.trip.first <= day <= self.trip.last:
            flying_out = day == self.trip.first and minute < 15 * 60
            return self.home_zone if flying_out else TRIP_ZONE
        return self.home_zone

    def moment(self, day: date, minute: int, second: int = 0) -> int:
        """Epoch seconds of a minute (0 to 1439) of a day, as the wearer's own clock shows it."""
        zone = ZoneInfo(self.zone_on(day, minute))
        local = datetime.combine(day, time(minute // 60, minute % 60, second), zone)
        return int(local.timestamp())

    def zone_at(self, moment: int) -> str:
        away = self.trip is not None and self.trip.away_from <= moment < self.trip.away_until
        return TRIP_ZONE if away else self.home_zone

    def home_day(self, moment: int) -> date:
        """The calendar day at home."""
        return date.fromordinal((moment + self.home.at(moment)) // _DAY + _EPOCH_ORDINAL)

    def written_day(self, moment: int) -> date:
        """The calendar day in the offset that the export writes."""
        return date.fromordinal((moment + self._written.at(moment)) // _DAY + _EPOCH_ORDINAL)

    def midnight(self, day: date) -> int:
        """The moment a day begins at home."""
        return int(datetime.combine(day, time(), ZoneInfo(self.home_zone)).timestamp())

    def text(self, moment: int) -> str:
        """As Apple writes it: 2026-10-25 00:59:30 +0100."""
        offset = self._written.at(moment)
        day, second = divmod(moment + offset, _DAY)
        shown = self._dates.get(day)
        if shown is None:
            shown = self._dates[day] = date.fromordinal(day + _EPOCH_ORDINAL).isoformat()
        return f"{shown} {_CLOCK[second]} {_offset_text(offset)}"


def _offset_text(offset: int) -> str:
    if offset == 0:
        return "+0000"
    sign, minutes = ("-", -offset // 60) if offset < 0 else ("+", offset // 60)
    return f"{sign}{minutes // 60:02d}{minutes % 60:02d}"
